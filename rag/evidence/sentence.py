"""How well each sentence of the evidence carries the question: features, and a score without training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rag.evidence.alias import aliases
from rag.evidence.lexicon import Unit
from rag.evidence.paraphrase import Paraphrases
from rag.evidence.question import Floats, Question
from rag.evidence.view import View, view, word_class
from rag.korean import Morpheme
from rag.types import Evidence, Role

#: Cosine below which two words have nothing to do with each other, and what a synonym is worth.
COSINE_FLOOR = 0.42
SYNONYM = 0.75
OTHER_CLASS = 0.6
#: What another way to say the same is worth, and a word within a longer one; below the same word, which is 1.
PARAPHRASE = 0.9
WITHIN = 0.9
#: Letters of a word with which a longer one may begin; it may end with fewer: "도시락" is no 도시.
HEAD = 3

NAMES = (
    "exact soft bigrams with_next with_previous context document rank ratio gap passage_score "
    "passage_rank morphemes position sentences question_words kind has_unit predicate has_focus "
    "is_question is_statement aside missing hard_missing passage_soft focus_cosine exact_hard "
    "soft_other_top has_number wh chars"
).split()


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """A question held against one passage with ``n`` morphemes.

    Attributes:
        loose: ``(q, n)`` cosines of content words, negative ones as 0.
        item: The evidence.
        seen: Its passage as arrays.
        match: ``(q, n)`` in [0, 1]: 1 the same word, less for a near one, 0 for no content.
        context: ``(q,)`` best match of each question word in title and heading.
    """

    item: Evidence
    seen: View
    match: Floats
    loose: Floats
    context: Floats


@dataclass(frozen=True, slots=True)
class Place:
    """A sentence: passage number (0-based), sentence number, and its morphemes ``[first, last)``."""

    passage: int
    sentence: int
    first: int
    last: int


def match(question: Question, seen: View) -> Floats:
    """``(q, n)`` in [0, 1]: how much each morpheme of the text is each word of the question."""
    if not question.forms or not seen.forms:
        return np.zeros((len(question.forms), len(seen.forms)), np.float32)
    cosine = question.rows @ seen.rows.T
    near = np.clip((cosine - COSINE_FLOOR) / (1 - COSINE_FLOOR), 0, 1) * SYNONYM
    near *= np.where(question.classes[:, None] == seen.classes[None, :], 1.0, OTHER_CLASS)
    for row, form in enumerate(question.forms):
        same = [column for column, other in enumerate(seen.forms) if other == form]
        near[row, same] = 1.0
    return np.asarray(near * seen.content[None, :], np.float32)


def _columns(seen: View, name: str) -> list[int]:
    """Morphemes of the text that lie in some occurrence of ``name``."""
    spots = [found.span() for found in re.finditer(re.escape(name), seen.text)]
    inside = np.zeros(len(seen.forms), np.bool_)
    for start, end in spots:
        inside |= (seen.starts >= start) & (seen.ends <= end)
    return np.flatnonzero(inside).tolist()


def _asked_aliases(question: Question, evidence: Sequence[Evidence]) -> list[tuple[list[int], str]]:
    """Words of the question that are a name, and the other name that the evidence gives it."""
    stated = dict.fromkeys(pair for item in evidence for pair in aliases(item.passage.text))
    found = []
    for named, other in [*stated, *((b, a) for a, b in stated)]:
        if named.replace(" ", "").lower() in question.flat:
            forms = set(view(named).forms)
            if rows := [row for row, form in enumerate(question.forms) if form in forms]:
                found.append((rows, other))
    return found


@lru_cache(maxsize=256)
def _spelled(question: Question) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Nouns of the question as they are written, alone and as what they make up together, and their rows."""
    seen, found = view(question.text), dict[str, tuple[int, ...]]()
    row_of = {form: row for row, form in enumerate(question.forms)}
    run: list[Morpheme] = []
    for m in (*seen.analysis.morphemes, None):
        if m is not None and word_class(m) == 1 and (not run or run[-1].end == m.start):
            run.append(m)
            continue
        for part in (*([one] for one in run), run):
            rows = tuple(row_of[form] for one in part if (form := one.form.lower()) in row_of)
            name = question.text[part[0].start : part[-1].end].lower() if part else ""
            if rows and len(name) > 1:
                found[name] = rows
        run = [m] if m is not None and word_class(m) == 1 else []
    return tuple(found.items())


