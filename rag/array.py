"""Arrays on disk, read one at a time."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_READING = Lock()


def load_array(path: Path, mode: Literal["r", "r+"] | None = None) -> NDArray[Any]:
    """The array of an ``.npy`` file; ``mode`` maps it instead of reading it.

    numpy reads the header as Python source, and CPython 3.11 can fail at that when two threads do it at
    once ("AST constructor recursion depth mismatch"), as when a chat opens an index while another is written.

    Raises:
        OSError, ValueError: No such file, or not of this form.
    """
    with _READING:
        return np.asanyarray(np.load(path, mmap_mode=mode, allow_pickle=False))
