"""Arrays that grow on disk: rows are appended as they come, and an ordinary ``.npy`` file is the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, NDArray


class GrowingArray:
    """A ``.npy`` file under construction; memory holds one append at a time.

    numpy leaves room in a header for the first axis to grow, so the header is written twice: empty at
    first, and with the true length by :meth:`close`.

    Args:
        path: The file; replaced if it exists.
        dtype: Of every row.
        width: Length of a row; ``None`` for a flat array.
    """

    def __init__(self, path: Path, dtype: np.dtype[np.generic], width: int | None = None) -> None:
        self._dtype = dtype
        self._width = width
        self._stream = path.open("wb")
        self._head()
        self.count = 0

    def _head(self, count: int = 0) -> None:
        shape = (count,) if self._width is None else (count, self._width)
        facts = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._stream, facts)

    def append(self, rows: ArrayLike | NDArray[np.void]) -> None:
        """Add ``(n,)`` values, or ``(n, width)`` rows."""
        made = np.ascontiguousarray(rows, self._dtype)
        if made.ndim != (1 if self._width is None else 2):
            raise ValueError(f"rows of shape {made.shape} do not fit width {self._width}")
        made.tofile(self._stream)
        self.count += len(made)

    def close(self) -> None:
        """Complete the file. Idempotent."""
        if self._stream.closed:
            return
        self._stream.seek(0)
        self._head(self.count)
        self._stream.close()
