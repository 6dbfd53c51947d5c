"""The embedded embedder: search terms and morpheme vectors, summed into one unit vector. numpy only."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array
from rag.korean import VECTOR_COUNT, Analysis, analyse, analyse_many, terms
from rag.manifest import file_digest, verify_model
from rag.protocols import Vectors
from rag.vector import FOLDER as MORPHEMES
from rag.vector import MorphemeVectors, has_vector

KIND = "embedder"
FOLDER = Path(__file__).parents[1] / "weights" / "embedder"
#: Names of the learned arrays: u, w and A below, float16 on disk.
PARTS = ("terms", "morphemes", "mapping")
#: Dimensions that each search term is added to, with hashed signs: a sparse random projection.
SPREAD = 8

Ids = NDArray[np.int64]

_BLOCK = 256  # texts summed at once: bounds memory, changes no vector
#: Rows that are multiplied together.
_GROUP = 16


class Bags(NamedTuple):
    """Which features each text holds: parallel arrays, by ascending text row, then feature id."""

    rows: Ids
    ids: Ids
    roots: Vectors  # square roots of the counts: the third "von" says less than the first


def bags(lists: Sequence[Sequence[int]], size: int) -> Bags:
    """Feature lists of texts as :class:`Bags`; ids lie in ``[0, size)``."""
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    ids = np.fromiter(chain.from_iterable(lists), np.int64, int(lengths.sum()))
    keys, counts = np.unique(np.repeat(np.arange(len(lists)), lengths) * size + ids, return_counts=True)
    return Bags(keys // size, keys % size, np.sqrt(counts).astype(np.float32))


def bucket(term: str, buckets: int) -> int:
    """A stable hash (CRC-32) of a search term into ``[0, buckets)``."""
    return zlib.crc32(term.encode()) % buckets


def directions(buckets: Ids, dim: int) -> tuple[Ids, Vectors]:
    """Where each bucket points: ``(n, SPREAD)`` dimensions, and signs times ``SPREAD ** -0.5``.

    Nothing is stored: a hash (SplitMix64, Steele et al. 2014) of the bucket gives both. Two terms
    are orthogonal up to noise of about ``dim ** -0.5`` (Kane & Nelson 2014, sparse projections).
    """
    steps = np.arange(SPREAD, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    bits: NDArray[np.uint64] = np.asarray(buckets, np.uint64)[:, None] * np.uint64(64) + steps
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    signs = np.where(bits & np.uint64(1), 1.0, -1.0) * SPREAD**-0.5
    return ((bits >> np.uint64(8)) % np.uint64(dim)).astype(np.int64), signs.astype(np.float32)


class EmbeddedEmbedder:
    """What a text says (search terms) and what it is about (morpheme vectors), as one unit vector.

    ``x = normalise(Σ_t √c(t) · u(t) · R(t) + Σ_m √c(m) · w(m) · V(m) · A)`` with counts c in the text.
    R is a fixed pseudo-random direction, so that shared terms count as they do in a cosine of tf-idf
    vectors, whatever the term: names that Kiwi does not know as well. V are Kiwi's vectors, by which
    준공 is near 완공. The weights u and w and the map A are learned (recipes/embedder).

    Args:
        vectors: ``(VECTOR_COUNT, d)`` morpheme table V.
        term_weights: ``(buckets,)`` float32 u, by hashed term.
        morpheme_weights: ``(VECTOR_COUNT,)`` float32 w.
        mapping: ``(d, dim)`` float32 A.
        fingerprint: Names the weights.
    """

    def __init__(
        self,
        vectors: MorphemeVectors,
        term_weights: Vectors,
        morpheme_weights: Vectors,
        mapping: Vectors,
        fingerprint: str,
    ) -> None:
        self.vectors = vectors
        self.term_weights = term_weights
        self.morpheme_weights = morpheme_weights
        self.mapping = mapping
        self._fingerprint = fingerprint

    @classmethod
    def load(cls, folder: Path = FOLDER, morphemes: Path = MORPHEMES) -> EmbeddedEmbedder:
        """Read the weights of ``folder``, about 1 MB.

        Raises:
            ModelMissingError, ModelDamagedError: See :func:`rag.manifest.verify_model`.
        """
        verify_model(folder, KIND)
        manifests = (folder / "manifest.json", morphemes / "manifest.json")
        digest = hashlib.sha256("".join(map(file_digest, manifests)).encode()).hexdigest()
        terms_, morphemes_, mapping = (
            load_array(folder / f"{name}.npy").astype(np.float32) for name in PARTS
        )
        vectors = MorphemeVectors.load(morphemes)
        return cls(vectors, terms_, morphemes_, mapping, f"embedded-{digest[:16]}")

    @property
    def fingerprint(self) -> str:
        """Names the weights; see :class:`rag.protocols.Embedder`."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.mapping.shape[1])

    @property
    def max_tokens(self) -> int:
        """None is too long: a text is a bag of words."""
        return 0

    def count_tokens(self, text: str) -> int:
        """Morphemes."""
        return len(analyse(text).morphemes)

    def embed_analyses(self, analyses: Sequence[Analysis]) -> Vectors:
        """``(n, dim)`` unit rows for texts that are already analysed; zero rows for empty texts."""
        blocks = [self._sums(analyses[first : first + _BLOCK]) for first in range(0, len(analyses), _BLOCK)]
        rows = np.concatenate([np.zeros((0, self.dim), np.float32), *blocks])
        norms = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
        return np.asarray(rows / np.where(norms > 0, norms, 1.0), np.float32)

    def _sums(self, analyses: Sequence[Analysis]) -> Vectors:
        words, letters = self.features(analyses)
        weights = words.roots * self.morpheme_weights[words.ids]
        meanings = np.zeros((len(analyses), self.vectors.dim), np.float32)
        if len(words.ids):
            held, starts = np.unique(words.rows, return_index=True)
            weighted = weights[:, None] * self.vectors.rows(words.ids)
            meanings[held] = np.add.reduceat(weighted, starts, axis=0)
        places, signs = directions(letters.ids, self.dim)
        values = (letters.roots * self.term_weights[letters.ids])[:, None] * signs
        flat = (letters.rows[:, None] * self.dim + places).ravel()
        sketch = np.bincount(flat, values.ravel(), minlength=len(analyses) * self.dim)
        return np.asarray(sketch.reshape(-1, self.dim) + self._mapped(meanings), np.float32)

    def _mapped(self, meanings: Vectors) -> Vectors:
        """``(n, dim)``, multiplied in groups of one size, the last filled up with zeros.

        Kernels sum in another order for few rows than for many, on some processors, and how many texts are
        read at once must not change a bit of any vector: an index that was added to is that of a rebuild.
        """
        groups = -(-len(meanings) // _GROUP)
        padded = np.zeros((groups, _GROUP, meanings.shape[1]), np.float32)
        padded.reshape(-1, meanings.shape[1])[: len(meanings)] = meanings
        made = np.empty((groups, _GROUP, self.dim), np.float32)
        for rows, found in zip(padded, made, strict=True):
            np.matmul(rows, self.mapping, out=found)
        return made.reshape(-1, self.dim)[: len(meanings)]

    def features(self, analyses: Sequence[Analysis]) -> tuple[Bags, Bags]:
        """Content morphemes that have a vector, by id, and search terms, by bucket."""
        buckets = len(self.term_weights)
        words = [[m.id for m in a.morphemes if m.is_content and has_vector(m.id)] for a in analyses]
        letters = [[bucket(term, buckets) for term in terms(a)] for a in analyses]
        return bags(words, VECTOR_COUNT), bags(letters, buckets)

    def embed_passages(self, texts: Iterable[str]) -> Vectors:
        """See :class:`rag.protocols.Embedder`."""
        return self.embed_analyses(list(analyse_many(texts)))

    def embed_queries(self, texts: Iterable[str]) -> Vectors:
        """Queries are embedded as passages are: the model is symmetric."""
        return self.embed_analyses([analyse(text) for text in texts])
