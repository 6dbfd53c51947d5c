"""A place in a document ("협약.md:10-42") to its words: what ``show`` answers through every door."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from rag.assistant import Assistant


class SourceRecord(TypedDict):
    """A document and the cited words in it; without a place, ``start`` and ``end`` are those of the text."""

    document: str
    title: str
    publisher: str
    published: str
    source: str
    licence: str
    start: int
    end: int
    quote: str
    text: str


def show(assistant: Assistant, place: str) -> SourceRecord:
    """The document at ``place``, with the cited words.

    Raises:
        UnknownSourceError: No such document, or positions outside its text.
    """
    document, cited = assistant.index.store.place(place)
    start, end = (cited.start, cited.end) if cited else (0, len(document.text))
    return {
        "document": document.id,
        "title": document.title,
        "publisher": document.publisher,
        "published": document.published,
        "source": document.source,
        "licence": document.licence,
        "start": start,
        "end": end,
        "quote": document.text[start:end],
        "text": document.text,
    }
