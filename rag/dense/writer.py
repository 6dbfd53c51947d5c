"""Vectors on their way to disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rag.array import load_array
from rag.config import load_scale_settings
from rag.dense.index import VECTORS, mapped
from rag.dense.kind import BLOCK, Stored, check
from rag.dense.scan import Scan
from rag.growing import GrowingArray

_LONG = "vectors.float32.npy"


class VectorWriter:
    """Vectors on their way to disk; memory holds one block of them.

    As soon as there are too many for exact search they are kept in half precision: a cosine changes by
    less than 1e-4, half the bytes are read. :meth:`close` adds the codes that such a size is searched by.

    Args:
        folder: Where the files go; must exist.
        dim: Length of a vector.
        flat_max: Rows up to which search is exact; the setting unless given.
    """

    def __init__(self, folder: Path, dim: int, flat_max: int | None = None) -> None:
        scale = load_scale_settings()
        self._folder = folder
        self._dim = dim
        self._flat_max = scale.dense_flat_max if flat_max is None else flat_max
        self._rerank = scale.dense_rerank
        self._rows = GrowingArray(folder / VECTORS, np.dtype(np.float32), dim)
        self._many = False

    def append(self, vectors: Stored) -> None:
        """Add ``(n, dim)`` rows.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        check(vectors, 2, self._dim)
        if not self._many and self._rows.count + len(vectors) > self._flat_max:
            self._halve()
        self._rows.append(vectors)

    def _halve(self) -> None:
        """Go on in half precision."""
        self._rows.close()
        os.replace(self._folder / VECTORS, self._folder / _LONG)
        before = load_array(self._folder / _LONG, "r")
        self._rows = GrowingArray(self._folder / VECTORS, np.dtype(np.float16), self._dim)
        for first in range(0, len(before), BLOCK):
            self._rows.append(before[first : first + BLOCK])
        (self._folder / _LONG).unlink()
        self._many = True

    def close(self, told: Callable[[float], None] = lambda share: None) -> None:
        """Complete the files; the codes of many vectors take long, and tell their share done."""
        self._rows.close()
        if self._many:
            Scan.build(mapped(self._folder), self._rerank, told).save(self._folder)
