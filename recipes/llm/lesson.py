"""Questions as ids: prompt, answer, and where in the prompt each token of the answer stands."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.evidence import plain_score
from rag.extract.reading import Look, look
from rag.llm.morpheme import END, Layout, Prompt, Vocabulary, answer, prompt
from rag.types import Span
from recipes.reader import data
from recipes.reader.data import Example
from recipes.reader.made import made

KINDS = ("made", "real", "tune")


@dataclass(frozen=True, slots=True)
class Lesson:
    """``ids[:asked]`` is the prompt, the rest the answer with its end.

    ``guide`` holds for each token of the answer its place in the prompt's last showing, -1 for none.
    """

    ids: tuple[int, ...]
    asked: int
    guide: tuple[int, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Sentences as a model is shown them, best first; ``places`` are their rows in ``Look.places``."""

    texts: tuple[str, ...]
    places: tuple[int, ...]


def shown(seen: Look, order: Sequence[int], most: int = 12) -> Shown:
    """The first ``most`` sentences by an order of rows."""
    kept = list(order)[:most]
    return Shown(tuple(sentence_text(seen, row) for row in kept), tuple(kept))


def sentence_text(seen: Look, row: int) -> str:
    place = seen.places[row]
    view = seen.pages[place.passage].seen
    span = view.analysis.sentences[place.sentence]
    return view.text[span.start : span.end]


def sentence_span(seen: Look, row: int) -> tuple[str, Span]:
    """Document and position of a sentence."""
    place = seen.places[row]
    page = seen.pages[place.passage]
    passage = page.item.passage
    return passage.document_id, page.seen.analysis.sentences[place.sentence].shift(passage.span.start)


def plain_order(seen: Look) -> list[int]:
    """Rows of sentences, best first, by the score that needs no training."""
    return np.argsort(-plain_score(seen.table), kind="stable").tolist()


def lesson(vocabulary: Vocabulary, layout: Layout, example: Example, kind: str) -> Lesson | None:
    """The lesson of an example; ``None`` where its answer stands in no one sentence, or fits nowhere."""
    if example.gold is None:
        return None
    seen = look(example.question, example.evidence)
    order = plain_order(seen)
    gold = next((row for row in order if _holds(seen, row, example)), None)
    if gold is None:
        return None
    laid, asked = _prompted(vocabulary, layout, example.question, seen, order)
    if kind != "tune" and (gold not in laid.places or not _is_shown(asked, laid.places.index(gold))):
        laid, asked = _prompted(
            vocabulary, layout, example.question, seen, [gold, *(row for row in order if row != gold)]
        )
    if gold not in laid.places:
        return None
    row = laid.places.index(gold)
    start = example.gold.start - sentence_span(seen, gold)[1].start
    told = answer(
        vocabulary, asked.texts[row], laid.texts[row], Span(start, start + len(example.answers[0]))
    )[: layout.answer - 1]
    if not told:
        return None
    ids = (*asked.ids, *told, vocabulary[END])
    return Lesson(ids, len(asked.ids), (*_guide(asked, row, start, told), -1), kind)


def _prompted(
    vocabulary: Vocabulary, layout: Layout, question: str, seen: Look, order: Sequence[int]
) -> tuple[Shown, Prompt]:
    laid = shown(seen, order)
    return laid, prompt(vocabulary, layout, question, laid.texts)


def _is_shown(asked: Prompt, row: int) -> bool:
    return any(text == row for text, _ in asked.places)


def _holds(seen: Look, row: int, example: Example) -> bool:
    assert example.gold is not None
    document, span = sentence_span(seen, row)
    return document == example.document_id and span.contains(example.gold)


def _guide(asked: Prompt, row: int, start: int, told: Sequence[int]) -> list[int]:
    """Places in the last showing of the tokens of an answer that begins at ``start`` of text ``row``."""
    tokens = asked.texts[row]
    last = {place: at for at, place in enumerate(asked.places)}
    first = next((at for at, begin in enumerate(tokens.starts) if begin >= start), len(tokens.ids))
    return [
        last.get((row, first + number), -1)
        if first + number < len(tokens.ids) and tokens.ids[first + number] == token
        else -1
        for number, token in enumerate(told)
    ]


def real(korquad: Path, own: Sequence[Path], most: int | None) -> Iterator[Example]:
    """Training questions with their whole documents, never those held out."""
    articles = list(data.korquad(korquad)[0][:most])
    for path in own:
        articles += data.own(path)[0][:most]
    for article in articles:
        yield from data.oracle(article)


def is_tuning(group: str, groups: Sequence[str], every: int) -> bool:
    """Whether a group of training articles is kept for watching and for fitting the mix."""
    return groups.index(group) % every == 0


def lessons(
    folder: Path,
    korquad: Path,
    own: Sequence[Path],
    vocabulary: Vocabulary,
    layout: Layout,
    settings: dict[str, int],
    seed: int,
    most: int | None,
) -> Iterator[Lesson]:
    """All lessons: made ones, real ones, and those that are only watched."""
    examples = list(real(korquad, own, most))
    groups = sorted({example.group for example in examples})
    for example in examples:
        tuning = is_tuning(example.group, groups, settings["tune_every"])
        found = lesson(vocabulary, layout, example, "tune" if tuning else "real")
        if found is not None:
            yield found
    for example in made(folder, settings["made_paragraphs"], seed, bereft_share=0.0):
        best = tuple(e for e in example.evidence if e.passage.document_id == example.document_id)
        rest = tuple(e for e in example.evidence if e not in best)
        few = (*best, *rest)[: settings["passages"]]
        found = lesson(vocabulary, layout, _shown_less(example, few), "made")
        if found is not None:
            yield found


def _shown_less(example: Example, evidence: tuple[object, ...]) -> Example:
    from dataclasses import replace

    return replace(example, evidence=evidence)  # type: ignore[arg-type]


def save(path: Path, found: Iterable[Lesson], seed: int) -> dict[str, int]:
    """Write lessons as flat arrays, in an order drawn by ``seed``; counts by kind."""
    kept = list(found)
    random.Random(seed).shuffle(kept)
    sizes = [len(one.ids) for one in kept]
    np.savez_compressed(
        path,
        ids=np.concatenate([np.array(one.ids, np.int32) for one in kept]),
        ends=np.cumsum(sizes, dtype=np.int64),
        asked=np.array([one.asked for one in kept], np.int32),
        guide=np.concatenate([np.array(one.guide, np.int32) for one in kept]),
        kinds=np.array([KINDS.index(one.kind) for one in kept], np.int8),
    )
    return {kind: sum(one.kind == kind for one in kept) for kind in KINDS}


def load(path: Path) -> list[Lesson]:
    """What :func:`save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        ids, ends, asked, guide, kinds = (file[name] for name in ("ids", "ends", "asked", "guide", "kinds"))
    starts = np.concatenate([[0], ends[:-1]])
    told = np.cumsum(ends - starts - asked)
    return [
        Lesson(
            tuple(ids[start:end].tolist()),
            int(size),
            tuple(guide[at - (end - start - size) : at].tolist()),
            KINDS[kind],
        )
        for start, end, size, at, kind in zip(starts, ends, asked, told, kinds, strict=True)
    ]
