"""What reader A says of a question, as data: sentences, finalists with its scores, all candidates.

Kept in a file beside the weights in training, for the same questions are weighed again and again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from rag.evidence import plain_score
from rag.extract.candidate import candidates
from rag.extract.reading import Look
from rag.llm.score import Choice
from rag.types import Span
from recipes.llm.lesson import plain_order, sentence_text, shown
from recipes.reader.data import Example
from recipes.reader.judge import Models, judge_all
from recipes.reader.train import Case, cases, read_all

#: Raise when :class:`Reading` changes, so that kept ones are not taken for those of now.
VERSION = 2
#: Sentences by the score without training, in which candidates are listed for B alone.
ALONE = 3


@dataclass(frozen=True, slots=True)
class Spot:
    """A candidate at ``[start, end)`` of the ``text``-th sentence, and A's score of it."""

    text: int
    start: int
    end: int
    words: str
    score: float

    @property
    def choice(self) -> Choice:
        return Choice(self.text, Span(self.start, self.end))


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as A reads it.

    Attributes:
        group: Its article, by which everything is split.
        answers: Empty where the question has no answer in what was shown.
        sentence: What is said without a model.
        overlap: Its score without training.
        texts: A's sentences, best first; ``finalists`` stand in them, best first.
        plain: Sentences by the score without training; ``candidates`` are all spots of the first of them.
        sure: A's judge: probability that the sentence of its answer holds one; 0 where A found nothing.
        ms: What A took, in milliseconds.
    """

    question: str
    answers: tuple[str, ...]
    group: str
    kind: str
    sentence: str
    overlap: float
    texts: tuple[str, ...]
    finalists: tuple[Spot, ...]
    plain: tuple[str, ...]
    candidates: tuple[Spot, ...]
    sure: float
    ms: float


def readings(examples: Sequence[Example], models: Models) -> Iterator[Reading]:
    """A over examples; those without any candidate are empty readings."""
    for example in examples:
        started = time.perf_counter()
        found = cases([example])
        read_all(found, models.steps)
        judge_all(found, models)
        spent = 1000 * (time.perf_counter() - started)
        yield _reading(found[0], spent) if found else _nothing(example, spent)


def _nothing(example: Example, ms: float) -> Reading:
    asked = (example.question, example.answers, example.group, example.kind)
    return Reading(*asked, "", 0.0, (), (), (), (), 0.0, ms)


def _reading(case: Case, ms: float) -> Reading:
    example, seen = case.example, case.look
    order = plain_order(seen)
    assert case.narrow is not None
    rows = [seen.places.index(place) for place in case.narrow.kept]
    return Reading(
        question=example.question,
        answers=example.answers,
        group=example.group,
        kind=example.kind or seen.question.kind.name.lower(),
        sentence=sentence_text(seen, order[0]),
        overlap=float(plain_score(seen.table)[order[0]]),
        texts=shown(seen, rows).texts,
        finalists=tuple(_finalists(case)),
        plain=shown(seen, order).texts,
        candidates=tuple(_candidates(seen, order[:ALONE])),
        sure=case.sure[0],
        ms=ms,
    )


def _finalists(case: Case) -> Iterator[Spot]:
    if case.final is None:
        return
    assert case.narrow is not None
    for at in np.argsort(-case.final_scores, kind="stable").tolist():
        row = case.final.rows[at]
        one = case.narrow.found[row]
        yield _spot(case.look, case.narrow.kept[one.sentence], one, float(case.final_scores[at]))


def _candidates(seen: Look, order: Sequence[int]) -> Iterator[Spot]:
    kept = [seen.places[row] for row in order]
    for one in candidates(seen.question, seen.pages, kept):
        yield _spot(seen, kept[one.sentence], one, 0.0)


def _spot(seen: Look, place: object, one: object, score: float) -> Spot:
    view = seen.pages[place.passage].seen  # type: ignore[attr-defined]
    sentence = view.analysis.sentences[place.sentence]  # type: ignore[attr-defined]
    morphemes = view.analysis.morphemes
    start, end = morphemes[one.first].start, morphemes[one.last - 1].end  # type: ignore[attr-defined]
    return Spot(
        one.sentence,  # type: ignore[attr-defined]
        start - sentence.start,
        end - sentence.start,
        view.text[start:end],
        round(score, 6),
    )


def save(path: Path, found: Sequence[Reading]) -> None:
    lines = (json.dumps(asdict(one), ensure_ascii=False) for one in found)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def load(path: Path) -> list[Reading]:
    """What :func:`save` wrote."""
    return [_read(json.loads(line)) for line in path.read_text("utf-8").splitlines() if line]


def _read(record: dict[str, object]) -> Reading:
    spots = {
        name: tuple(Spot(**one) for one in record.pop(name))  # type: ignore[attr-defined]
        for name in ("finalists", "candidates")
    }
    lists = {name: tuple(record.pop(name)) for name in ("answers", "texts", "plain")}  # type: ignore[call-overload]
    return Reading(**record, **lists, **spots)  # type: ignore[arg-type]
