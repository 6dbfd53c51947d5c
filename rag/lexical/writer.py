"""Term lists on their way to disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from rag.array import load_array
from rag.growing import GrowingArray
from rag.lexical.index import ENDS, TERMS, VOCABULARY, LexicalIndex
from rag.lexical.postings import Ends, Ids, fit
from rag.lexicon import Lexicon

_BLOCK = 4_000_000


class TermWriter:
    """Term lists on their way to disk; :meth:`close` fits BM25 on them.

    Memory grows with the vocabulary, not with the text.

    Args:
        folder: Where the files go; must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vocabulary: dict[str, int] = {}
        self._ids = GrowingArray(folder / TERMS, np.dtype(np.int32))
        self._ends = GrowingArray(folder / ENDS, np.dtype(np.int64))
        self._known: dict[int, tuple[LexicalIndex, Ids]] = {}

    def add(self, terms: Sequence[str]) -> None:
        """The terms of the next passage."""
        vocabulary = self._vocabulary
        self._ids.append([vocabulary.setdefault(term, len(vocabulary)) for term in terms])
        self._ends.append([self._ids.count])

    def add_many(self, names: Sequence[str], ids: Ids, ends: Ends) -> None:
        """The terms of the next passages.

        Args:
            names: The distinct terms of them all.
            ids: Rows of ``names``, passage after passage.
            ends: Where each passage ends in ``ids``.
        """
        vocabulary = self._vocabulary
        mine = np.fromiter((vocabulary.setdefault(name, len(vocabulary)) for name in names), np.int32)
        self._ends.append(self._ids.count + ends)
        self._ids.append(mine[ids])

    def copy(self, other: LexicalIndex, rows: range) -> None:
        """The terms of consecutive passages of another index."""
        ids, lengths = other.term_ids(rows)
        _, mine = self._known.setdefault(id(other), (other, np.full(len(other.lexicon), -1, np.int32)))
        for unseen in np.unique(ids[mine[ids] < 0]).tolist():
            mine[unseen] = self._vocabulary.setdefault(other.lexicon[unseen], len(self._vocabulary))
        self._ends.append(self._ids.count + np.cumsum(lengths))
        self._ids.append(mine[ids])

    def close(self, told: Callable[[float], None] = lambda share: None) -> None:
        """Complete the files: ids in the order of the lexicon, then the fit, which tells its share done."""
        self._ids.close()
        self._ends.close()
        lexicon = Lexicon.of(self._vocabulary)
        lexicon.save(self._folder, VOCABULARY)
        ranks = np.zeros(len(lexicon), np.int32)
        for rank, term in enumerate(lexicon):
            ranks[self._vocabulary[term]] = rank
        self._vocabulary.clear()
        ids = load_array(self._folder / TERMS, "r+")
        for first in range(0, len(ids), _BLOCK):
            ids[first : first + _BLOCK] = ranks[ids[first : first + _BLOCK]]
        ends = load_array(self._folder / ENDS, "r")
        fit(ids, ends, len(lexicon), self._folder, told)
