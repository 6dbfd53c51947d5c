"""What a kind of dense search must offer, and the checks that all share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.protocols import Vectors

Rows = NDArray[np.int64]
#: Vectors as they lie on disk: float32, or float16 where there are many.
Stored = NDArray[np.float32] | NDArray[np.float16]

#: Vectors converted at once.
BLOCK = 16_384


class Kind(Protocol):
    """Rows among which the nearest to a query are."""

    def candidates(self, query: Vectors, k: int, allowed: NDArray[np.bool_] | None) -> Rows:
        """Distinct rows, at least ``min(k, admitted)``, to be scored by their vectors.

        Args:
            query: ``(dim,)``, checked.
            k: Rows wanted, at least 1 and at most the number of rows.
            allowed: ``(count,)``; no other row may be proposed. ``None`` admits all.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write into ``folder`` what the vectors alone do not hold."""
        ...


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep faiss, as called from this thread, on one: tasks are so small here that others would only spin.

    On a busy machine that turns milliseconds into seconds.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def check(vectors: Stored, ndim: int, dim: int | None = None) -> None:
    """Refuse what faiss would answer with an empty assertion or nonsense.

    Raises:
        ValueError: Another shape, or a value that is not finite.
    """
    if vectors.ndim != ndim or (dim is not None and vectors.shape[-1] != dim):
        raise ValueError(f"vectors of shape {vectors.shape} do not fit (ndim {ndim}, dim {dim})")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors hold values that are not finite")


def products(vectors: Stored, rows: Rows, query: Vectors) -> Vectors:
    """``(n,)`` inner products of the given rows with ``(dim,)``, block by block."""
    asked = query.astype(np.float32)
    found = np.zeros(len(rows), np.float32)
    for first in range(0, len(rows), BLOCK):
        block = rows[first : first + BLOCK]
        # not "@": BLAS would start its threads for each query, and they wait for each other spinning
        found[first : first + BLOCK] = np.einsum("ij,j->i", vectors[block].astype(np.float32), asked)
    return found
