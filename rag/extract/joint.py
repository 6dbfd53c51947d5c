"""The question and its best sentences, read together by the cross-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.crossencoder import (
    BEGIN,
    END,
    LONGEST,
    QUESTION_PART,
    SENTENCE,
    SENTENCE_PART,
    TITLE,
    TITLE_PART,
    CrossEncoder,
    Said,
)
from rag.evidence import Matched, Place, Question
from rag.pieces import Pieces

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: Sentences that are read at most, and pieces of a question, a title and a sentence.
READ = 8
QUESTION_PIECES, TITLE_PIECES, SENTENCE_PIECES = 40, 40, 96
#: Log probability of what was not read, or is too unlikely to tell apart.
UNREAD = -12.0
_NOTHING = Pieces(np.zeros(0, np.int64), np.zeros((0, 2), np.int64))
#: Of a sentence: log probability that it answers, its distance from the best other one or from none, its
#: rank; log probability that none does. Of a span in it: log probability of its bounds, and the distance from
#: the best span of the sentence.
NAMES = ("joint", "joint_gap", "joint_rank", "joint_none", "joint_span", "joint_span_gap")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A sentence to be read.

    Attributes:
        document: Whose it is.
        start: Where it begins there.
        title: What its passage is headed by.
        text: Its words; not more than :data:`SENTENCE_PIECES`.
    """

    document: str
    start: int
    title: Pieces
    text: Pieces


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A question and sentences as one sequence of ``n`` places.

    Attributes:
        ids, parts: ``(n,)`` see :meth:`CrossEncoder.read`.
        marks: ``(s,)`` where each sentence's mark stands; its words follow. -1 where it found no room.
    """

    ids: Ints
    parts: Ints
    marks: Ints


def lay(asked: Pieces, shown: Sequence[Shown]) -> Laid:
    """Sentences in the order of the text, those of the document that comes first in ``shown`` first.

    Where not all find room, those that come first in ``shown`` do.
    """
    ids = [BEGIN, *asked.head(QUESTION_PIECES).ids.tolist(), END]
    parts = [QUESTION_PART] * len(ids)
    marks = np.full(len(shown), -1)
    for mine in _by_document(shown, LONGEST - len(ids)):
        head = [TITLE, *shown[mine[0]].title.head(TITLE_PIECES).ids.tolist()]
        ids += head
        parts += [TITLE_PART] * len(head)
        for row in mine:
            words = [SENTENCE, *shown[row].text.ids.tolist()]
            marks[row] = len(ids)
            ids += words
            parts += [SENTENCE_PART] * len(words)
    return Laid(np.array(ids), np.array(parts), marks)


def _by_document(shown: Sequence[Shown], room: int) -> list[list[int]]:
    """Rows of the sentences that find room, each document's in the order of the text."""
    longest: dict[str, int] = {}
    for one in shown:
        longest[one.document] = max(longest.get(one.document, 0), len(one.title.head(TITLE_PIECES).ids))
    found: dict[str, list[int]] = {}
    for row, one in enumerate(shown):
        need = 1 + len(one.text.ids) + (0 if one.document in found else 1 + longest[one.document])
        if need <= room:
            room -= need
            found.setdefault(one.document, []).append(row)
    return [sorted(rows, key=lambda row: shown[row].start) for rows in found.values()]


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """What the cross-encoder says of ``k`` kept sentences.

    Attributes:
        owner: ``(k,)`` which of the sentences read each is; -1 for none. A sentence may be kept twice.
        sentences: ``(k,)`` log probability that each answers; :data:`UNREAD` where it was not read.
        none: Log probability that none does.
        places: Of each sentence, ``(m, 2)`` code points of its pieces.
        bounds: Of each sentence, ``(m, 2)`` log probability of each piece to begin, and to end, its answer.
    """

    owner: Ints
    sentences: Floats
    none: float
    places: tuple[Ints, ...]
    bounds: tuple[Floats, ...]

    def span(self, sentence: int, start: int, end: int) -> float:
        """Log probability of the bounds of a span of a kept sentence; twice :data:`UNREAD` where not read."""
        places, bounds = self.places[sentence], self.bounds[sentence]
        first, last = int((places[:, 1] <= start).sum()), int((places[:, 1] < end).sum())
        if max(first, last) >= len(places):
            return 2 * UNREAD
        return max(float(bounds[first, 0] + bounds[last, 1]), 2 * UNREAD)

    def row(self, sentence: int, start: int, end: int) -> Floats:
        """``(len(NAMES),)`` of a span of a kept sentence, in the sentence's code points."""
        own = float(self.sentences[sentence])
        _, once = np.unique(self.owner, return_index=True)
        others = self.sentences[once[self.owner[once] != self.owner[sentence]]]
        best = max(float(others.max(initial=UNREAD)), self.none)
        bounds, span = self.bounds[sentence], self.span(sentence, start, end)
        gap = max(span - _best_bounds(bounds), 2 * UNREAD) if span > 2 * UNREAD else 2 * UNREAD
        return np.array(
            [
                own,
                own - best,
                float((others > own).sum()),
                self.none,
                span,
                gap,
            ],
            np.float32,
        )


