"""Fakes: small, honest implementations of the protocols, for tests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from rag.korean import analyse, terms
from rag.protocols import Vectors
from rag.types import Delta, Document, Draft, Evidence, Located, Section, Span


class FakeEmbedder:
    """Hashed bag of search terms: deterministic, and near texts are near."""

    fingerprint = "fake-embedder-1"
    dim = 64
    max_tokens = 0

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for term in terms(analyse(text)):
                row[int(hashlib.sha256(term.encode()).hexdigest(), 16) % self.dim] += 1.0
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(norms > 0, norms, 1.0).astype(np.float32)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self.embed_passages(texts)


def _first_related(question: str, evidence: Sequence[Evidence]) -> tuple[Evidence, Span] | None:
    """The first sentence of the first passage that shares a noun with the question, in its passage."""
    wanted = {m.form for m in analyse(question).morphemes if m.tag.startswith("N")}
    for item in evidence:
        analysis = analyse(item.passage.text)
        for sentence, (first, last) in zip(analysis.sentences, analysis.bounds, strict=True):
            if wanted & {m.form for m in analysis.morphemes[first:last]}:
                return item, sentence
    return None


class FakeReader:
    """Points at the first sentence of the first passage that shares a noun with the question."""

    fingerprint = "fake-reader-1"

    def read(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Delta | Draft]:
        found = _first_related(question, evidence)
        if found is None:
            yield Draft("", (), 0.1, refused=True)
            return
        item, sentence = found
        span = sentence.shift(item.passage.span.start)
        yield Draft("", (Located(item.marker, span, None, 0.9),), 0.9, refused=False)


class FakeWriter:
    """Copies that sentence word by word, as a generative reader would."""

    fingerprint = "fake-writer-1"

    def read(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Delta | Draft]:
        found = _first_related(question, evidence)
        if found is None:
            yield Draft("", (), 0.0, refused=True)
            return
        item, sentence = found
        pieces = re.findall(r"\S+ ?", f"{item.passage.text[sentence.start : sentence.end]} [{item.marker}]")
        yield from map(Delta, pieces)
        yield Draft("".join(pieces), (), 0.9, refused=False, tokens=len(pieces))


def document(document_id: str, text: str, title: str = "", sections: tuple[Section, ...] = ()) -> Document:
    """A document with one body section unless others are given."""
    return Document(
        id=document_id,
        title=title or document_id,
        text=text,
        source=document_id,
        sections=sections or (Section(Span(0, len(text))),),
    )
