"""What the sentence encoder says of kept sentences: how near they are to the question, and words to words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.encoder import Encoded, SentenceEncoder
from rag.evidence import Matched, Place, Question

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: Cosines of whole texts; weighted means of the question's pieces, each by its nearest piece; what the two
#: worst pieces take from such a mean; what is lacking to the best of the kept sentences, and the rank.
NAMES = (
    "cosine cosine_titled cosine_previous late late_titled late_around lack second_lack cosine_titled_gap "
    "late_titled_gap late_around_gap late_titled_rank"
).split()


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """A question held against ``k`` sentences.

    Attributes:
        asked: The question.
        said: The sentences.
        table: ``(k, len(NAMES))``.
    """

    asked: Encoded
    said: tuple[Encoded, ...]
    table: Floats

    def near(self, row: int, text: tuple[Ints, Ints], question: tuple[Ints, Ints]) -> Floats:
        """``(n, m)`` cosines in [0, 1] of a sentence's words and the question's, each by its nearest pieces.

        Args:
            row: Which sentence.
            text: ``(n,)`` first code points of words in it, and those after their last.
            question: ``(m,)`` the same of the question.
        """
        said = self.said[row]
        cosines = _cosines(said, self.asked)
        by_word = _highest(cosines, said.places, text)
        return _highest(by_word.T, self.asked.places, question).T


def meaning(
    question: Question, pages: Sequence[Matched], kept: Sequence[Place], encoder: SentenceEncoder
) -> Meaning:
    """Hold the question against kept sentences, their titles and their neighbours."""
    texts = [_sentences(pages[place.passage], place) for place in kept]
    titles = [pages[place.passage].item.passage.context for place in kept]
    everything = [question.text, *(text for three in texts for text in three), *titles]
    asked, *read = encoder.encode(everything)
    before, said, after = (read[shift : 3 * len(kept) : 3] for shift in range(3))
    titled = read[3 * len(kept) :]
    share = asked.weights / max(float(asked.weights.sum()), 1e-6)
    own = np.stack([_nearest(asked, one) for one in said])
    with_title = np.maximum(own, np.stack([_nearest(asked, one) for one in titled]))
    around = np.maximum(with_title, np.stack([_nearest(asked, one) for one in before]))
    around = np.maximum(around, np.stack([_nearest(asked, one) for one in after]))
    whole = encoder.wholes(asked.total[None], np.array([asked.count], np.float32))[0]

    def cosine(*parts: Sequence[Encoded]) -> Floats:
        """``(k,)`` of the parts read as one; a part without pieces, such as no title, adds nothing to it."""
        there = np.array([[[float(len(one.pieces) > 0)] for one in part] for part in parts])
        totals = (np.array([[one.total for one in part] for part in parts]) * there).sum(axis=0)
        counts = (np.array([[[one.count] for one in part] for part in parts]) * there).sum(axis=0)
        counts = np.maximum(counts[:, 0], 1.0).astype(np.float32)
        return np.asarray(encoder.wholes(totals.astype(np.float32), counts) @ whole, np.float32)

    lack = np.sort(share * (1.0 - around), axis=1)[:, ::-1]
    columns = [
        cosine(said),
        cosine(said, titled),
        cosine(said, before),
        own @ share,
        with_title @ share,
        around @ share,
        *(lack[:, n] if lack.shape[1] > n else np.zeros(len(kept)) for n in (0, 1)),
    ]
    at = NAMES.index
    compared = [columns[at(name)] for name in ("cosine_titled", "late_titled", "late_around")]
    gaps = [column - column.max() for column in compared]
    rank = np.argsort(np.argsort(-columns[at("late_titled")], kind="stable"), kind="stable")
    table = np.stack([*columns, *gaps, rank], axis=1).astype(np.float32)
    return Meaning(asked, tuple(said), table)


def _sentences(page: Matched, place: Place) -> tuple[str, str, str]:
    """The sentence before, the sentence and the one after it; empty where there is none."""
    spans, text = page.seen.analysis.sentences, page.seen.text
    numbers = range(place.sentence - 1, place.sentence + 2)
    before, own, after = (text[spans[n].start : spans[n].end] if 0 <= n < len(spans) else "" for n in numbers)
    return before, own, after


def _cosines(said: Encoded, asked: Encoded) -> Floats:
    """``(n, m)`` of pieces."""
    return np.asarray(said.pieces.astype(np.float32) @ asked.pieces.astype(np.float32).T, np.float32)


def _nearest(asked: Encoded, said: Encoded) -> Floats:
    """``(m,)`` of each of the question's pieces: its cosine with the nearest piece."""
    return np.asarray(_cosines(said, asked).max(axis=0, initial=0.0), np.float32)


def _highest(values: Floats, places: Ints, words: tuple[Ints, Ints]) -> Floats:
    """``(w, m)`` of each word: highest of the ``(n, m)`` values of the pieces that it meets, or 0."""
    starts, ends = (
        words[0],
        np.maximum(words[1], words[0] + 1),
    )  # what Kiwi contracts has no letter of its own
    meets = (places[None, :, 0] < ends[:, None]) & (places[None, :, 1] > starts[:, None])
    return np.asarray(np.where(meets[:, :, None], values[None], 0.0).max(axis=1, initial=0.0), np.float32)
