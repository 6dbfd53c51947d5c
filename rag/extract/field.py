"""The kept sentences as one row of morphemes, and what can be asked of ranges in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.evidence import Matched, Place, Question, Unit
from rag.evidence.lexicon import TIMES

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: How much a match fades with each morpheme of distance: close by, and across a sentence.
_NEAR, _FAR = 0.75, 0.93


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """The kept sentences laid end to end: ``n`` morphemes, and one blank column after them.

    Attributes:
        offsets: ``(s + 1,)`` where each sentence begins.
        shifts: ``(s,)`` what to add to a morpheme's number in its passage to get its column here.
        match: ``(q, n + 1)``.
        left, right: ``(q, n + 1)`` best match before a column / at or after it, faded by distance.
        left_far, right_far: The same, faded slowly.
    """

    offsets: Ints
    shifts: Ints
    owner: Ints
    forms: list[str]
    match: Floats
    exact: NDArray[np.bool_]
    rows: Floats
    idf: Floats
    tags: Ints
    clauses: Ints
    units: Ints
    predicate: NDArray[np.bool_]
    starts: Ints
    ends: Ints
    left: Floats
    right: Floats
    left_far: Floats
    right_far: Floats
    loose: Floats
    loose_left: Floats
    loose_right: Floats


def faded(block: Floats, decay: float) -> tuple[Floats, Floats]:
    """Best match strictly before each column, and at or after it; ``(q, n)`` each.

    ``before[k] = max over m < k of block[m] · decay^(k - m)``, by a running maximum of
    ``block[m] · decay^-m`` (float64: sentences are shorter than 10^3 morphemes at decay 0.75).
    """
    count = block.shape[1]
    steps = np.arange(count)
    growth = decay ** np.minimum(steps, 900).astype(np.float64)
    running = np.maximum.accumulate(block / growth, axis=1)
    before = np.zeros_like(block)
    before[:, 1:] = running[:, :-1] * growth[1:]
    backward = np.maximum.accumulate(block[:, ::-1] / growth, axis=1)
    after = (backward * growth)[:, ::-1] * decay
    return before, np.asarray(after, np.float32)


def lay(question: Question, pages: Sequence[Matched], kept: Sequence[Place]) -> Field:
    """The kept sentences as one field."""
    pieces = [(pages[p.passage], slice(p.first, p.last)) for p in kept]
    lengths = [p.last - p.first for p in kept]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    blank = np.zeros((len(question.forms), 1), np.float32)
    blocks = [page.match[:, cut] for page, cut in pieces]
    near = [faded(block, _NEAR) for block in blocks]
    far = [faded(block, _FAR) for block in blocks]
    match = np.concatenate([*blocks, blank], axis=1)
    loose = [page.loose[:, cut] for page, cut in pieces]
    loose_far = [faded(block, _FAR) for block in loose]

    def joined(values: list[NDArray[np.int64]], fill: int) -> Ints:
        return np.concatenate([*values, np.array([fill], np.int64)])

    first_row = pieces[0][0].seen.rows
    return Field(
        offsets=offsets,
        shifts=np.array([at - p.first for at, p in zip(offsets[:-1].tolist(), kept, strict=True)], np.int64),
        owner=np.repeat(np.arange(len(kept)), lengths),
        forms=[form for page, cut in pieces for form in page.seen.forms[cut]] + [""],
        match=match,
        exact=np.asarray((match >= 0.999).any(axis=0), np.bool_),
        rows=np.concatenate([page.seen.rows[cut] for page, cut in pieces] + [np.zeros_like(first_row[:1])]),
        idf=np.concatenate([page.seen.idf[cut] for page, cut in pieces] + [np.ones(1, np.float32)]),
        tags=joined([page.seen.tags[cut] for page, cut in pieces], 0),
        clauses=joined([page.seen.clauses[cut] for page, cut in pieces], -1),
        units=joined([page.seen.units[cut] for page, cut in pieces], 0),
        predicate=np.concatenate(
            [page.seen.predicate[cut] for page, cut in pieces] + [np.zeros(1, np.bool_)]
        ),
        starts=joined([page.seen.starts[cut] for page, cut in pieces], -1),
        ends=joined([page.seen.ends[cut] for page, cut in pieces], -1),
        left=np.concatenate([n[0] for n in near] + [blank], axis=1),
        right=np.concatenate([n[1] for n in near] + [blank], axis=1),
        left_far=np.concatenate([n[0] for n in far] + [blank], axis=1),
        right_far=np.concatenate([n[1] for n in far] + [blank], axis=1),
        loose=np.concatenate([*loose, blank], axis=1),
        loose_left=np.concatenate([n[0] for n in loose_far] + [blank], axis=1),
        loose_right=np.concatenate([n[1] for n in loose_far] + [blank], axis=1),
    )


def range_max(table: Floats, first: Ints, last: Ints) -> Floats:
    """Maximum of ``table[..., first:last]`` for each pair; 0 for empty ranges.

    Args:
        table: ``(…, n + 1)``; the last column is blank, so that ``last`` may be ``n``.
        first: ``(c,)``.
        last: ``(c,)``.
    """
    empty = first >= last
    pairs = np.stack([np.where(empty, 0, first), np.where(empty, 1, last)], axis=1).ravel()
    found = np.maximum.reduceat(table, pairs, axis=-1)[..., ::2]
    return np.asarray(np.where(empty, 0.0, found), np.float32)


def count(mask: NDArray[np.bool_], first: Ints, last: Ints) -> Ints:
    """How many of ``mask[first:last]`` hold, for each pair."""
    total = np.concatenate([[0], np.cumsum(mask)])
    return np.asarray(total[last] - total[first], np.int64)


def distances(
    marks: NDArray[np.bool_], first: Ints, last: Ints, low: Ints, high: Ints
) -> tuple[Floats, Floats]:
    """Morphemes from a candidate to the nearest mark on each side within its sentence; 60 if none."""
    rows = np.flatnonzero(marks)
    if not len(rows):
        far = np.full(len(first), 60, np.float32)
        return far, far
    before = np.searchsorted(rows, first, "left") - 1
    after = np.searchsorted(rows, last, "left")
    left_row = np.where(before >= 0, rows[np.maximum(before, 0)], -1)
    right_row = np.where(after < len(rows), rows[np.minimum(after, len(rows) - 1)], -1)
    left = np.where(left_row >= low, first - left_row, 60)
    right = np.where((right_row >= 0) & (right_row < high), right_row - last + 1, 60)
    return np.minimum(left, 60).astype(np.float32), np.minimum(right, 60).astype(np.float32)


def clause_edges(field: Field) -> tuple[Ints, Ints]:
    """``(n + 1,)`` first column of each column's clause, and one past its last."""
    owner = np.append(field.owner, -1)
    new = np.ones(len(owner), np.bool_)
    new[1:] = (field.clauses[1:] != field.clauses[:-1]) | (owner[1:] != owner[:-1])
    starts = np.flatnonzero(new)
    number = np.cumsum(new) - 1
    return starts[number], np.append(starts[1:], len(owner) - 1)[number]


