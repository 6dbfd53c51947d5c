"""Inner-product search over unit vectors, exact or nearly so by size. The only module that imports faiss.

Vectors lie in ``vectors.npy``, memory-mapped. Up to :data:`FLAT_MAX` rows every search is exact. Above,
an inverted file with 8-bit codes proposes candidates, which are scored again with the exact vectors:
HNSW was left out for what it costs to build (docs/decisions/0011).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.growing import GrowingArray
from rag.protocols import Vectors

if TYPE_CHECKING:
    from faiss import Index as FaissIndex

VECTORS = "vectors.npy"
APPROXIMATE = "approximate.faiss"
#: Rows up to which search is exact: measured by ``python -m recipes.bench scale``.
FLAT_MAX = 50_000
PROBES = 48  # lists looked at
WIDER = 8  # candidates fetched for each that is wanted, then scored exactly
SCAN_MAX = 50_000  # allowed rows up to which a filtered search is exact
_BLOCK = 16_384
_TRAINED_PER_LIST = 64
_SEED = 1234


class VectorWriter:
    """Vectors on their way to disk; :meth:`close` adds the approximate index where there are many.

    Args:
        folder: Where the files go; must exist.
        dim: Length of a vector.
        flat_max: Rows up to which no approximate index is made.
    """

    def __init__(self, folder: Path, dim: int, flat_max: int | None = None) -> None:
        self._folder = folder
        self._flat_max = FLAT_MAX if flat_max is None else flat_max
        self._rows = GrowingArray(folder / VECTORS, np.dtype(np.float32), dim)
        self._dim = dim

    def append(self, vectors: Vectors) -> None:
        """Add ``(n, dim)`` rows.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        _check(vectors, 2, self._dim)
        self._rows.append(vectors)

    def close(self) -> None:
        """Complete the files."""
        self._rows.close()
        if self._rows.count > self._flat_max:
            _save(_approximate(_mapped(self._folder)), self._folder / APPROXIMATE)


def _save(engine: FaissIndex, path: Path) -> None:
    import faiss

    try:
        faiss.write_index(engine, str(path))
    except RuntimeError as error:
        raise OSError(str(error)) from error


def _mapped(folder: Path) -> Vectors:
    vectors: Vectors = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
    return vectors


def _approximate(vectors: Vectors) -> FaissIndex:
    """An inverted file with 8-bit codes: ``4 √n`` lists, trained on a seeded sample, filled in blocks."""
    import faiss

    count, dim = vectors.shape
    lists = max(1, int(4 * count**0.5))
    engine = faiss.index_factory(dim, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    sample = np.random.default_rng(_SEED).permutation(count)[: lists * _TRAINED_PER_LIST]
    faiss.extract_index_ivf(engine).cp.seed = _SEED
    engine.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    for first in range(0, count, _BLOCK):
        engine.add(np.ascontiguousarray(vectors[first : first + _BLOCK]))
    return engine


class DenseIndex:
    """Vectors by row, and their nearest to a query.

    Args:
        vectors: ``(n, dim)`` float32, memory-mapped or not.
        engine: A faiss index that proposes candidates, or ``None`` for exact search.
    """

    def __init__(self, vectors: Vectors, engine: FaissIndex | None = None) -> None:
        self.vectors = vectors
        self._engine = engine

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
        """Whether every search looks at every row."""
        return self._engine is None

    @classmethod
    def build(cls, vectors: Vectors, flat_max: int | None = None) -> DenseIndex:
        """Index ``(n, dim)`` float32 rows in memory; ``n`` may be 0.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        _check(vectors, 2)
        rows = np.ascontiguousarray(vectors, np.float32)
        many = len(rows) > (FLAT_MAX if flat_max is None else flat_max)
        return cls(rows, _approximate(rows) if many else None)

    def search(
        self, query: Vectors, k: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ``min(k, count)`` best rows for ``(dim,)``, by descending score, then row.

        Args:
            query: ``(dim,)``.
            k: Rows wanted.
            allowed: ``(count,)``; other rows are left out before anything is ranked.

        Raises:
            ValueError: A query of another length, or not finite.
        """
        _check(query, 1, self.dim)
        if allowed is not None:
            rows = np.flatnonzero(allowed)
            if self._engine is not None and len(rows) > SCAN_MAX:
                rows = self._candidates(query, k, allowed)
        elif self._engine is not None:
            rows = self._candidates(query, k, None)
        else:
            return self._nearest(query, k)
        scores = self.scores(query, rows)
        order = np.lexsort((rows, -scores))[: max(k, 0)]
        return rows[order], scores[order]

    def _nearest(self, query: Vectors, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Exact search over all rows."""
        import faiss

        k = min(k, self.count)
        if k <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        asked = np.ascontiguousarray(query[None], np.float32)
        scores, rows = faiss.knn(asked, self.vectors, k, faiss.METRIC_INNER_PRODUCT)
        kept = rows[0] >= 0  # faiss pads with -1, which Python would read as the last row
        order = np.lexsort((rows[0][kept], -scores[0][kept]))
        return rows[0][kept][order], scores[0][kept][order]

    def _candidates(self, query: Vectors, k: int, allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Rows that the approximate index proposes, ascending."""
        import faiss

        if k <= 0 or self._engine is None:
            return np.zeros(0, np.int64)
        options = faiss.SearchParametersIVF()
        options.nprobe = PROBES
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            share = max(int(allowed.sum()), 1) / len(allowed)  # fewer rows lie in more lists
            options.nprobe = min(int(PROBES / share), faiss.extract_index_ivf(self._engine).nlist)
            options.sel = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg,arg-type]  # stub lags behind
        asked = np.ascontiguousarray(query[None], np.float32)
        _, rows = self._engine.search(asked, min(WIDER * k, self.count), params=options)
        found: NDArray[np.int64] = np.unique(rows[0][rows[0] >= 0])
        return found

    def scores(self, query: Vectors, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Inner products of ``(dim,)`` with the given rows, in their order; always exact."""
        _check(query, 1, self.dim)
        return np.asarray(self.vectors[rows] @ query.astype(np.float32), np.float32)

    def save(self, folder: Path) -> None:
        """Write into ``folder``, which is made if missing."""
        folder.mkdir(exist_ok=True)
        np.save(folder / VECTORS, self.vectors)
        if self._engine is not None:
            _save(self._engine, folder / APPROXIMATE)

    @classmethod
    def load(cls, folder: Path) -> DenseIndex:
        """Memory-map what :meth:`save` or a :class:`VectorWriter` wrote.

        Raises:
            OSError, ValueError, RuntimeError: The files are no such index.
        """
        vectors = _mapped(folder)
        if vectors.ndim != 2 or vectors.dtype != np.float32:
            raise ValueError(f"{VECTORS} has another layout")
        if not (folder / APPROXIMATE).is_file():
            return cls(vectors)
        import faiss

        engine = faiss.read_index(str(folder / APPROXIMATE), faiss.IO_FLAG_MMAP)
        if engine.ntotal != len(vectors):
            raise ValueError(f"{APPROXIMATE} and {VECTORS} do not fit together")
        return cls(vectors, engine)


def _check(vectors: Vectors, ndim: int, dim: int | None = None) -> None:
    if vectors.ndim != ndim or (dim is not None and vectors.shape[-1] != dim):
        raise ValueError(f"vectors of shape {vectors.shape} do not fit (ndim {ndim}, dim {dim})")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors hold values that are not finite")
