"""Sentences of the evidence: which of them carry the question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag.evidence.lexicon import Kind, Unit
from rag.evidence.matching import Matched, match, matched
from rag.evidence.question import Question, ask
from rag.evidence.sentence import NAMES, Place, features, plain_score
from rag.evidence.view import View, view
from rag.types import Delta, Draft, Evidence, Located, Sentence

__all__ = [
    "NAMES",
    "Kind",
    "Matched",
    "Place",
    "Question",
    "SentenceReader",
    "Unit",
    "View",
    "ask",
    "features",
    "match",
    "matched",
    "plain_score",
    "sentence_of",
    "sentences",
    "view",
]

#: Share of the question's weight that the best sentence must match, else the reader refuses.
ENOUGH = 0.35


def sentence_of(page: Matched, place: Place, score: float) -> Sentence:
    """The sentence at ``place`` of ``page``, in the document's positions."""
    local = page.seen.analysis.sentences[place.sentence]
    return Sentence(
        marker=page.item.marker,
        document_id=page.item.passage.document_id,
        span=local.shift(page.item.passage.span.start),
        text=page.seen.text[local.start : local.end],
        score=score,
    )


def sentences(question: str, evidence: Sequence[Evidence]) -> tuple[Sentence, ...]:
    """All sentences of the evidence with a score, best first, ties in text order. No trained part."""
    asked = ask(question)
    pages = matched(asked, evidence)
    found, table = features(asked, pages)
    if not found:
        return ()
    scored = zip(found, plain_score(table).tolist(), strict=True)
    made = [sentence_of(pages[place.passage], place, score) for place, score in scored]
    return tuple(sorted(made, key=lambda s: (-s.score, s.marker, s.span.start)))


class SentenceReader:
    """The reader without a model: quotes the sentence that matches the question best."""

    fingerprint = "sentence-1"

    def read(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Delta | Draft]:
        """See :class:`rag.protocols.Reader`; never names a bare span."""
        asked = ask(question)
        pages = matched(asked, evidence)
        found, table = features(asked, pages)
        if not found:
            yield Draft("", (), 0.0, refused=True)
            return
        order = (-plain_score(table)).argsort(kind="stable")[:3]
        share = table[:, NAMES.index("soft")].clip(0.0, 1.0)
        located = []
        for row in order.tolist():
            place = found[row]
            made = sentence_of(pages[place.passage], place, 0.0)
            located.append(Located(made.marker, made.span, None, float(share[row])))
        confidence = located[0].support
        yield Draft("", tuple(located), confidence, refused=confidence < ENOUGH)