def unit_match(question: Question, units: Ints) -> Floats:
    """1 the asked unit, 0.5 a number that may do, 0 no, -1 no unit asked for."""
    if question.unit is Unit.NONE:
        return np.full(len(units), -1, np.float32)
    same = units == question.unit
    number = units > 0
    loose = number & (
        (question.unit is Unit.NUMBER)
        | (np.isin(units, [int(u) for u in TIMES]) if question.unit in TIMES else units == Unit.NUMBER)
    )
    return np.where(same, 1.0, np.where(loose, 0.5, 0.0)).astype(np.float32)


def rivals(field: Field, asked: Unit, low: Ints, high: Ints) -> Floats:
    """Numbers of the asked unit in the sentence: how ambiguous the unit is."""
    marks = field.units == int(asked) if asked is not Unit.NONE else np.zeros(len(field.units), np.bool_)
    return count(marks, low, high).astype(np.float32)


_DATE_WORDS = (
    "이달",
    "내년",
    "올해",
    "지난해",
    "작년",
    "다음",
    "달",
    "오는",
    "지난",
    "오전",
    "오후",
    "매주",
    "매년",
)
_DATE_ENDS = ("말", "초", "중순", "상반기", "하반기", "께", "쯤", "무렵", "대")


def is_date_part(field: Field) -> NDArray[np.bool_]:
    """``(n + 1,)`` units of time and words that place a date ("내년", "오전")."""
    times = np.isin(field.units, [int(unit) for unit in TIMES])
    return np.asarray(times | np.isin(field.forms, _DATE_WORDS), np.bool_)


def ends_date(field: Field) -> NDArray[np.bool_]:
    """``(n + 1,)`` words that a date can end in ("말", "상반기")."""
    return np.asarray(np.isin(field.forms, _DATE_ENDS), np.bool_)
