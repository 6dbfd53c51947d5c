"""Retrieval metrics over gold units: documents, passages, evidence sentences.

A gold unit is found at the rank of the first hit that covers it, and counts once: a second hit on the
same unit gains nothing. Where each hit covers one unit these are the textbook figures (trec_eval's
``recall_k``, ``recip_rank``, ``map``, ``ndcg`` with binary gains); one hit that covers several units
gains all of them at its rank.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

Ranks = tuple[int | None, ...]


class Level(StrEnum):
    """What has to be found."""

    DOCUMENT = "document"  # any passage of the gold document
    PASSAGE = "passage"  # a passage that overlaps the gold evidence
    SENTENCE = "sentence"  # a passage that holds the gold evidence whole


@dataclass(frozen=True, slots=True)
class Place:
    """Half-open range of code points in a document."""

    document: str
    start: int
    end: int

    def shares_document(self, other: Place) -> bool:
        """Whether both lie in one document."""
        return self.document == other.document

    def overlaps(self, other: Place) -> bool:
        """Whether both share a code point."""
        return self.document == other.document and self.start < other.end and other.start < self.end

    def contains(self, other: Place) -> bool:
        """Whether ``other`` lies wholly inside."""
        return self.document == other.document and self.start <= other.start and other.end <= self.end


#: One piece of gold evidence: every place where its quote stands.
GoldPlaces = tuple[Place, ...]


_COVERS: dict[Level, Callable[[Place, Place], bool]] = {
    Level.DOCUMENT: Place.shares_document,
    Level.PASSAGE: Place.overlaps,
    Level.SENTENCE: Place.contains,
}


def ranks(hits: Sequence[Place], gold: Sequence[GoldPlaces], level: Level) -> Ranks:
    """Rank (from 1) at which each gold unit is found, ``None`` if never.

    Args:
        hits: Retrieved passages, best first.
        gold: Evidence; at document level, equal documents are one unit.
        level: What covers a unit.
    """
    covers = _COVERS[level]
    units = {places[0].document: places for places in gold}.values() if level is Level.DOCUMENT else gold
    return tuple(
        next((n for n, hit in enumerate(hits, 1) if any(covers(hit, place) for place in places)), None)
        for places in units
    )


def recall(found: Ranks, k: int) -> float:
    """Share of gold units found in the first ``k`` hits."""
    return sum(rank is not None and rank <= k for rank in found) / len(found)


def reciprocal_rank(found: Ranks) -> float:
    """One over the rank of the first unit found; 0.0 if none."""
    return 1 / min((rank for rank in found if rank is not None), default=math.inf)


def average_precision(found: Ranks) -> float:
    """Mean over units of the precision at their rank (at most 1); units not found give 0."""
    placed = sorted(rank for rank in found if rank is not None)
    return sum(min(1.0, count / rank) for count, rank in enumerate(placed, 1)) / len(found)


def ndcg(found: Ranks, k: int) -> float:
    """Discounted gain of the first ``k`` hits over the best possible order of the same gains."""
    groups = Counter(rank for rank in found if rank is not None)
    gained = sum(count / math.log2(rank + 1) for rank, count in groups.items() if rank <= k)
    best = sorted(groups.values(), reverse=True) + [1] * found.count(None)
    return gained / sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best[:k], 1))
