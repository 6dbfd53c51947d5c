"""The one place where stages meet: retrieve, read, ground, decide."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from rag import render
from rag.dialogue import Titles, standalone
from rag.errors import QuestionError
from rag.ground import ground
from rag.index import Index
from rag.protocols import Reader
from rag.retrieve import FusedRetriever
from rag.text import normalise
from rag.types import (
    Answer,
    Citation,
    Delta,
    Document,
    Draft,
    Evidence,
    Filter,
    Hit,
    Outcome,
    Provenance,
    Timings,
    Turn,
)

logger = logging.getLogger(__name__)

Rewriter = Callable[[str, Sequence[Turn]], str | None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the assistant decides by; see ``default.toml``."""

    top_k: int
    abstain_below: float
    max_question_chars: int


def _proofs(citations: tuple[Citation, ...], short: str | None) -> tuple[Citation, ...]:
    """The best citation, and those others that hold the same words: what holds no answer proves none."""
    return citations[:1] + tuple(c for c in citations[1:] if short is not None and short in c.quote)


class Assistant:
    """Answers questions from one index with one reader.

    Args:
        index: Opened with the retriever's embedder.
        retriever: Finds passages.
        reader: Reads them.
        limits: Number of passages, refusal threshold, question length.
        provenance: What these parts are, for every answer.
        rewriter: Makes a follow-up stand-alone with a language model: the question and earlier turns to a
            question, or ``None`` where it made nothing usable. Rules do it without one.
    """

    def __init__(
        self,
        index: Index,
        retriever: FusedRetriever,
        reader: Reader,
        limits: Limits,
        provenance: Provenance,
        rewriter: Rewriter | None = None,
    ) -> None:
        self.index = index
        self._rewriter = rewriter
        self.provenance = provenance
        self._retriever = retriever
        self._reader = reader
        self._limits = limits

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        *,
        top_k: int | None = None,
        only: Filter | None = None,
    ) -> Answer:
        """The answer, once it is complete. Arguments and errors as :meth:`stream`."""
        *_, last = self.stream(question, history, top_k=top_k, only=only)
        if not isinstance(last, Answer):
            raise TypeError("a stream must end with its answer")
        return last

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        *,
        top_k: int | None = None,
        only: Filter | None = None,
    ) -> Iterator[Delta | Answer]:
        """Text as it comes, then the answer.

        Args:
            question: Any Korean; normalised here.
            history: Earlier turns, oldest first: a follow-up is completed from them, and the answer's
                ``interpreted`` says what was asked in its place.
            top_k: Passages to read; the setting unless given.
            only: Which documents may be searched; all unless given.

        Raises:
            QuestionError: Empty or over-long question.
        """
        started = time.perf_counter()
        asked = self._checked(question)
        interpreted = self._retriever.interpret(self.standalone(asked, history))
        hits = self._retriever.retrieve(interpreted, top_k or self._limits.top_k, only)
        retrieved = time.perf_counter()
        evidence = tuple(Evidence(n, hit) for n, hit in enumerate(hits, 1))
        draft = Draft("", (), 0.0, refused=True)
        streamed = False
        for event in self._reader.read(interpreted, evidence) if evidence else ():
            if isinstance(event, Draft):
                draft = event
            else:
                streamed = True
                yield event
        answer = self._answer(asked, draft, evidence)
        done = time.perf_counter()
        timings = Timings(
            retrieve_ms=(retrieved - started) * 1e3,
            read_ms=(done - retrieved) * 1e3,
            total_ms=(done - started) * 1e3,
        )
        if not streamed:
            yield Delta(answer.text)
        yield replace(answer, timings=timings, interpreted=interpreted if interpreted != asked else "")

    def standalone(self, question: str, history: Sequence[Turn]) -> str:
        """A follow-up as a question of its own; unchanged without history or need.

        What is too long to be asked is not completed, nor completed from: that takes time out of all
        proportion to its length.
        """
        turns = [turn for turn in history if self._fits(turn.question)]
        if not turns or not self._fits(question):
            return question
        written = self._rewriter(question, turns) if self._rewriter else None
        made = written or standalone(question, turns, self._titles)
        logger.debug("stand-alone question: %s", made)
        return made if self._fits(made) else question

    def _fits(self, question: str) -> bool:
        return len(normalise(question).strip()) <= self._limits.max_question_chars

    @cached_property
    def _titles(self) -> Titles:
        return Titles(outline.title for outline in self.index.store.outlines())

    def _checked(self, question: str) -> str:
        text = normalise(question).strip()
        if not any(char.isalnum() for char in text):
            raise QuestionError("질문이 비어 있습니다.", "궁금한 것을 한 문장으로 적어 주세요.")
        if len(text) > self._limits.max_question_chars:
            raise QuestionError(
                f"질문이 {len(text):,}자로 너무 깁니다(최대 {self._limits.max_question_chars:,}자).",
                "짧게 줄이거나 max_question_chars 설정을 올려 주세요.",
            )
        return text

    def _answer(self, question: str, draft: Draft, evidence: tuple[Evidence, ...]) -> Answer:
        hits = tuple(item.hit for item in evidence)
        blank = Answer(
            question=question,
            text=render.REFUSAL,
            short_answer=None,
            outcome=Outcome.ABSTAINED,
            confidence=draft.confidence,
            citations=(),
            hits=hits,
            provenance=self.provenance,
            timings=Timings(0.0, 0.0, 0.0),
            tokens=draft.tokens,
        )
        if draft.refused or (draft.located and draft.confidence < self._limits.abstain_below):
            return blank
        grounded = ground(draft, evidence, self._sources(hits))
        if not grounded.citations:
            return replace(blank, unsupported=grounded.unsupported, stray_markers=grounded.stray_markers)
        text, short = self._composed(draft, grounded.text, grounded.citations)
        citations = _proofs(grounded.citations, short) if draft.located else grounded.citations
        proven = sum(citation.support for citation in grounded.citations) / len(grounded.citations)
        return replace(
            blank,
            confidence=draft.confidence if draft.located else min(draft.confidence, proven),
            text=text,
            short_answer=short,
            outcome=Outcome.ANSWERED,
            citations=citations,
            unsupported=grounded.unsupported,
            stray_markers=grounded.stray_markers,
        )

    def _composed(self, draft: Draft, text: str, citations: Sequence[Citation]) -> tuple[str, str | None]:
        """Answer text and bare span; an extractive draft is put into a sentence here."""
        if not draft.located:
            return text, None
        best = draft.located[0]
        if best.span is None:
            return render.statement(citations[0].quote, best.marker), None
        document = self.index.store.document(citations[0].document_id)
        short = document.text[best.span.start : best.span.end]
        return render.fact(short, best.marker), short

    def _sources(self, hits: Sequence[Hit]) -> Mapping[str, str]:
        return {hit.passage.document_id: self.document(hit.passage.document_id).source for hit in hits}

    def find(self, question: str, top_k: int, only: Filter | None = None) -> tuple[Hit, ...]:
        """Passages for a question, best first, without reading them; errors as :meth:`stream`.

        The first ones are those that :meth:`stream` would read.
        """
        return self._retriever.retrieve(self._retriever.interpret(self._checked(question)), top_k, only)

    def document(self, document_id: str) -> Document:
        """A whole document of the index, for showing a citation in place.

        Raises:
            KeyError: No such document.
        """
        return self.index.store.document(document_id)
