"""One question from being asked to being stored: completed, streamed, stopped, kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Event

from rag import render
from rag.assistant import Assistant
from rag.chat.exchange import Card, Ending, Exchange, cited, ending, near
from rag.chat.parts import Choice, Parts
from rag.chat.suggestion import Suggestions
from rag.errors import GeungeoError
from rag.types import Answer, Turn

logger = logging.getLogger(__name__)

#: Passages and questions offered after a refusal.
NEAREST = 3
SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Asking:
    """A question as one tab puts it.

    Attributes:
        question: As typed.
        history: Earlier turns, oldest first.
        choice: The visitor's settings.
        document_ids: Look only into these; empty means all.
        stop: Set by another thread to end the answer where it is.
    """

    question: str
    history: Sequence[Turn]
    choice: Choice
    document_ids: tuple[str, ...] = ()
    stop: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True)
class Words:
    """The answer's text so far, and the completed question once it is known."""

    text: str
    complete: str = ""


class Desk:
    """Answers the questions of all tabs, a few at a time.

    Args:
        parts: Index and models.
        suggestions: For refusals.
        at_once: Answers computed at the same time; others wait.
    """

    def __init__(self, parts: Parts, suggestions: Suggestions, at_once: int) -> None:
        self._parts = parts
        self._suggestions = suggestions
        self._seats = BoundedSemaphore(at_once)

    def answer(self, asking: Asking) -> Iterator[Words | Exchange]:
        """Words as they come, then the exchange; errors end it as :attr:`Ending.FAILED`."""
        started = time.perf_counter()
        try:
            with self._seats:
                assistant = self._parts.assistant(asking.choice)
                only = self._parts.only(asking.document_ids)
                complete = assistant.standalone(asking.question, asking.history)
                shown = complete if complete != asking.question else ""
                yield Words("", shown)
                text = ""
                for event in assistant.stream(complete, only=only):
                    if asking.stop.is_set():
                        yield Exchange(asking.question, Ending.STOPPED, text, shown, seconds=_since(started))
                        return
                    if isinstance(event, Answer):
                        yield self._exchange(asking, shown, assistant, event, started)
                        return
                    text += event.text
                    yield Words(text, shown)
        except GeungeoError as error:
            yield Exchange(asking.question, Ending.FAILED, str(error), seconds=_since(started))
        except Exception as error:  # the conversation goes on after a fault of one answer
            logger.warning("answer failed", exc_info=True)
            said = f"뜻밖의 오류가 났습니다({type(error).__name__}). 잠시 뒤에 다시 물어 주세요."
            yield Exchange(asking.question, Ending.FAILED, said, seconds=_since(started))

    def record(self, question: str, history: Sequence[Turn] = ()) -> render.AnswerRecord:
        """The answer as its JSON contract has it, by the server's settings; nothing is kept.

        Raises:
            GeungeoError: As :meth:`rag.assistant.Assistant.stream`, and where nothing is indexed.
        """
        with self._seats:
            return render.to_record(self._parts.assistant(self._parts.choice).ask(question, history))

    def _exchange(
        self, asking: Asking, complete: str, assistant: Assistant, answer: Answer, started: float
    ) -> Exchange:
        refused = ending(answer) is Ending.REFUSED
        cards = _nearest(assistant, answer) if refused else _cited(assistant, answer)
        seconds = _since(started)
        names = [hit.passage.document_id for hit in answer.hits]
        return Exchange(
            asked=asking.question,
            ending=ending(answer),
            text=answer.text,
            complete=complete or answer.interpreted,
            short=answer.short_answer or "",
            confidence=answer.confidence,
            seconds=seconds,
            cards=cards,
            suggestions=tuple(self._suggestions.beside(names, SUGGESTED)) if refused else (),
            unsupported=answer.unsupported,
            model=answer.provenance.reader,
        )


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)


def _cited(assistant: Assistant, answer: Answer) -> tuple[Card, ...]:
    return tuple(cited(one, assistant.document(one.document_id)) for one in answer.citations)


def _nearest(assistant: Assistant, answer: Answer) -> tuple[Card, ...]:
    hits = answer.hits[:NEAREST]
    return tuple(near(hit, assistant.document(hit.passage.document_id)) for hit in hits)
