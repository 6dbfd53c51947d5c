"""Nearly exact search: a code of one bit a dimension for every vector, then the best by their vectors.

All codes are scanned in registers (André et al. 2017, "Accelerated Nearest Neighbor Search with Quick ADC";
faiss ``PQ…x4fs``), so that nothing hangs on clusters. Sparse, high-dimensional vectors as those of the
embedded embedder have none: an inverted file would have to look into a third of its lists for the recall that
is asked for (``python -m recipes.bench kinds``; docs/decisions/0010-dense-by-size.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.dense.kind import BLOCK, Rows, Stored, one_thread
from rag.protocols import Vectors

if TYPE_CHECKING:
    from faiss import Index as FaissIndex

CODES = "codes.faiss"
FACTS = "codes.json"
_GROUP = 4  # dimensions that share a code of 4 bits
_TRAINED_ON = 8_192  # more than faiss takes for 16 centroids
_SEED = 1234
#: Codes fetched at most for a filtered search; where more would be needed, all admitted rows are scored.
_FETCHED_MAX = 16_384


class Scan:
    """4-bit product codes of all vectors, in memory: half a byte for four dimensions.

    Args:
        codes: A faiss index over them.
        vectors: ``(n, dim)``, for filters that admit few rows.
        rerank: Rows proposed for each query, to be scored by their vectors.
    """

    def __init__(self, codes: FaissIndex, vectors: Stored, rerank: int) -> None:
        self._codes = codes
        self._vectors = vectors
        self._rerank = rerank

    @classmethod
    def build(cls, vectors: Stored, rerank: int, told: Callable[[float], None] = lambda share: None) -> Scan:
        """Train on a seeded sample and encode all, block by block."""
        import faiss

        dim = vectors.shape[1]
        groups = max(n for n in range(1, max(2, dim // _GROUP + 1)) if dim % n == 0)
        codes = faiss.index_factory(dim, f"PQ{groups}x4fs", faiss.METRIC_INNER_PRODUCT)
        codes.pq.cp.seed = _SEED  # type: ignore[attr-defined]  # the factory's type is the base class
        with one_thread():
            cls._fill(codes, vectors, told)
        return cls(codes, vectors, rerank)

    @staticmethod
    def _fill(codes: FaissIndex, vectors: Stored, told: Callable[[float], None]) -> None:
        count = len(vectors)
        sample = np.sort(np.random.default_rng(_SEED).permutation(count)[:_TRAINED_ON])
        codes.train(np.ascontiguousarray(vectors[sample], np.float32))
        for first in range(0, count, BLOCK):
            codes.add(np.ascontiguousarray(vectors[first : first + BLOCK], np.float32))
            told(min(1.0, (first + BLOCK) / count))

    def candidates(self, query: Vectors, k: int, allowed: NDArray[np.bool_] | None) -> Rows:
        """Rows with the best codes; see :class:`rag.dense.kind.Kind`.

        With a filter, the best codes among all rows are fetched, in proportion more, and those of other
        rows dropped; what remains is the best of the admitted. Too few, and all admitted are scored.
        """
        wanted = max(k, self._rerank)
        if allowed is None:
            return self._best(query, wanted)
        admitted = int(allowed.sum())
        fetched = wanted * len(allowed) // max(admitted, 1)
        if fetched <= min(_FETCHED_MAX, admitted):
            rows = self._best(query, fetched)
            rows = rows[allowed[rows]]
            if len(rows) >= max(k, wanted // 2):
                return rows
        return np.flatnonzero(allowed)

    def _best(self, query: Vectors, count: int) -> Rows:
        asked = np.ascontiguousarray(query[None], np.float32)
        with one_thread():
            _, rows = self._codes.search(asked, min(count, self._codes.ntotal))
        found: Rows = rows[0][rows[0] >= 0]  # faiss pads with -1, which Python would read as the last row
        return found

    def save(self, folder: Path) -> None:
        """Write the codes; a full disk is an ``OSError``."""
        import faiss

        (folder / FACTS).write_text(json.dumps({"rerank": self._rerank}) + "\n", "utf-8")
        try:
            faiss.write_index(self._codes, str(folder / CODES))
        except RuntimeError as error:
            raise OSError(str(error)) from error

    @classmethod
    def load(cls, folder: Path, vectors: Stored) -> Scan:
        """Read what :meth:`save` wrote: half a byte for four dimensions of each vector.

        Raises:
            OSError, RuntimeError: No faiss index.
            KeyError, ValueError: Not of these vectors.
        """
        import faiss

        codes = faiss.read_index(str(folder / CODES), faiss.IO_FLAG_MMAP)
        if (codes.ntotal, codes.d) != vectors.shape:
            raise ValueError(f"{CODES} does not fit the vectors")
        return cls(codes, vectors, int(json.loads((folder / FACTS).read_text("utf-8"))["rerank"]))
