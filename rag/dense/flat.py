"""Exact search: every vector is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.dense.kind import Rows, one_thread
from rag.protocols import Vectors


class Flat:
    """faiss' brute force over the mapped vectors; a filter is a list of rows.

    Args:
        vectors: ``(n, dim)`` float32.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def candidates(self, query: Vectors, k: int, allowed: NDArray[np.bool_] | None) -> Rows:
        """The nearest rows themselves, or all that are allowed; see :class:`rag.dense.kind.Kind`."""
        if allowed is not None:
            return np.flatnonzero(allowed)
        import faiss

        asked = np.ascontiguousarray(query[None], np.float32)
        with one_thread():
            _, rows = faiss.knn(asked, self._vectors, k, faiss.METRIC_INNER_PRODUCT)
        found: Rows = rows[0][rows[0] >= 0]  # faiss pads with -1, which Python would read as the last row
        return found

    def save(self, folder: Path) -> None:
        """Nothing: the vectors are all there is."""
