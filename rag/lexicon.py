"""Strings on disk, in order: found by binary search in the mapped file, so that opening costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array, scratch_array
from rag.growing import GrowingArray

#: Distinct strings that a writer keeps in memory (about 350 bytes each) before it writes them out in order.
RUN_STRINGS = 100_000
_BLOCK = 65_536

_Numbered = tuple[bytes, int]


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


class _Strings:
    """The files of strings that come in their order; in memory is what is appended at once."""

    def __init__(self, folder: Path, name: str) -> None:
        letters, ends = _paths(folder, name)
        self._letters = GrowingArray(letters, np.dtype(np.uint8))
        self._ends = GrowingArray(ends, np.dtype(np.int64))
        self.name = name

    @property
    def count(self) -> int:
        return self._ends.count

    def append(self, strings: Sequence[bytes]) -> None:
        sizes = np.fromiter(map(len, strings), np.int64, len(strings))
        self._ends.append(self._letters.count + np.cumsum(sizes, dtype=np.int64))
        self._letters.append(np.frombuffer(b"".join(strings), np.uint8))

    def close(self) -> None:
        self._letters.close()
        self._ends.close()


class LexiconWriter:
    """Strings in any order, repeated or not, on their way to a :class:`Lexicon`.

    Memory is bounded: every :data:`RUN_STRINGS` distinct strings go to disk in order, as a run, and
    :meth:`close` merges the runs (external merge sort; Knuth, TAOCP 3, 5.4).

    Args:
        folder: Where the files go; must exist.
        name: Of the lexicon.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._numbers: dict[str, int] = {}
        self._runs = _Strings(folder, f"{name}.runs")
        self._order = GrowingArray(self._order_path, np.dtype(np.int64))
        self._starts: list[int] = []
        self.count = 0

    @property
    def _order_path(self) -> Path:
        return self._folder / f"{self._name}.runs.npy"

    def add(self, string: str) -> int:
        """A number for a string, counted from 0; a repeated one may get another once a run is written."""
        number = self._numbers.get(string)
        if number is None:
            if len(self._numbers) >= RUN_STRINGS:
                self._spill()
            number = self._numbers[string] = self.count
            self.count += 1
        return number

    def _spill(self) -> None:
        """Write what is held as a run: its strings in order, and beside them their numbers."""
        held = sorted((_coded(string), number) for string, number in self._numbers.items())
        self._starts.append(self._order.count)
        self._runs.append([string for string, _ in held])
        self._order.append(np.fromiter((number for _, number in held), np.int64, len(held)))
        self._numbers = {}

    def _numbered(self, lexicon: Lexicon, numbers: NDArray[np.int64], rows: range) -> Iterator[_Numbered]:
        """Strings of a run in order, with their numbers."""
        for first in range(rows.start, rows.stop, _BLOCK):
            for row, number in enumerate(numbers[first : min(first + _BLOCK, rows.stop)].tolist(), first):
                yield lexicon._at(row), number

    def close(self) -> NDArray[np.int32]:
        """Write the lexicon; ``(count,)`` the row of each number's string, in a file that goes with it."""
        self._spill()
        self._runs.close()
        self._order.close()
        runs, numbers = Lexicon.load(self._folder, self._runs.name), load_array(self._order_path, "r")
        bounds = zip(self._starts, [*self._starts[1:], len(runs)], strict=True)
        rows = self._merged(merge(*(self._numbered(runs, numbers, range(*one)) for one in bounds)))
        del runs, numbers  # some systems delete no mapped file
        for path in (*_paths(self._folder, self._runs.name), self._order_path):
            path.unlink()
        return rows

    def _merged(self, pairs: Iterator[_Numbered]) -> NDArray[np.int32]:
        """Write each string of ascending pairs once."""
        rows = scratch_array(self._folder, np.int32, self.count)
        made = _Strings(self._folder, self._name)
        last: bytes | None = None
        while block := list(islice(pairs, _BLOCK)):
            fresh = []
            for string, number in block:
                if string != last:
                    fresh.append(string)
                    last = string
                rows[number] = made.count + len(fresh) - 1
            made.append(fresh)
        made.close()
        return rows


def _coded(string: str) -> bytes:
    return string.encode("utf-8", "surrogatepass")


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.utf8.npy", folder / f"{name}_ends.npy"
