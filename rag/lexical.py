"""BM25 over search terms. The only module that imports bm25s.

Robertson & Zaragoza 2009, Lucene's variant, k1 1.2, b 0.75: measured in ARCHITECTURE on KorQuAD dev.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bm25s import BM25

K1 = 1.2
B = 0.75


def _engine() -> type[BM25]:
    from bm25s import BM25

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG on import
    engine: type[BM25] = BM25
    return engine


class LexicalIndex:
    """BM25 scores of all passages for a bag of terms.

    Args:
        engine: A fitted bm25s model, or ``None`` for no passages.
        count: Number of passages; rows are ``0 … count - 1``.
    """

    def __init__(self, engine: BM25 | None, count: int) -> None:
        self._engine = engine
        self.count = count

    @classmethod
    def build(cls, term_lists: Iterable[Sequence[str]]) -> LexicalIndex:
        """Fit on one term list per passage; streams, keeping term ids only."""
        vocabulary: dict[str, int] = {}
        rows = [
            np.fromiter((vocabulary.setdefault(t, len(vocabulary)) for t in terms), np.int32)
            for terms in term_lists
        ]
        if not vocabulary:
            return cls(None, len(rows))
        engine = _engine()(k1=K1, b=B, method="lucene")
        engine.index((rows, vocabulary), create_empty_token=True, show_progress=False)
        return cls(engine, len(rows))

    def knows(self, term: str) -> bool:
        """Whether any passage holds the term."""
        return self._engine is not None and term in self._engine.vocab_dict

    def scores(self, terms: Sequence[str]) -> NDArray[np.float32]:
        """``(count,)`` float32, 0 where no term occurs; repeated query terms count once each."""
        known = [term for term in terms if self.knows(term)]
        if self._engine is None or not known:
            return np.zeros(self.count, np.float32)
        return np.asarray(self._engine.get_scores(known), np.float32)

    def save(self, folder: Path) -> None:
        """Write arrays and vocabulary into ``folder``, which must exist."""
        if self._engine is not None:
            self._engine.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path, count: int) -> LexicalIndex:
        """Memory-map what :meth:`save` wrote for ``count`` passages."""
        if not (folder / "params.index.json").is_file():
            return cls(None, count)
        return cls(_engine().load(folder, mmap=True, show_progress=False), count)
