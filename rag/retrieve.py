"""Questions to passages: dense, lexical and fused retrieval over one index.

A filter leaves passages out before anything is ranked or scaled: what is found is what an index of the
admitted documents alone would give, but for the rarity of words, which stays that of the whole index.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.embed import MaxSim, words
from rag.evidence.masthead import asks_of_page, states_page
from rag.index import Index
from rag.korean import analyse, terms
from rag.protocols import Embedder
from rag.text import from_english_layout, latin_words, normalise, squeeze
from rag.types import Filter, Hit, Route, ranked

Scores = NDArray[np.float32]

#: What a page states about itself scores this share of its best passage, and so many of its lines are read.
MASTHEAD_FACTOR = 0.9
MASTHEAD_PASSAGES = 4
#: Passages that may tie with the last candidate, as a multiple of the candidates: rows of one large table
#: can all score alike.
_TIES = 4


def top_rows(scores: Scores, k: int) -> NDArray[np.int64]:
    """Rows of the ``k`` highest positive scores and of all that tie with the last; unordered."""
    positive = np.flatnonzero(scores > 0)
    if len(positive) <= k:
        return positive
    least = np.partition(scores[positive], len(positive) - k)[len(positive) - k]
    kept: NDArray[np.int64] = positive[scores[positive] >= least]
    return kept


def _hits(
    index: Index, rows: Sequence[int], scores: Sequence[float], route: Route, k: int
) -> tuple[Hit, ...]:
    found = (Hit(index.store.passage(row), score, route) for row, score in zip(rows, scores, strict=True))
    return ranked(tuple(found))[:k]


def _fewer(rows: NDArray[np.int64], scores: Scores, most: int) -> NDArray[np.int64]:
    """The rows, ascending; of very many that tie, the earliest."""
    return rows if len(rows) <= most else np.sort(rows[np.lexsort((rows, -scores))[:most]])


def _near(
    index: Index, query: Scores, k: int, allowed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], Scores]:
    return index.dense.search(query, k) if allowed is None else index.dense.search(query, k, allowed)


class LexicalRetriever:
    """BM25 alone."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def retrieve(self, question: str, top_k: int, only: Filter | None = None) -> tuple[Hit, ...]:
        """See :class:`rag.protocols.Retriever`."""
        allowed = self._index.store.admitted(only) if only else None
        rows, scores = self._index.lexical.search(terms(analyse(question)), top_k, allowed)
        return _hits(self._index, rows.tolist(), scores.tolist(), Route.LEXICAL, top_k)


class DenseRetriever:
    """Cosine of the embedder's vectors alone."""

    def __init__(self, index: Index, embedder: Embedder) -> None:
        self._index = index
        self._embedder = embedder

    def retrieve(self, question: str, top_k: int, only: Filter | None = None) -> tuple[Hit, ...]:
        """See :class:`rag.protocols.Retriever`."""
        query = self._embedder.embed_queries([question])[0]
        rows, scores = _near(self._index, query, top_k, self._index.store.admitted(only) if only else None)
        return _hits(self._index, rows.tolist(), scores.tolist(), Route.DENSE, top_k)


class FusedRetriever:
    """Both routes and late interaction, over the union of the routes' candidates.

    ``(1 - w - v) · bm25 / max bm25 + w · cosine + v · maxsim``.

    Scores are convex sums (Bruch et al. 2023, "An Analysis of Fusion Functions for Hybrid Retrieval"):
    rank fusion with equal weights was measured to lose against BM25 alone (ARCHITECTURE). BM25 is
    scaled by its maximum for this question, cosines are on their own scale. Passages aside from
    their page's article are multiplied by ``aside_factor``.

    Args:
        index: The open index.
        embedder: The one that the index was built with.
        candidates: Rows taken from each route.
        dense_weight: ``w`` above, in [0, 1]; 0 never asks the embedder.
        late: Scores candidates word by word; with ``late_weight`` 0 it is never asked.
        late_weight: ``v`` above, in [0, 1 - w].
        aside_factor: In [0, 1].
    """

    def __init__(
        self,
        index: Index,
        embedder: Embedder,
        *,
        candidates: int,
        dense_weight: float,
        aside_factor: float,
        late: MaxSim | None = None,
        late_weight: float = 0.0,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._candidates = candidates
        self._dense_weight = dense_weight
        self._aside_factor = aside_factor
        self._late = late
        self._late_weight = late_weight if late is not None else 0.0

    def interpret(self, question: str) -> str:
        """The question as it is searched for: normalised, and Korean where English keys were hit.

        A Latin word is read as Korean keys only if the index does not know it as it stands and
        knows a term of what it spells.
        """
        question = squeeze(normalise(question))
        pieces: list[str] = []
        last = 0
        for start, end in latin_words(question):
            pieces += [question[last:start], self._reread(question[start:end])]
            last = end
        return "".join([*pieces, question[last:]])

    def _reread(self, word: str) -> str:
        spelled = from_english_layout(word)
        if spelled is None or len(spelled) < 2 or self._index.lexical.knows(word.lower()):
            return word
        known = any(self._index.lexical.knows(term) for term in terms(analyse(spelled)))
        return spelled if known else word

    def retrieve(self, question: str, top_k: int, only: Filter | None = None) -> tuple[Hit, ...]:
        """See :class:`rag.protocols.Retriever`; ``question`` as :meth:`interpret` gave it."""
        asked = analyse(question)
        sought = terms(asked)
        allowed = self._index.store.admitted(only) if only else None
        rows, lexical = self._index.lexical.search(sought, self._candidates, allowed)
        most = max(float(lexical.max(initial=0.0)), 1e-9)
        rows = _fewer(rows, lexical, _TIES * self._candidates)
        near: NDArray[np.float32] | None = None
        if self._dense_weight > 0:
            query = self._embedder.embed_queries([question])[0]
            rows = np.union1d(rows, _near(self._index, query, self._candidates, allowed)[0])
            near = self._index.dense.scores(query, rows)
        scores = (
            (1 - self._dense_weight - self._late_weight) * self._index.lexical.scores(sought, rows) / most
        )
        if near is not None:
            scores += self._dense_weight * near
        if self._late is not None and self._late_weight > 0 and len(rows):
            alike = self._late.scores(words(asked), self._index.words.take(rows))
            scores += self._late_weight * alike
        scores = np.where(self._index.aside[rows], self._aside_factor, 1.0) * scores
        best = top_rows(scores.astype(np.float32), top_k)
        hits = _hits(self._index, rows[best].tolist(), scores[best].tolist(), Route.FUSED, top_k)
        return self._with_masthead(hits, top_k) if hits and asks_of_page(question) else hits

    def _with_masthead(self, hits: tuple[Hit, ...], top_k: int) -> tuple[Hit, ...]:
        """The best document's masthead and bylines after its best passage: they share no word with it."""
        store, score = self._index.store, hits[0].score * MASTHEAD_FACTOR
        rows = store.rows(hits[0].passage.document_id)
        stated = [
            Hit(passage, score, Route.FUSED)
            for row, passage in ((row, store.passage(row)) for row in rows if self._index.aside[row])
            if states_page(passage.text, opens=row == rows[0])
        ][:MASTHEAD_PASSAGES]
        known = {hit.passage.id for hit in stated}
        return ranked((*stated, *(hit for hit in hits if hit.passage.id not in known)))[:top_k]