def read_jointly(
    question: Question,
    pages: Sequence[Matched],
    kept: Sequence[Place],
    encoder: CrossEncoder,
    passages: int,
) -> Joint:
    """Read the first :data:`READ` kept sentences of the first ``passages`` passages: companions are not read.

    A sentence that two passages share is read once.
    """
    read: dict[tuple[str, int], int] = {}
    texts: list[str] = []
    titles: list[str] = []
    owner = np.full(len(kept), -1)
    for row, place in enumerate(kept):
        if place.passage >= passages:
            continue
        page = pages[place.passage]
        passage, spot = page.item.passage, page.seen.analysis.sentences[place.sentence]
        key = (passage.document_id, spot.start + passage.span.start)
        if key not in read and len(read) < READ:
            read[key] = len(read)
            texts.append(page.seen.text[spot.start : spot.end])
            titles.append(passage.context)
        owner[row] = read.get(key, -1)
    asked, *cut = encoder.cut([question.text, *texts, *titles])
    shown = [
        Shown(*key, title, text.head(SENTENCE_PIECES))
        for key, text, title in zip(read, cut[: len(read)], cut[len(read) :], strict=True)
    ]
    laid = lay(asked, shown)
    return said_of(laid, shown, encoder.read(laid.ids, laid.parts), owner)


def said_of(laid: Laid, shown: Sequence[Shown], said: Said, owner: Ints) -> Joint:
    """By kept sentence; ``(k,)`` ``owner`` is the sentence shown for each, -1 for none."""
    there = np.flatnonzero(laid.marks >= 0)
    logits = np.append(said.holds[laid.marks[there]], said.none)
    logs = logits - np.logaddexp.reduce(logits)
    of = np.full(len(shown) + 1, UNREAD)  # the last: of those that were not shown
    of[there] = np.maximum(logs[:-1], UNREAD)
    places, bounds = [], []
    for row in owner.tolist():
        mark = int(laid.marks[row]) if row >= 0 else -1
        text = shown[row].text if mark >= 0 else _NOTHING
        spans = said.spans[mark + 1 : mark + 1 + len(text.ids)]
        places.append(text.places)
        bounds.append(spans - np.logaddexp.reduce(spans, axis=0, keepdims=True))
    return Joint(
        owner, of[owner].astype(np.float32), max(float(logs[-1]), UNREAD), tuple(places), tuple(bounds)
    )


def _best_bounds(bounds: Floats) -> float:
    """The highest sum of a beginning and an end that is not before it."""
    ends = np.maximum.accumulate(bounds[::-1, 1])[::-1]
    return float((bounds[:, 0] + ends).max())
