"""Kiwi's morpheme vectors, made small: a memory-mapped int8 table shared by embedder and reader."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array
from rag.korean import VECTOR_COUNT
from rag.manifest import verify_model
from rag.protocols import Vectors

KIND = "morphemes"
#: Ids below stand for tags, not words: Kiwi gives them to unknown nouns, numbers and foreign words alike.
FIRST_WORD = 61
FOLDER = Path(__file__).with_name("weights") / "morphemes"


def has_vector(morpheme_id: int) -> bool:
    """Whether an id names one word that Kiwi's language model knows."""
    return FIRST_WORD <= morpheme_id < VECTOR_COUNT


class MorphemeVectors:
    """Unit vectors and inverse document frequencies by Kiwi morpheme id.

    Args:
        table: ``(VECTOR_COUNT, dim)`` int8; a row is its direction times 127 over its largest entry.
        idf: ``(VECTOR_COUNT,)`` float16 in [0, 1]: log-scaled rarity in the recipe's text; 1 is unseen.
    """

    def __init__(self, table: NDArray[np.int8], idf: NDArray[np.float16]) -> None:
        self._table = table
        self._idf = idf

    @classmethod
    def load(cls, folder: Path = FOLDER) -> MorphemeVectors:
        """Memory-map the table of ``folder``; loaded once a process.

        Raises:
            ModelMissingError, ModelDamagedError: See :func:`rag.manifest.verify_model`.
        """
        return _loaded(folder)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._table.shape[1])

    def rows(self, ids: Sequence[int] | NDArray[np.int64]) -> Vectors:
        """``(n, dim)`` float32 unit rows; zero rows for ids without a vector."""
        wanted = np.asarray(ids, np.int64)
        known = (wanted >= 0) & (wanted < VECTOR_COUNT)
        rows = self._table[np.where(known, wanted, 0)].astype(np.float32)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.where(known[:, None], rows / np.maximum(norms, 1e-6), 0.0).astype(np.float32)

    def idf(self, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """``(n,)`` float32 in [0, 1]; 1 for ids without a vector."""
        wanted = np.asarray(ids, np.int64)
        known = (wanted >= 0) & (wanted < VECTOR_COUNT)
        return np.where(known, self._idf[np.where(known, wanted, 0)], 1.0).astype(np.float32)


@lru_cache(maxsize=4)
def _loaded(folder: Path) -> MorphemeVectors:
    verify_model(folder, KIND)
    return MorphemeVectors(
        load_array(folder / "vectors.npy", "r"),
        load_array(folder / "idf.npy"),
    )
