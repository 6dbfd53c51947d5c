"""How well each sentence of the evidence carries the question: features, and a score without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.evidence.lexicon import Unit
from rag.evidence.matching import Matched, best_of
from rag.evidence.question import Floats, Question
from rag.types import Role

NAMES = (
    "exact soft bigrams with_next with_previous context document own own_missing rank ratio gap "
    "passage_score passage_rank morphemes position sentences question_words kind has_unit predicate "
    "has_focus is_question is_statement aside missing hard_missing passage_soft focus_cosine exact_hard "
    "soft_other_top has_number wh chars"
).split()


@dataclass(frozen=True, slots=True)
class Place:
    """A sentence: passage number (0-based), sentence number, and its morphemes ``[first, last)``."""

    passage: int
    sentence: int
    first: int
    last: int


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
    own: Floats,
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
        float((weights * own).sum()),
        float((hard * (own < 0.5)).sum()),
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


def features(question: Question, pages: Sequence[Matched]) -> tuple[tuple[Place, ...], Floats]:
    """All sentences and their ``(s, len(NAMES))`` features."""
    top = max((page.item.hit.score for page in pages), default=0.0)
    said = [np.maximum(best_of(page.match), page.context) for page in pages]
    names = [page.item.passage.document_id for page in pages]
    document = np.max(said, axis=0, initial=0.0) if said else np.zeros(len(question.forms), np.float32)
    own = {
        name: np.max([words for words, of in zip(said, names, strict=True) if of == name], axis=0)
        for name in set(names)
    }
    found = places(pages)
    by_page = [
        [best_of(page.match[:, first:last]) for first, last in page.seen.analysis.bounds] for page in pages
    ]
    table = np.array(
        [
            _row(question, pages[p.passage], p, by_page[p.passage], document, own[names[p.passage]], top)
            for p in found
        ],
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
