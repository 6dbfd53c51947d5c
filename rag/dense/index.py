"""Vectors by row, and their nearest to a query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array
from rag.config import load_scale_settings
from rag.dense.flat import Flat
from rag.dense.kind import Kind, Rows, Stored, check, products
from rag.dense.scan import CODES, Scan
from rag.protocols import Vectors

VECTORS = "vectors.npy"


class DenseIndex:
    """Vectors by row, and their nearest to a query.

    Args:
        vectors: ``(n, dim)`` float32 or float16, memory-mapped or not.
        kind: How candidates are found.
    """

    def __init__(self, vectors: Stored, kind: Kind) -> None:
        self.vectors = vectors
        self._kind = kind

    @property
    def count(self) -> int:
        """Number of vectors."""
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Length of each vector."""
        return int(self.vectors.shape[1])

    @property
    def is_exact(self) -> bool:
        """Whether every search looks at every vector."""
        return isinstance(self._kind, Flat)

    @classmethod
    def build(cls, vectors: Vectors, flat_max: int | None = None) -> DenseIndex:
        """Index ``(n, dim)`` float32 rows in memory; ``n`` may be 0.

        Args:
            vectors: Of unit length.
            flat_max: Rows up to which search is exact; the setting unless given.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        check(vectors, 2)
        scale = load_scale_settings()
        rows = np.ascontiguousarray(vectors, np.float32)
        many = len(rows) > (scale.dense_flat_max if flat_max is None else flat_max)
        return cls(rows, Scan.build(rows, scale.dense_rerank) if many else Flat(rows))

    def search(
        self, query: Vectors, k: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[Rows, NDArray[np.float32]]:
        """The ``min(k, count)`` best rows for ``(dim,)``, by descending score, then row.

        Args:
            query: ``(dim,)``.
            k: Rows wanted.
            allowed: ``(count,)``; other rows are left out before anything is ranked.

        Raises:
            ValueError: A query of another length, or not finite.
        """
        check(query, 1, self.dim)
        k = min(k, self.count)
        if k <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        rows = self._kind.candidates(query, k, allowed)
        scores = products(self.vectors, rows, query)
        order = np.lexsort((rows, -scores))[:k]
        return rows[order], scores[order]

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """Inner products of ``(dim,)`` with the given rows, in their order."""
        check(query, 1, self.dim)
        return products(self.vectors, rows, query)

    def save(self, folder: Path) -> None:
        """Write into ``folder``, which is made if missing."""
        folder.mkdir(exist_ok=True)
        np.save(folder / VECTORS, self.vectors)
        self._kind.save(folder)

    @classmethod
    def load(cls, folder: Path) -> DenseIndex:
        """Memory-map what :meth:`save` or a :class:`rag.dense.writer.VectorWriter` wrote.

        Raises:
            OSError, ValueError, RuntimeError: The files are no such index.
        """
        vectors = mapped(folder)
        if vectors.ndim != 2 or vectors.dtype not in (np.float32, np.float16):
            raise ValueError(f"{VECTORS} has another layout")
        if not (folder / CODES).is_file():
            return cls(vectors, Flat(vectors.astype(np.float32, copy=False)))
        return cls(vectors, Scan.load(folder, vectors))


def mapped(folder: Path) -> Stored:
    """The vectors of a folder, memory-mapped."""
    vectors: Stored = load_array(folder / VECTORS, "r")
    return vectors
