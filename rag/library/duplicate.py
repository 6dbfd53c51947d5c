"""Documents that say the same: equal texts, and nearly equal ones by MinHash over runs of words.

Broder 1997, "On the resemblance and containment of documents". A likeness alone would merge last year's
notice with this year's, which differ in a date and a sum: the numbers of two texts must agree as well, in
their order.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array
from rag.growing import GrowingArray
from rag.quantity import worded
from rag.types import Document

if TYPE_CHECKING:
    from datasketch import MinHash

PRINTS = "prints.npy"
#: Raise when :func:`print_of` changes, so that stored prints are made anew from the stored texts.
PRINT_VERSION = 2
PERMUTATIONS = 128  # the estimate's standard error is at most 0.02 at a likeness of 0.95
_SHINGLE_WORDS = 3
_SEED = 1
_SCHEME = "affine32"
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

#: CRC-32 of a text's numbers, then its MinHash.
Print = NDArray[np.uint32]


def print_of(text: str) -> Print:
    """``(1 + PERMUTATIONS,)`` uint32: what two nearly equal texts share."""
    words = text.split()
    count = max(1, len(words) - _SHINGLE_WORDS + 1)
    shingles = {" ".join(words[i : i + _SHINGLE_WORDS]).encode() for i in range(count)}
    sketch = _sketch()
    sketch.update_batch(sorted(shingles))
    numbers = zlib.crc32(" ".join(_numbers(text)).encode())
    return np.concatenate([np.array([numbers], np.uint32), np.asarray(sketch.hashvalues, np.uint32)])


def _numbers(text: str) -> list[str]:
    """Numbers in their order, for swapped sums are other sums; then those written in words."""
    return [*_NUMBER.findall(text), *(f"{amount.value}{amount.unit}" for amount in worded(text))]


def _sketch(values: Print | None = None) -> MinHash:
    from datasketch import MinHash

    if values is None:
        return MinHash(PERMUTATIONS, seed=_SEED, hashfunc=zlib.crc32, scheme=_SCHEME)
    return MinHash(seed=_SEED, hashfunc=zlib.crc32, hashvalues=values, scheme=_SCHEME)


class Likeness:
    """Documents seen so far, and which of them a further one repeats.

    Args:
        least: Likeness from which a document counts as a repetition, in (0, 1]; at 1 only equal texts do.
        kept: ``(n, 1 + PERMUTATIONS)`` prints of an index, mapped: what is kept of it takes a row number.
    """

    def __init__(self, least: float, kept: NDArray[np.uint32] | None = None) -> None:
        from datasketch import MinHashLSH

        self._least = least
        self._near = MinHashLSH(threshold=min(least, 0.99), num_perm=PERMUTATIONS) if least < 1 else None
        self._same: dict[str, str] = {}
        self._kept = kept
        self._rows: dict[str, int] = {}
        self._prints: dict[str, Print] = {}

    def keep(self, document_id: str, sha256: str, row: int) -> bool:
        """Remember a document of the index by its row there; false where its print is not known."""
        if self._kept is None or row >= len(self._kept):
            return False
        self._rows[document_id] = row
        self._remember(document_id, sha256)
        return True

    def add(self, document_id: str, sha256: str, values: Print) -> None:
        """Remember a document that is stored."""
        self._prints[document_id] = values
        self._remember(document_id, sha256)

    def _remember(self, document_id: str, sha256: str) -> None:
        self._same.setdefault(sha256, document_id)
        if self._near is not None:
            self._near.insert(document_id, _sketch(self.print(document_id)[1:]))

    def print(self, document_id: str) -> Print:
        """That of a document that was added or kept."""
        found = self._prints.get(document_id)
        if found is None:
            assert self._kept is not None
            found = self._kept[self._rows[document_id]]
        return found

    def find(self, document: Document, values: Print) -> tuple[str, float] | None:
        """The stored document that this one repeats, and how like they are; ``None`` for a new text."""
        if document.sha256 in self._same:
            return self._same[document.sha256], 1.0
        if self._near is None:
            return None
        near = [
            (float(np.mean(self.print(name)[1:] == values[1:])), name)
            for name in self._near.query(_sketch(values[1:]))
            if self.print(name)[0] == values[0]
        ]
        best = min(near, key=lambda one: (-one[0], one[1]), default=None)
        return (best[1], min(best[0], 0.999)) if best is not None and best[0] >= self._least else None


def write_prints(folder: Path, prints: Iterable[Print]) -> None:
    """One row a document, in index order."""
    rows = GrowingArray(folder / PRINTS, np.dtype(np.uint32), PERMUTATIONS + 1)
    for values in prints:
        rows.append(values[None])
    rows.close()


def read_prints(folder: Path) -> NDArray[np.uint32]:
    """``(documents, 1 + PERMUTATIONS)``, memory-mapped; no rows where there are none."""
    if not (folder / PRINTS).is_file():
        return np.zeros((0, PERMUTATIONS + 1), np.uint32)
    rows: NDArray[np.uint32] = load_array(folder / PRINTS, "r")
    return rows
