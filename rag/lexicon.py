"""Strings on disk, in order: found by binary search in the mapped file, so that opening costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array


class Lexicon:
    """Distinct strings in ascending order of their UTF-8 bytes; a string's row is its place in that order.

    Args:
        letters: ``(total,)`` uint8: all strings, end to end.
        ends: ``(n,)`` int64; string ``row`` is ``letters[ends[row - 1]:ends[row]]``.
    """

    def __init__(self, letters: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._letters = letters
        self._ends = ends
        self._bytes, self._stops = letters.data, ends.data  # plain views: an item costs a tenth of numpy's

    @classmethod
    def of(cls, strings: Iterable[str]) -> Lexicon:
        """From strings in any order, each once."""
        coded = sorted(map(_coded, strings))
        ends = np.cumsum(np.fromiter(map(len, coded), np.int64, len(coded)), dtype=np.int64)
        return cls(np.frombuffer(b"".join(coded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[str]:
        """Every string, by row."""
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> str:
        return self._at(row).decode("utf-8", "surrogatepass")

    def __contains__(self, string: object) -> bool:
        return isinstance(string, str) and self.find(string) is not None

    def _at(self, row: int) -> bytes:
        start = self._stops[row - 1] if row else 0
        return bytes(self._bytes[start : self._stops[row]])

    def find(self, string: str) -> int | None:
        """The row of a string, ``None`` if it is not there. Cost: ``log2 n`` reads, 20 µs of a million."""
        wanted, low, high = _coded(string), 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._at(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self._at(low) == wanted else None

    def save(self, folder: Path, name: str) -> None:
        """Write ``<name>.utf8.npy`` and ``<name>_ends.npy`` into ``folder``."""
        letters, ends = _paths(folder, name)
        np.save(letters, self._letters)
        np.save(ends, self._ends)

    @classmethod
    def load(cls, folder: Path, name: str) -> Lexicon:
        """Memory-map what :meth:`save` wrote.

        Raises:
            OSError, ValueError: The files are missing or do not fit together.
        """
        letters, ends = (load_array(path, "r") for path in _paths(folder, name))
        if (int(ends[-1]) if len(ends) else 0) != len(letters):
            raise ValueError(f"the files of {name} do not fit together")
        return cls(letters, ends)


def _coded(string: str) -> bytes:
    return string.encode("utf-8", "surrogatepass")


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.utf8.npy", folder / f"{name}_ends.npy"
