"""A part of an index: the same passages, of which only those of some documents can be found.

Rows are left out before anything is ranked, so the best passage of the chosen documents is found however
many better ones stand elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.dense import DenseIndex
from rag.index import Index
from rag.lexical import LexicalIndex
from rag.protocols import Vectors


class _ScopedLexical(LexicalIndex):
    """BM25 scores, 0 outside the scope."""

    def __init__(self, whole: LexicalIndex, inside: NDArray[np.bool_]) -> None:
        super().__init__(None, whole.count)
        self._whole = whole
        self._inside = inside

    def knows(self, term: str) -> bool:
        return self._whole.knows(term)

    def scores(self, terms: Sequence[str]) -> NDArray[np.float32]:
        return np.where(self._inside, self._whole.scores(terms), np.float32(0))


class _ScopedDense(DenseIndex):
    """Exact search among the rows of the scope."""

    def __init__(self, whole: DenseIndex, rows: NDArray[np.int64]) -> None:
        self._whole = whole
        self._rows = rows

    @property
    def count(self) -> int:
        return len(self._rows)

    @property
    def dim(self) -> int:
        return self._whole.dim

    def search(self, query: Vectors, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        scores = self._whole.scores(query, self._rows)
        order = np.lexsort((self._rows, -scores))[: max(k, 0)]
        return self._rows[order], scores[order]

    def scores(self, query: Vectors, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._whole.scores(query, rows)


def scoped(index: Index, document_ids: Collection[str]) -> Index:
    """``index`` as if it held only the passages of these documents; rows and digest stay the same.

    Args:
        index: Any open index.
        document_ids: Ids that it does not hold are left out.
    """
    inside = index.store.inside(document_ids)
    return Index(
        index.folder,
        index.facts,
        index.store,
        _ScopedLexical(index.lexical, inside),
        _ScopedDense(index.dense, np.flatnonzero(inside)),
        index.words,
    )
