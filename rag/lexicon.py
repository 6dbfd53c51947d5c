"""Strings on disk, in order: found by binary search in the mapped file, so that opening costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array, scratch_array
from rag.growing import GrowingArray

#: Distinct strings that a writer keeps in memory (about 200 bytes each) before it writes them out in order.
RUN_STRINGS = 200_000
_BLOCK = 65_536


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
        self._runs: list[str] = []
        self._aside = TemporaryDirectory(dir=folder)
        self.count = 0

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
        """Write what is held as a run: its strings, and beside them their numbers."""
        run, folder = str(len(self._runs)), Path(self._aside.name)
        held = Lexicon.of(self._numbers)
        held.save(folder, run)
        np.save(folder / f"{run}.npy", np.fromiter((self._numbers[one] for one in held), np.int64))
        self._runs.append(run)
        self._numbers = {}

    def _numbered(self, run: str) -> Iterator[tuple[bytes, int]]:
        """Strings of a run in order, with their numbers."""
        folder = Path(self._aside.name)
        lexicon, numbers = Lexicon.load(folder, run), load_array(folder / f"{run}.npy", "r")
        for first in range(0, len(lexicon), _BLOCK):
            for row, number in enumerate(numbers[first : first + _BLOCK].tolist(), first):
                yield lexicon._at(row), number

    def close(self) -> NDArray[np.int32]:
        """Write the lexicon; ``(count,)`` the row of each number's string, in a file that goes with it."""
        self._spill()
        rows = scratch_array(self._folder, np.int32, self.count)
        letters, ends = (
            GrowingArray(path, np.dtype(kind))
            for path, kind in zip(_paths(self._folder, self._name), (np.uint8, np.int64), strict=True)
        )
        pairs = merge(*map(self._numbered, self._runs))
        last: bytes | None = None
        while block := list(islice(pairs, _BLOCK)):
            fresh = []
            for string, number in block:
                if string != last:
                    fresh.append(string)
                    last = string
                rows[number] = ends.count + len(fresh) - 1
            sizes = np.fromiter(map(len, fresh), np.int64, len(fresh))
            ends.append(letters.count + np.cumsum(sizes))
            letters.append(np.frombuffer(b"".join(fresh), np.uint8))
        letters.close()
        ends.close()
        self._aside.cleanup()
        return rows


def _coded(string: str) -> bytes:
    return string.encode("utf-8", "surrogatepass")


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.utf8.npy", folder / f"{name}_ends.npy"
