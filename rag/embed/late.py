"""Late interaction over morphemes: each word of a question looks for its nearest word in a passage.

Khattab & Zaharia 2020 (ColBERT), with Kiwi's morpheme vectors in place of a transformer's. Nothing here
is trained; recipes/embedder measures it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array
from rag.growing import GrowingArray
from rag.korean import VECTOR_COUNT, Analysis, Morpheme
from rag.protocols import Vectors
from rag.vector import FOLDER as MORPHEMES
from rag.vector import MorphemeVectors, has_vector

#: Cosines below this are chance: unrelated morphemes.
FLOOR = 0.55

#: Products of a matrix multiplication up to which OpenBLAS works on one thread. More would start the others,
#: which wait for each other spinning: on a busy machine 2 ms of work took 2 s (docs/decisions/0010).
_ALONE = 2**18

_UNKNOWN = 2**31 - VECTOR_COUNT  # ids left for words without a vector


def word_id(morpheme: Morpheme) -> int:
    """Kiwi's id where it has a vector, else a hash of the form above those ids; below 2**31.

    Names, numbers and foreign words have no vector of their own: each matches itself only.
    """
    if has_vector(morpheme.id):
        return morpheme.id
    return VECTOR_COUNT + zlib.crc32(morpheme.form.lower().encode()) % _UNKNOWN


def words(analysis: Analysis) -> NDArray[np.int32]:
    """``(n,)`` distinct content words of a text, ascending :func:`word_id`."""
    return np.unique(np.array([word_id(m) for m in analysis.morphemes if m.is_content], np.int32))


@dataclass(frozen=True, slots=True)
class WordBags:
    """The distinct words of many texts, end to end: about 250 bytes for a passage of 400 characters.

    Attributes:
        ids: ``(total,)`` int32, text after text.
        ends: ``(n,)`` int64; text ``row`` is ``ids[ends[row - 1]:ends[row]]``.
    """

    ids: NDArray[np.int32]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    @classmethod
    def of(cls, texts: Iterable[NDArray[np.int32]]) -> WordBags:
        """From :func:`words` of each text."""
        rows = list(texts)
        ids = np.concatenate([np.zeros(0, np.int32), *rows])
        return cls(ids, np.cumsum([len(row) for row in rows], dtype=np.int64))

    def take(self, rows: NDArray[np.int64]) -> WordBags:
        """The bags of the given rows, in their order."""
        ends = self.ends[rows]
        starts = np.where(rows > 0, self.ends[np.maximum(rows - 1, 0)], 0)
        return WordBags.of(self.ids[s:e] for s, e in zip(starts.tolist(), ends.tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write ``words.npy`` and ``word_ends.npy`` into ``folder``."""
        np.save(folder / "words.npy", self.ids)
        np.save(folder / "word_ends.npy", self.ends)

    @classmethod
    def load(cls, folder: Path) -> WordBags:
        """Memory-map what :meth:`save` wrote.

        Raises:
            OSError, ValueError: The files are missing or do not fit together.
        """
        ids = load_array(folder / "words.npy", "r")
        ends = load_array(folder / "word_ends.npy", "r")
        if (int(ends[-1]) if len(ends) else 0) != len(ids):
            raise ValueError("words.npy and word_ends.npy do not fit together")
        return cls(ids, ends)


class WordBagWriter:
    """Word bags on their way to disk, text after text.

    Args:
        folder: Where the files go; must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._ids = GrowingArray(folder / "words.npy", np.dtype(np.int32))
        self._ends = GrowingArray(folder / "word_ends.npy", np.dtype(np.int64))

    def add(self, text: NDArray[np.int32]) -> None:
        """:func:`words` of the next text."""
        self._ids.append(text)
        self._ends.append([self._ids.count])

    def add_many(self, ids: NDArray[np.int32], ends: NDArray[np.int64]) -> None:
        """:func:`words` of the next texts, end to end, and where each ends."""
        self._ends.append(self._ids.count + ends)
        self._ids.append(ids)

    def copy(self, other: WordBags, rows: range) -> None:
        """Consecutive texts of other bags."""
        for row in rows:
            self.add(other.ids[other.ends[row - 1] if row else 0 : other.ends[row]])

    def close(self) -> None:
        """Complete the files."""
        self._ids.close()
        self._ends.close()


class MaxSim:
    """How much of a question a passage speaks of, synonyms included.

    ``score(q, p) = Σ_i idf(i) · max_j s(i, j) / Σ_i idf(i)`` over the words i of q and j of p, with s the
    cosine of their vectors, 0 below :data:`FLOOR`, and 1 for the same word. Rarity comes with the
    vectors; words without a vector count as the rarest and match themselves only.

    Args:
        vectors: Morpheme vectors and rarities.
    """

    def __init__(self, vectors: MorphemeVectors) -> None:
        self._vectors = vectors

    @classmethod
    def load(cls, morphemes: Path = MORPHEMES) -> MaxSim:
        """With the vectors that ship with the package.

        Raises:
            ModelMissingError, ModelDamagedError: See :func:`rag.manifest.verify_model`.
        """
        return cls(MorphemeVectors.load(morphemes))

    def maxsim(self, question: Analysis, passages: Iterable[Analysis]) -> Vectors:
        """:meth:`scores` for texts at hand."""
        return self.scores(words(question), WordBags.of(map(words, passages)))

    def scores(self, question: NDArray[np.int32], passages: WordBags) -> Vectors:
        """``(n,)`` float32 in [0, 1]; 0 for a passage or question without content words.

        Cost: question words × distinct passage words × dim; 2 ms for 20 × 50 passages of 60.
        """
        found = np.zeros(len(passages), np.float32)
        lengths = np.diff(passages.ends, prepend=0)
        if not len(question) or not len(passages.ids):
            return found
        distinct, places = np.unique(passages.ids, return_inverse=True)
        near = self._similarity(question, distinct)[:, places]
        starts = (passages.ends - lengths)[lengths > 0]
        best = np.maximum.reduceat(near, starts, axis=1)
        rarity = self._vectors.idf(question.astype(np.int64))
        found[lengths > 0] = rarity @ best / max(float(rarity.sum()), 1e-9)
        return found

    def _similarity(self, left: NDArray[np.int32], right: NDArray[np.int32]) -> Vectors:
        asked, held = (self._vectors.rows(side.astype(np.int64)) for side in (left, right))
        step = max(1, _ALONE // max(asked.size, 1))
        parts = [asked @ held[first : first + step].T for first in range(0, len(held), step)]
        cosines: Vectors = np.concatenate(parts, axis=1)
        cosines[cosines < FLOOR] = 0.0
        cosines[left[:, None] == right] = 1.0
        return cosines
