"""Fakes: small, honest implementations of the protocols, for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from rag.korean import analyse, terms
from rag.protocols import Vectors
from rag.types import Delta, Document, Draft, Evidence, Located, Section, Span


class FakeEmbedder:
    """Hashed bag of search terms: deterministic, and near texts are near."""

    fingerprint = "fake-embedder-1"
    dim = 64

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for term in terms(analyse(text)):
                row[int(hashlib.sha256(term.encode()).hexdigest(), 16) % self.dim] += 1.0
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(norms > 0, norms, 1.0).astype(np.float32)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self.embed_passages(texts)


class FakeReader:
    """Points at the first sentence of the first passage that shares a noun with the question."""

    fingerprint = "fake-reader-1"

    def read(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Delta | Draft]:
        wanted = {m.form for m in analyse(question).morphemes if m.tag.startswith("N")}
        for item in evidence:
            analysis = analyse(item.passage.text)
            for sentence, (first, last) in zip(analysis.sentences, analysis.bounds, strict=True):
                if wanted & {m.form for m in analysis.morphemes[first:last]}:
                    span = sentence.shift(item.passage.span.start)
                    yield Draft("", (Located(item.marker, span, None, 0.9),), 0.9, refused=False)
                    return
        yield Draft("", (), 0.1, refused=True)


def document(document_id: str, text: str, title: str = "", sections: tuple[Section, ...] = ()) -> Document:
    """A document with one body section unless others are given."""
    return Document(
        id=document_id,
        title=title or document_id,
        text=text,
        source=document_id,
        sections=sections or (Section(Span(0, len(text))),),
    )
