"""Pieces of words, as public models cut them, and their vectors. The only module that uses tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.array import load_array

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """A text of ``n`` pieces.

    Attributes:
        ids: ``(n,)`` the number of each piece: its row in a model's table.
        places: ``(n, 2)`` code points of each in the text, half-open.
    """

    ids: Ints
    places: Ints

    def head(self, most: int) -> Pieces:
        """The first ``most`` of them."""
        return Pieces(self.ids[:most], self.places[:most])


class Cutter:
    """Cuts texts into pieces.

    Args:
        tokenizer: A piece's number is its row.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, path: Path) -> Cutter:
        """That of a ``tokenizer.json``.

        Raises:
            Exception: tokenizers' own, for no such file or one not of this form.
        """
        return cls(Tokenizer.from_file(str(path)))

    def cut(self, texts: Sequence[str]) -> list[Pieces]:
        """Each text's pieces. A lone surrogate, which is no text to tokenizers, counts as a question mark."""
        found = self._tokenizer.encode_batch([text.encode("utf-8", "replace").decode() for text in texts])
        return [
            Pieces(np.array(one.ids, np.int64), np.array(one.offsets, np.int64).reshape(-1, 2))
            for one in found
        ]


class Table:
    """Vectors of pieces.

    Args:
        rows: ``(pieces, dim)`` int8.
        scales: ``(pieces,)`` what a row is multiplied by.
    """

    def __init__(self, rows: NDArray[np.int8], scales: NDArray[np.float16]) -> None:
        self._rows = rows
        self._scales = scales

    @classmethod
    def load(cls, folder: Path) -> Table:
        """That of a model's folder; its rows are mapped.

        Raises:
            OSError, ValueError: See :func:`rag.array.load_array`.
        """
        return cls(load_array(folder / "table.npy", "r"), load_array(folder / "scales.npy"))

    def vectors(self, ids: Ints) -> Floats:
        """``(n, dim)`` of pieces; negative ones count from the end."""
        found: Floats = self._rows[ids].astype(np.float32)
        found *= self._scales[ids].astype(np.float32)[:, None]
        return found
