"""Term lists on their way to disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from rag.array import load_array, scratch_array
from rag.growing import GrowingArray
from rag.lexical.index import ENDS, TERMS, VOCABULARY, LexicalIndex
from rag.lexical.postings import Ends, Ids, fit
from rag.lexicon import Lexicon, LexiconWriter

_BLOCK = 4_000_000


class TermWriter:
    """Term lists on their way to disk; :meth:`close` fits BM25 on them.

    Memory grows neither with the text nor with its vocabulary.

    Args:
        folder: Where the files go; must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vocabulary = LexiconWriter(folder, VOCABULARY)
        self._ids = GrowingArray(folder / TERMS, np.dtype(np.int32))
        self._ends = GrowingArray(folder / ENDS, np.dtype(np.int64))
        self._known: dict[int, tuple[LexicalIndex, Ids]] = {}

    def add(self, terms: Sequence[str]) -> None:
        """The terms of the next passage."""
        self._ids.append([self._vocabulary.add(term) for term in terms])
        self._ends.append([self._ids.count])

    def add_many(self, names: Sequence[str], ids: Ids, ends: Ends) -> None:
        """The terms of the next passages.

        Args:
            names: The distinct terms of them all.
            ids: Rows of ``names``, passage after passage.
            ends: Where each passage ends in ``ids``.
        """
        mine = np.fromiter(map(self._vocabulary.add, names), np.int32, len(names))
        self._ends.append(self._ids.count + ends)
        self._ids.append(mine[ids])

    def copy(self, other: LexicalIndex, rows: range) -> None:
        """The terms of consecutive passages of another index."""
        ids, lengths = other.term_ids(rows)
        if id(other) not in self._known:
            self._known[id(other)] = (other, self._unseen(len(other.lexicon)))
        _, mine = self._known[id(other)]
        for unseen in np.unique(ids[mine[ids] < 0]).tolist():
            mine[unseen] = self._vocabulary.add(other.lexicon[unseen])
        self._ends.append(self._ids.count + np.cumsum(lengths))
        self._ids.append(mine[ids])

    def close(self, told: Callable[[float], None] = lambda share: None) -> None:
        """Complete the files: ids in the order of the lexicon, then the fit, which tells its share done."""
        self._ids.close()
        self._ends.close()
        rows = self._vocabulary.close()
        ids = load_array(self._folder / TERMS, "r+")
        for first in range(0, len(ids), _BLOCK):
            ids[first : first + _BLOCK] = rows[ids[first : first + _BLOCK]]
        ends = load_array(self._folder / ENDS, "r")
        fit(ids, ends, len(Lexicon.load(self._folder, VOCABULARY)), self._folder, told)

    def _unseen(self, count: int) -> Ids:
        """``(count,)`` of -1, on disk."""
        made = scratch_array(self._folder, np.int32, count)
        made[:] = -1
        return made
