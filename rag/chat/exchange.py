"""What one question and its answer left behind: all that the page shows of them, also years later."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from rag.types import Answer, Citation, Document, Hit, Outcome, Span


class Ending(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Card:
    """One piece of evidence, readable without the index that it came from.

    Attributes:
        marker: Number in the answer's text; 0 for a passage that was only near.
        start: First code point of ``quote`` in the document's text.
        place: Section path and page, as the document has them.
        source: Web address or file name.
        support: How well the quote carries the answer, in [0, 1].
    """

    marker: int
    document_id: str
    title: str
    publisher: str
    published: str
    place: str
    source: str
    start: int
    end: int
    quote: str
    support: float

    @property
    def link(self) -> str:
        """The source if a browser may follow it, else empty."""
        return self.source if self.source.startswith(("https://", "http://")) else ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn of a conversation.

    Attributes:
        asked: As typed.
        complete: As searched for, where a follow-up was completed from the conversation; else empty.
        text: What was answered, with ``[n]`` markers.
        short: The bare answer, verbatim from its document, or empty.
        confidence: In [0, 1].
        seconds: From question to complete answer.
        cards: The answer's evidence, or what was nearest after a refusal.
        suggestions: Questions that the corpus can answer, offered after a refusal.
        unsupported: Sentences of ``text`` that no evidence carries.
        model: Fingerprint of the reader.
    """

    asked: str
    ending: Ending
    text: str
    complete: str = ""
    short: str = ""
    confidence: float = 0.0
    seconds: float = 0.0
    cards: tuple[Card, ...] = ()
    suggestions: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    model: str = ""

    def to_json(self) -> str:
        """One JSON object; :meth:`from_json` gives the exchange back."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Exchange:
        """The exchange that :meth:`to_json` wrote; names that this version does not know are left out."""
        known = {k: v for k, v in json.loads(text).items() if k in cls.__dataclass_fields__}
        lists = {k: tuple(v) for k, v in known.items() if isinstance(v, list)}
        cards = tuple(Card(**card) for card in known.get("cards", ()))
        return cls(**{**known, **lists, "cards": cards, "ending": Ending(known["ending"])})


def cited(citation: Citation, document: Document) -> Card:
    """The card of one citation."""
    return _card(citation.marker, document, citation.span, citation.quote, citation.support)


def near(hit: Hit, document: Document) -> Card:
    """The card of a passage that was only near the question."""
    return _card(0, document, hit.passage.span, hit.passage.text, 0.0)


def _card(marker: int, document: Document, span: Span, quote: str, support: float) -> Card:
    inside = (section for section in document.sections if section.span.contains(span))
    section = next(inside, None)
    return Card(
        marker=marker,
        document_id=document.id,
        title=document.title,
        publisher=document.publisher,
        published=document.published,
        place=section.heading if section is not None else "",
        source=document.source,
        start=span.start,
        end=span.end,
        quote=quote,
        support=support,
    )


def ending(answer: Answer) -> Ending:
    """How an assistant's answer ended."""
    return Ending.ANSWERED if answer.outcome is Outcome.ANSWERED else Ending.REFUSED
