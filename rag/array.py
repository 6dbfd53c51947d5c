"""Arrays on disk: read one at a time, made with all their room."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

_READING = Lock()

Number = TypeVar("Number", np.uint32, np.int32, np.int64, np.float32)


def load_array(path: Path, mode: Literal["r", "r+"] | None = None) -> NDArray[Any]:
    """The array of an ``.npy`` file; ``mode`` maps it instead of reading it.

    numpy reads the header as Python source, and CPython 3.11 can fail at that when two threads do it at
    once ("AST constructor recursion depth mismatch"), as when a chat opens an index while another is written.

    Raises:
        OSError, ValueError: No such file, or not of this form.
    """
    with _READING:
        return np.asanyarray(np.load(path, mmap_mode=mode, allow_pickle=False))


def load_floats(path: Path) -> dict[str, NDArray[np.float32]]:
    """The arrays of an ``.npz`` file by name, as float32; see :func:`load_array`.

    Raises:
        OSError, ValueError: No such file, or not of this form.
    """
    with _READING, np.load(path, allow_pickle=False) as archive:
        return {name: archive[name].astype(np.float32) for name in archive.files}


def new_array(path: Path, dtype: type[Number], count: int) -> NDArray[Number]:
    """A mapped ``.npy`` file of ``(count,)`` values to be written, with all its room on the disk.

    Raises:
        OSError: There is not so much room.
    """
    made: NDArray[Number] = open_memmap(path, "w+", dtype, (count,))
    with path.open("r+b") as stream:
        _reserve(stream.fileno(), path.stat().st_size)
    return made


def scratch_array(folder: Path | None, dtype: type[Number], count: int) -> NDArray[Number]:
    """``(count,)`` zeros, mapped in a file without a name in ``folder`` that goes with them.

    The system may write such memory out and drop it, so it does not add up. In memory without a folder.

    Raises:
        OSError: There is not so much room.
    """
    if folder is None or not count:
        return np.zeros(count, dtype)
    with TemporaryFile(dir=folder) as stream:
        size = count * np.dtype(dtype).itemsize
        stream.truncate(size)
        _reserve(stream.fileno(), size)
        made: NDArray[Number] = np.memmap(stream, dtype, "r+", shape=(count,))
    return made


def _reserve(descriptor: int, size: int) -> None:
    """Give a file all its room now: a full disk at a mapped hole would be a SIGBUS, not an error."""
    if not hasattr(os, "posix_fallocate") or not size:
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:  # a file system that cannot say
            raise
