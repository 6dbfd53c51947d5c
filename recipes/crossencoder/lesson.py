"""What there is to learn from: questions, each with the sentences that the reader's trees would keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from rag.extract.companion import is_companion
from rag.extract.joint import SENTENCE_PIECES, Shown
from rag.extract.reading import KEEP, look
from rag.pieces import Cutter
from recipes.crossencoder.train import Lesson, bounds_of
from recipes.reader.data import Example
from recipes.reader.train import Case, sentence_labels


@dataclass(frozen=True, slots=True)
class Kept:
    """A sentence that was kept; ``answer`` are code points of an answer in it, if it says one."""

    document: str
    start: int
    title: str
    text: str
    right: bool
    answer: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Told:
    """A question with kept sentences, best first."""

    question: str
    kept: tuple[Kept, ...]
    answered: bool

    @property
    def texts(self) -> list[str]:
        return [self.question, *(text for one in self.kept for text in (one.title, one.text))]

    def cut(self, cutter: Cutter) -> Lesson:
        """In pieces."""
        count = len(self.kept)
        asked, *pieces = cutter.cut(
            [self.question, *(one.text for one in self.kept), *(one.title for one in self.kept)]
        )
        texts = [one.head(SENTENCE_PIECES) for one in pieces[:count]]
        shown = [
            Shown(one.document, one.start, title, text)
            for one, text, title in zip(self.kept, texts, pieces[count:], strict=True)
        ]
        bounds = [
            bounds_of(text, *one.answer) if one.answer else None
            for one, text in zip(self.kept, texts, strict=True)
        ]
        right = tuple(one.right for one in self.kept)
        return Lesson(asked, tuple(shown), right, tuple(bounds), self.answered)


def told(example: Example, trees: lgb.Booster) -> Told | None:
    """An example, read as far as to the sentences that are kept; None where there is no sentence."""
    seen = look(example.question, example.evidence)
    if not len(seen.places):
        return None
    labels = sentence_labels(Case(example, seen))
    scores = trees.predict(seen.table, raw_score=True, num_threads=1)
    kept: dict[tuple[str, int], Kept] = {}
    for row in np.argsort(-scores, kind="stable")[:KEEP].tolist():
        place, label = seen.places[row], int(labels[row])
        page = seen.pages[place.passage]
        passage, spot = page.item.passage, page.seen.analysis.sentences[place.sentence]
        if is_companion(page.item):
            continue
        start, text = spot.start + passage.span.start, page.seen.text[spot.start : spot.end]
        found = None
        if label == 2:
            found = (example.gold.start - start, example.gold.end - start)
        elif label == 1:
            at = text.find(example.answers[0])
            found = (at, at + len(example.answers[0]))
        one = Kept(passage.document_id, start, passage.context, text, label > 0, found)
        kept.setdefault((one.document, one.start), one)
    return Told(example.question, tuple(kept.values()), example.gold is not None) if kept else None


def vocabulary(lessons: Sequence[Told]) -> list[str]:
    """All texts, each once."""
    return list(dict.fromkeys(text for one in lessons for text in one.texts))
