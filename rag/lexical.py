"""BM25 over search terms. The only module that imports bm25s.

Robertson & Zaragoza 2009, Lucene's variant, k1 1.2, b 0.75: measured in ARCHITECTURE on KorQuAD dev.
The term ids of every passage are kept, so that an index can grow without analysing its text again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.growing import GrowingArray

if TYPE_CHECKING:
    from bm25s import BM25

K1 = 1.2
B = 0.75
TERMS = "terms.npy"
ENDS = "term_ends.npy"

Ids = NDArray[np.int32]
Ends = NDArray[np.int64]


def _engine() -> type[BM25]:
    from bm25s import BM25

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG on import
    engine: type[BM25] = BM25
    return engine


def _fitted(rows: Sequence[Ids], vocabulary: dict[str, int]) -> BM25 | None:
    if not vocabulary:
        return None
    engine = _engine()(k1=K1, b=B, method="lucene")
    engine.index((rows, vocabulary), create_empty_token=True, show_progress=False)
    return engine


def _cut(ids: Ids, ends: Ends) -> list[Ids]:
    bounds = [0, *ends.tolist()]
    return [ids[start:end] for start, end in pairwise(bounds)]


class LexicalIndex:
    """BM25 scores of all passages for a bag of terms.

    Args:
        engine: A fitted bm25s model, or ``None`` for no passages.
        count: Number of passages; rows are ``0 … count - 1``.
        ids: Term ids of all passages, end to end, in the engine's vocabulary.
        ends: ``(count,)``; passage ``row`` has ``ids[ends[row - 1]:ends[row]]``.
    """

    def __init__(
        self, engine: BM25 | None, count: int, ids: Ids | None = None, ends: Ends | None = None
    ) -> None:
        self._engine = engine
        self.count = count
        self._ids = np.zeros(0, np.int32) if ids is None else ids
        self._ends = np.zeros(count, np.int64) if ends is None else ends

    @classmethod
    def build(cls, term_lists: Iterable[Sequence[str]]) -> LexicalIndex:
        """Fit in memory on one term list per passage."""
        vocabulary: dict[str, int] = {}
        rows = [
            np.fromiter((vocabulary.setdefault(t, len(vocabulary)) for t in terms), np.int32)
            for terms in term_lists
        ]
        ids = np.concatenate([np.zeros(0, np.int32), *rows])
        ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
        return cls(_fitted(rows, vocabulary), len(rows), ids, ends)

    @property
    def vocabulary(self) -> dict[str, int]:
        """Every term's id."""
        return {} if self._engine is None else self._engine.vocab_dict

    def knows(self, term: str) -> bool:
        """Whether any passage holds the term."""
        return self._engine is not None and term in self._engine.vocab_dict

    def term_ids(self, rows: range) -> tuple[Ids, NDArray[np.int64]]:
        """Term ids of consecutive passages, end to end, and the number of each."""
        bounds = np.concatenate([[0], self._ends])[rows.start : rows.stop + 1]
        return self._ids[bounds[0] : bounds[-1]], np.diff(bounds)

    def scores(self, terms: Sequence[str]) -> NDArray[np.float32]:
        """``(count,)`` float32, 0 where no term occurs; repeated query terms count once each."""
        known = [term for term in terms if self.knows(term)]
        if self._engine is None or not known:
            return np.zeros(self.count, np.float32)
        return np.asarray(self._engine.get_scores(known), np.float32)

    def save(self, folder: Path) -> None:
        """Write arrays and vocabulary into ``folder``, which must exist."""
        np.save(folder / TERMS, self._ids)
        np.save(folder / ENDS, self._ends)
        if self._engine is not None:
            self._engine.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path, count: int) -> LexicalIndex:
        """Memory-map what :meth:`save` or a :class:`TermWriter` wrote for ``count`` passages.

        Raises:
            OSError, ValueError: The files are missing or do not fit together.
        """
        ids = np.load(folder / TERMS, mmap_mode="r", allow_pickle=False)
        ends = np.load(folder / ENDS, mmap_mode="r", allow_pickle=False)
        if len(ends) != count or (int(ends[-1]) if count else 0) != len(ids):
            raise ValueError(f"{TERMS} and {ENDS} do not fit {count} passages")
        if not (folder / "params.index.json").is_file():
            return cls(None, count, ids, ends)
        return cls(_engine().load(folder, mmap=True, show_progress=False), count, ids, ends)


class TermWriter:
    """Term lists on their way to disk; :meth:`close` fits BM25 on them.

    Args:
        folder: Where the files go; must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vocabulary: dict[str, int] = {}
        self._ids = GrowingArray(folder / TERMS, np.dtype(np.int32))
        self._ends = GrowingArray(folder / ENDS, np.dtype(np.int64))
        self._known: dict[int, tuple[list[str], Ids]] = {}

    def add(self, terms: Sequence[str]) -> None:
        """The terms of the next passage."""
        vocabulary = self._vocabulary
        self._ids.append([vocabulary.setdefault(term, len(vocabulary)) for term in terms])
        self._ends.append([self._ids.count])

    def copy(self, other: LexicalIndex, rows: range) -> None:
        """The terms of consecutive passages of another index."""
        ids, lengths = other.term_ids(rows)
        names, mine = self._translation(other)
        for unseen in dict.fromkeys(ids[mine[ids] < 0].tolist()):
            mine[unseen] = self._vocabulary.setdefault(names[unseen], len(self._vocabulary))
        self._ends.append(self._ids.count + np.cumsum(lengths))
        self._ids.append(mine[ids])

    def _translation(self, other: LexicalIndex) -> tuple[list[str], Ids]:
        """The other's terms by id, and our ids for them, -1 where not yet known."""
        if id(other) not in self._known:
            names = sorted(other.vocabulary, key=other.vocabulary.__getitem__)
            self._known[id(other)] = (names, np.full(len(names), -1, np.int32))
        return self._known[id(other)]

    def close(self) -> None:
        """Complete the files."""
        self._ids.close()
        self._ends.close()
        ids = np.load(self._folder / TERMS, mmap_mode="r", allow_pickle=False)
        ends = np.load(self._folder / ENDS, mmap_mode="r", allow_pickle=False)
        engine = _fitted(_cut(ids, ends), self._vocabulary)
        if engine is not None:
            engine.save(self._folder, show_progress=False)
