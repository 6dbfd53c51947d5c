"""Exact inner-product search over unit vectors. The only module that imports faiss."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.protocols import Vectors

if TYPE_CHECKING:
    from faiss import Index as FaissIndex


class DenseIndex:
    """FAISS flat index; rows are the order of :meth:`build`.

    Args:
        engine: A faiss inner-product index whose ids are rows.
    """

    def __init__(self, engine: FaissIndex) -> None:
        self._engine = engine

    @property
    def count(self) -> int:
        """Number of vectors."""
        return int(self._engine.ntotal)

    @property
    def dim(self) -> int:
        """Length of each vector."""
        return int(self._engine.d)

    @classmethod
    def build(cls, vectors: Vectors) -> DenseIndex:
        """Index ``(n, dim)`` float32 rows; ``n`` may be 0.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        import faiss

        _check(vectors, 2)
        engine = faiss.IndexFlatIP(vectors.shape[1])
        engine.add(np.ascontiguousarray(vectors, np.float32))
        return cls(engine)

    def search(self, query: Vectors, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ``min(k, count)`` best rows for ``(dim,)``, by descending score, then row.

        Raises:
            ValueError: A query of another length, or not finite.
        """
        _check(query, 1, self.dim)
        k = min(k, self.count)
        if k <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        scores, rows = self._engine.search(query[None].astype(np.float32), k)
        kept = rows[0] >= 0  # faiss pads with -1, which Python would read as the last row
        order = np.lexsort((rows[0][kept], -scores[0][kept]))
        return rows[0][kept][order], scores[0][kept][order]

    def scores(self, query: Vectors, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Inner products of ``(dim,)`` with the given rows, in their order."""
        _check(query, 1, self.dim)
        if not len(rows):
            return np.zeros(0, np.float32)
        vectors: Vectors = self._engine.reconstruct_batch(np.ascontiguousarray(rows, np.int64))
        return np.asarray(vectors @ query.astype(np.float32), np.float32)

    def save(self, path: Path) -> None:
        """Write in faiss's own format."""
        import faiss

        faiss.write_index(self._engine, str(path))

    @classmethod
    def load(cls, path: Path) -> DenseIndex:
        """Memory-map what :meth:`save` wrote.

        Raises:
            RuntimeError: Not a faiss index.
        """
        import faiss

        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP))


def _check(vectors: Vectors, ndim: int, dim: int | None = None) -> None:
    if vectors.ndim != ndim or (dim is not None and vectors.shape[-1] != dim):
        raise ValueError(f"vectors of shape {vectors.shape} do not fit (ndim {ndim}, dim {dim})")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors hold values that are not finite")
