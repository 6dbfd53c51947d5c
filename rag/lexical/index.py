"""BM25 scores of passages, by exact search that reads only the lists that can decide it.

Turtle & Flood 1995 (MaxScore): rarest terms first; as soon as what the remaining, common terms could add
together cannot lift an untouched passage among the best, they are looked up only for passages that still
have a chance. The result is that of scoring everything, ties included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array
from rag.lexical.postings import Ends, Ids, Postings, Scores, fit, load
from rag.lexicon import Lexicon

TERMS = "terms.npy"
ENDS = "term_ends.npy"
VOCABULARY = "vocabulary"

#: Share of all passages in the next list from which it pays to ask whether it still matters: a look over all
#: scores costs about as much as reading such a list.
LOOK_FROM = 0.1
#: Scores whose highest one is looked at together.
STRETCH = 256
#: Float sums of bounds and of scores may differ in their last digits: bounds are widened by this factor.
_SLACK = 1.0001

Rows = NDArray[np.int64]


class LexicalIndex:
    """BM25 scores of all passages for a bag of terms.

    Args:
        postings: The fitted matrix, or ``None`` where there are no terms.
        lexicon: Every term; its row is its id.
        ids: Term ids of all passages, end to end, so that an index can grow without analysing text again.
        ends: ``(count,)``; passage ``row`` has ``ids[ends[row - 1]:ends[row]]``.
    """

    def __init__(self, postings: Postings | None, lexicon: Lexicon, ids: Ids, ends: Ends) -> None:
        self._postings = postings
        self._lexicon = lexicon
        self._ids = ids
        self._ends = ends
        self.count = len(ends)

    @classmethod
    def build(cls, term_lists: Iterable[Sequence[str]]) -> LexicalIndex:
        """Fit in memory on one term list per passage."""
        lists = list(term_lists)
        lexicon = Lexicon.of({term for terms in lists for term in terms})
        places = {term: row for row, term in enumerate(lexicon)}
        ids = np.fromiter((places[term] for terms in lists for term in terms), np.int32)
        ends = np.cumsum(np.fromiter(map(len, lists), np.int64, len(lists)), dtype=np.int64)
        return cls(fit(ids, ends, len(lexicon)), lexicon, ids, ends)

    @property
    def lexicon(self) -> Lexicon:
        """Every term of the index; its row is its id."""
        return self._lexicon

    def knows(self, term: str) -> bool:
        """Whether any passage holds the term."""
        return term in self._lexicon

    def term_ids(self, rows: range) -> tuple[Ids, NDArray[np.int64]]:
        """Term ids of consecutive passages, end to end, and the number of each."""
        start = int(self._ends[rows.start - 1]) if rows.start else 0
        ends = self._ends[rows.start : rows.stop]
        return self._ids[start : int(ends[-1]) if len(ends) else start], np.diff(ends, prepend=start)

    def _asked(self, terms: Sequence[str]) -> tuple[Postings, list[tuple[int, np.float32]]] | None:
        """The known terms with how often each is asked for, rarest first; ``None`` without any."""
        found = (self._lexicon.find(term) for term in terms)
        ids, times = np.unique([row for row in found if row is not None], return_counts=True)
        if self._postings is None or not len(ids):
            return None
        order = np.lexsort((ids, self._postings.frequencies(ids.astype(np.int64))))
        return self._postings, [(int(ids[row]), np.float32(times[row])) for row in order]

    def scores(self, terms: Sequence[str], rows: Rows | None = None) -> Scores:
        """Float32 scores, 0 where no term occurs; repeated query terms count once each.

        Args:
            terms: Of the question.
            rows: Passages to score, ascending; ``None`` scores all, which reads every list whole.
        """
        asked = self._asked(terms)
        found = np.zeros(self.count if rows is None else len(rows), np.float32)
        if asked is None:
            return found
        postings, weighted = asked
        for term, weight in weighted:
            if rows is None:
                places, values = postings.of(term)
                found[places] += weight * values
            else:
                _add(found, rows, *postings.of(term), weight)
        return found

    def search(
        self, terms: Sequence[str], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[Rows, Scores]:
        """Rows, ascending, of the ``k`` highest positive scores and of all that tie with the last.

        Args:
            terms: Of the question.
            k: Passages wanted.
            allowed: ``(count,)``; other passages are left out before anything is ranked.
        """
        asked = self._asked(terms)
        if asked is None or k <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        postings, weighted = asked
        bounds = [float(weight) * float(postings.peaks[term]) for term, weight in weighted]
        left = [*np.cumsum(bounds[::-1])[::-1].tolist(), 0.0]
        scores = np.zeros(self.count, np.float32)
        least = 0.0
        step = 0
        while step < len(weighted) and least <= left[step] * _SLACK:
            term, weight = weighted[step]
            places, values = postings.of(term)
            scores[places] += weight * values
            step += 1
            if step < len(weighted) and len(postings.of(weighted[step][0])[0]) >= LOOK_FROM * self.count:
                least = _least(scores if allowed is None else scores[allowed], k)
        if step == len(weighted):
            least = _least(scores if allowed is None else scores[allowed], k)
        rows = np.flatnonzero((scores > 0) & (scores >= least - left[step] * _SLACK))
        if allowed is not None:
            rows = rows[allowed[rows]]
        found = scores[rows]
        for place in range(step, len(weighted)):
            _add(found, rows, *postings.of(weighted[place][0]), weighted[place][1])
            chance = found >= _least(found, k) - left[place + 1] * _SLACK
            rows, found = rows[chance], found[chance]
        best = found >= _least(found, k)
        return rows[best], found[best]

    def save(self, folder: Path) -> None:
        """Write everything into ``folder``, which must exist."""
        np.save(folder / TERMS, self._ids)
        np.save(folder / ENDS, self._ends)
        self._lexicon.save(folder, VOCABULARY)
        fit(self._ids, self._ends, len(self._lexicon), folder)

    @classmethod
    def load(cls, folder: Path, count: int) -> LexicalIndex:
        """Memory-map what :meth:`save` or a :class:`TermWriter` wrote for ``count`` passages.

        Raises:
            OSError, ValueError: The files are missing or do not fit together.
        """
        ids = load_array(folder / TERMS, "r")
        ends = load_array(folder / ENDS, "r")
        if len(ends) != count or (int(ends[-1]) if count else 0) != len(ids):
            raise ValueError(f"{TERMS} and {ENDS} do not fit {count} passages")
        lexicon, postings = Lexicon.load(folder, VOCABULARY), load(folder, count)
        if len(lexicon) != (0 if postings is None else len(postings.peaks)):
            raise ValueError(f"the vocabulary does not fit BM25's {count} passages")
        return cls(postings, lexicon, ids, ends)


def _least(scores: Scores, k: int) -> float:
    """The ``k``-th highest positive score; 0 where there are fewer."""
    positive = scores[scores >= _floor(scores, k)]
    positive = positive[positive > 0]
    if len(positive) < k:
        return 0.0
    return float(np.partition(positive, len(positive) - k)[len(positive) - k])


def _floor(scores: Scores, k: int) -> float:
    """No more than the ``k``-th highest score: that of the highest scores of stretches. Much cheaper."""
    stretches = len(scores) // STRETCH
    if stretches < k:
        return 0.0
    highest = scores[: stretches * STRETCH].reshape(stretches, STRETCH).max(axis=1)
    return float(np.partition(highest, stretches - k)[stretches - k])


def _add(scores: Scores, rows: Rows, places: Ids, values: Scores, weight: np.float32) -> None:
    """Add a term's values to the scores of ascending ``rows`` that have it."""
    if not len(places):
        return
    at = np.minimum(np.searchsorted(places, rows), len(places) - 1)
    held = places[at] == rows
    scores[held] += weight * values[at[held]]
