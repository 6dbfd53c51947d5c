"""The source beside the chat: the whole document, its cited words marked in their paragraph."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.chat.exchange import Card
from rag.chat.icon import icon
from rag.chat.markup import safe
from rag.chat.panel import head
from rag.chat.words import Words
from rag.types import Document, Span

#: Code points shown before and after the cited words; what is left out is said.
MARGIN_CHARS = 12_000


@dataclass(frozen=True, slots=True)
class Found:
    """Where a card's words stand now; ``span`` is ``None`` where they no longer do."""

    span: Span | None
    moved: bool


def find(card: Card, text: str) -> Found:
    """The card's own place if its words are there, else their first occurrence."""
    if text[card.start : card.end] == card.quote:
        return Found(Span(card.start, card.end), moved=False)
    start = text.find(card.quote)
    return Found(Span(start, start + len(card.quote)) if start >= 0 else None, moved=True)


def hint(words: Words) -> str:
    """What the panel shows before anything is opened."""
    return f'{head(words("source"), words)}<p class="hint">{safe(words("source_hint"))}</p>'


def cited(card: Card, document: Document | None, words: Words) -> str:
    """The document of a card, its words marked; the quote alone where the document is gone."""
    found = find(card, document.text) if document is not None else Found(None, moved=True)
    if document is None or found.span is None:
        notice = f'<p class="notice">{safe(words("source_gone"))}</p>'
        body = f'<div class="text"><p class="cited">{_marked(card.quote, words)}</p></div>'
        return head(card.title, words, _facts(card, words)) + notice + body
    notice = f'<p class="notice">{safe(words("source_moved"))}</p>' if found.moved else ""
    return head(card.title, words, _facts(card, words)) + notice + _text(document.text, found.span, words)


def whole(document: Document, words: Words) -> str:
    """A document opened from the list, from its beginning."""
    card = Card(
        marker=0,
        document_id=document.id,
        title=document.title,
        publisher=document.publisher,
        published=document.published,
        place="",
        source=document.source,
        start=0,
        end=0,
        quote="",
        support=0.0,
    )
    return head(document.title, words, _facts(card, words)) + _text(document.text, None, words)


def _facts(card: Card, words: Words) -> str:
    facts = [fact for fact in (card.publisher, card.published, card.place) if fact]
    shown = "".join(f"<span>{safe(fact)}</span>" for fact in facts)
    if card.link:
        link = (
            f'<a href="{safe(card.link)}" target="_blank" rel="noopener noreferrer nofollow">'
            f"{icon('link')}{safe(words('open_link'))}</a>"
        )
    else:
        link = f'<span class="file">{safe(card.source or card.document_id)}</span>'
    return f'<p class="source-facts">{shown}{link}</p>'


def _text(text: str, span: Span | None, words: Words) -> str:
    """Paragraphs around the cited words; a stretch that is left out is said with its length."""
    center = span or Span(0, 1)
    first, last = max(0, center.start - MARGIN_CHARS), min(len(text), center.end + MARGIN_CHARS)
    pieces = [_cut("cut_before", first, words)]
    position = first
    for line in text[first:last].split("\n"):
        end = position + len(line)
        if line.strip():
            pieces.append(_paragraph(line, position, span, words))
        position = end + 1
    return f'<div class="text">{"".join(pieces)}{_cut("cut_after", len(text) - last, words)}</div>'


def _cut(name: str, count: int, words: Words) -> str:
    return f'<p class="cut">{safe(words(name, count=f"{count:,}"))}</p>' if count > 0 else ""


def _paragraph(line: str, position: int, span: Span | None, words: Words) -> str:
    if span is None or span.end <= position or position + len(line) <= span.start:
        marks = re.match(r"#{1,6} ", line)
        if marks:
            return f'<p class="heading"><span>{safe(marks.group())}</span>{safe(line[marks.end() :])}</p>'
        return f"<p>{safe(line)}</p>"
    start, end = max(span.start - position, 0), min(span.end - position, len(line))
    return f'<p class="cited">{safe(line[:start])}{_marked(line[start:end], words)}{safe(line[end:])}</p>'


def _marked(quote: str, words: Words) -> str:
    return f'<mark aria-label="{safe(words("cited_here"))}">{safe(quote)}</mark>'
