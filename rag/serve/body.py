"""What programs send and get: request bodies, search records, history out of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from rag.assistant import Assistant
from rag.types import Hit, Turn

MAX_TOP_K = 50


class Strict(BaseModel):
    """A body in which an unknown key is an error, not silence."""

    model_config = ConfigDict(extra="forbid")


class PastTurn(Strict):
    """An earlier turn of the conversation."""

    question: str
    answer: str = ""


class AskBody(Strict):
    """``POST /api/ask``: a question, earlier turns (oldest first), an id that comes back."""

    question: str
    history: list[PastTurn] = Field(default_factory=list)
    top_k: int | None = Field(default=None, ge=1, le=MAX_TOP_K)
    id: str | None = None


class SearchBody(Strict):
    """``POST /api/search``."""

    question: str
    top_k: int = Field(default=8, ge=1, le=MAX_TOP_K)


class ShowBody(Strict):
    """``POST /api/show``: ``document`` or ``document:start-end``."""

    place: str


class FoundRecord(TypedDict):
    """A passage found, with its words."""

    document: str
    title: str
    heading: str
    passage: str
    score: float
    start: int
    end: int
    text: str


class SearchRecord(TypedDict):
    """Passages for a question, best first."""

    question: str
    hits: list[FoundRecord]


def turns(history: list[PastTurn]) -> tuple[Turn, ...]:
    """Earlier turns as the assistant takes them."""
    return tuple(Turn(one.question, one.answer) for one in history)


def search(assistant: Assistant, question: str, top_k: int) -> SearchRecord:
    """Passages without an answer; errors as :meth:`rag.assistant.Assistant.find`."""
    return {"question": question, "hits": [_found(hit) for hit in assistant.find(question, top_k)]}


def _found(hit: Hit) -> FoundRecord:
    passage = hit.passage
    return {
        "document": passage.document_id,
        "title": passage.title,
        "heading": passage.heading,
        "passage": passage.id,
        "score": round(hit.score, 6),
        "start": passage.span.start,
        "end": passage.span.end,
        "text": passage.text,
    }