def _spell(close: Floats, seen: View, question: Question) -> None:
    """Raise what stands in ``close`` where the text writes a noun of the question, however either is cut."""
    flat, places = seen.flat
    for name, rows in _spelled(question):
        at = flat.find(name)
        while at >= 0:
            first, end = int(places[at]), int(places[at + len(name) - 1]) + 1
            columns = np.flatnonzero((seen.starts < end) & (seen.ends > first) & seen.content)
            here = np.ix_(np.array(rows), columns)
            if len(columns) and not _cuts(seen.text, first, end) and close[here].max(axis=1).min() < 0.999:
                heads, tails = first == seen.starts[columns[0]], end == seen.ends[columns[-1]]
                worth = 1.0 if heads and tails else WITHIN * (tails or (heads and len(name) >= HEAD))
                close[here] = np.maximum(close[here], worth)
            at = flat.find(name, at + 1)


def _cuts(text: str, first: int, end: int) -> bool:
    """Whether a number or Latin word goes on at either end: "30" is not in "130", "AI" not in "DAIRY"."""
    pairs = (text[at - 1 : at + 1] for at in (first, end) if 0 < at < len(text))
    return any(pair.isascii() and pair.isalnum() for pair in pairs)


def _asked_paraphrases(question: Question) -> list[tuple[list[int], int]]:
    """Words of the question that say something which the paraphrases know, and the number of the group."""
    row_of = {form: row for row, form in enumerate(question.forms)}
    morphemes = view(question.text).analysis.morphemes
    asked = []
    for rows, number in Paraphrases.load().asked(morphemes):
        if words := [row_of[form] for row in rows if (form := morphemes[row].form.lower()) in row_of]:
            asked.append((words, number))
    return asked


def _liken(close: Floats, seen: View, asked: Sequence[tuple[list[int], int]]) -> None:
    """Raise what stands in ``close`` where the text says in other words what the question says."""
    words_of: dict[int, list[int]] = {}
    for words, number in asked:
        words_of.setdefault(number, []).extend(words)
    for columns, number in Paraphrases.load().said(seen.analysis.morphemes, list(words_of)):
        here = np.ix_(words_of[number], columns)
        close[here] = np.maximum(close[here], PARAPHRASE)


def matched(question: Question, evidence: Sequence[Evidence]) -> tuple[Matched, ...]:
    """The question held against every passage; another name of a thing is as good as the same one."""
    found = []
    renamed = _asked_aliases(question, evidence)
    asked = _asked_paraphrases(question)
    for item in evidence:
        seen = view(item.passage.text)
        context = item.passage.context
        best = np.zeros(len(question.forms), np.float32)
        if context:
            titled = match(question, view(context))
            _spell(titled, view(context), question)
            _liken(titled, view(context), asked)
            best = _best(titled)
        close = match(question, seen)
        _spell(close, seen, question)
        _liken(close, seen, asked)
        for rows, other in renamed:
            close[np.ix_(rows, _columns(seen, other))] = 1.0
        cosine = (question.rows @ seen.rows.T) * seen.content[None, :]
        loose = np.maximum(np.maximum(cosine, 0.0), close >= 0.999).astype(np.float32)
        found.append(Matched(item, seen, close, loose, best))
    return tuple(found)


def _best(matrix: Floats) -> Floats:
    """``(q,)`` best match of each question word; 0 where there is nothing to match."""
    return np.asarray(matrix.max(axis=1, initial=0.0), np.float32)


def places(pages: Sequence[Matched]) -> tuple[Place, ...]:
    """All sentences, in order of passages and text."""
    return tuple(
        Place(passage, number, first, last)
        for passage, page in enumerate(pages)
        for number, (first, last) in enumerate(page.seen.analysis.bounds)
    )


def _sentence_text(page: Matched, place: Place) -> str:
    span = page.seen.analysis.sentences[place.sentence]
    return page.seen.text[span.start : span.end]


def _row(
    question: Question,
    page: Matched,
    place: Place,
    per: Sequence[Floats],
    document: Floats,
    top: float,
) -> list[float]:
    weights, soft = question.weights, per[place.sentence]
    exact = soft >= 0.999
    none = np.zeros_like(soft)
    before = per[place.sentence - 1] if place.sentence else none
    after = per[place.sentence + 1] if place.sentence + 1 < len(per) else none
    full = np.maximum(soft, page.context)
    inside = slice(place.first, place.last)
    text = _sentence_text(page, place)
    flat = text.replace(" ", "").lower()
    units = page.seen.units[inside]
    words = page.seen.forms[inside]
    rows = page.seen.rows[inside]
    verbs = page.seen.predicate[inside]
    hard = weights * question.hard
    said = float((rows[verbs] @ question.predicate_row).max(initial=0.0))
    morphemes = page.seen.analysis.morphemes[inside]
    return [
        float((weights * exact).sum()),
        float((weights * soft).sum()),
        sum(pair in flat for pair in question.bigrams) / max(1, len(question.bigrams)),
        float((weights * np.maximum(full, 0.7 * after)).sum()),
        float((weights * np.maximum(full, 0.7 * before)).sum()),
        float((weights * page.context).sum()),
        float((weights * document).sum()),
        0.0,
        0.0,
        0.0,
        page.item.hit.score / top if top > 0 else 0.0,
        float(page.item.marker - 1),
        float(place.last - place.first),
        float(place.sentence),
        float(len(per)),
        float(len(question.forms)),
        float(question.kind),
        -1.0 if question.unit is Unit.NONE else float(bool((units == question.unit).any())),
        max(said, _said(question, question.predicate, soft, words)),
        _said(question, question.focus, soft, words) if question.focus else -1.0,
        float(text.rstrip().endswith("?")),
        float(any(m.tag == "EF" for m in morphemes[-3:])),
        float(page.item.passage.role is Role.ASIDE),
        float((weights * (1 - full)).sum()),
        float((hard * (full < 0.5)).sum()),
        float((weights * np.maximum(np.max(per, axis=0), page.context)).sum()),
        float((rows @ question.focus_row).max(initial=0.0)),
        float((hard * exact).sum()),
        0.0,
        float(bool(units.any())),
        float(question.has_wh),
        float(len(text)),
    ]


def _said(question: Question, word: str, soft: Floats, words: Sequence[str]) -> float:
    """How well a sentence with ``words`` says one word, which need not be among those that are matched."""
    return float(soft[question.forms.index(word)] if word in question.forms else word in words)


def _mean_cosine(question: Question, page: Matched, inside: slice) -> float:
    """Cosine of the rarity-weighted mean vectors of question and sentence."""
    weights = page.seen.idf[inside] * page.seen.content[inside]
    sentence = weights @ page.seen.rows[inside]
    asked = question.weights @ question.rows
    size = float(np.linalg.norm(sentence) * np.linalg.norm(asked))
    return float(asked @ sentence) / size if size > 0 else 0.0


def features(question: Question, pages: Sequence[Matched]) -> tuple[tuple[Place, ...], Floats]:
    """All sentences and their ``(s, len(NAMES))`` features."""
    top = max((page.item.hit.score for page in pages), default=0.0)
    document = np.zeros(len(question.forms), np.float32)
    for page in pages:
        document = np.maximum(document, np.maximum(_best(page.match), page.context))
    found = places(pages)
    by_page = [
        [_best(page.match[:, first:last]) for first, last in page.seen.analysis.bounds] for page in pages
    ]
    table = np.array(
        [_row(question, pages[p.passage], p, by_page[p.passage], document, top) for p in found],
        np.float32,
    ).reshape(len(found), len(NAMES))
    if len(found):
        _compare(table)
    return found, table


def plain_score(table: NDArray[np.float32]) -> Floats:
    """``(s,)`` score without training: matched weight, bigrams, neighbours."""
    at = NAMES.index
    return np.asarray(
        0.2 * table[:, at("soft")]
        + 0.5 * table[:, at("bigrams")]
        + 0.8 * table[:, at("with_previous")]
        + 0.5 * table[:, at("passage_score")] * (1 - table[:, at("is_question")]),
        np.float32,
    )


def _compare(table: Floats) -> None:
    """Fill the columns that hold a sentence against the others."""
    score = plain_score(table)
    order = np.argsort(-score, kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order))
    best = float(score.max())
    table[:, NAMES.index("rank")] = ranks
    table[:, NAMES.index("ratio")] = score / max(best, 1e-6)
    second = float(np.sort(score)[-2]) if len(score) > 1 else 0.0
    table[:, NAMES.index("gap")] = score - second
    soft = table[:, NAMES.index("soft")]
    table[:, NAMES.index("soft_other_top")] = soft - soft.max()
