"""A place in a document ("협약.md:10-42") to its words: what ``show`` answers through every door."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from rag.assistant import Assistant
from rag.errors import UnknownSourceError


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


def split_place(place: str, known: Assistant) -> tuple[str, tuple[int, int] | None]:
    """Document id and positions of ``document`` or ``document:start-end``."""
    name, _, positions = place.rpartition(":")
    start, dash, end = positions.partition("-")
    cited = bool(name and dash) and start.isdecimal() and end.isdecimal() and len(positions) < 20
    if cited and place not in known.index.store:
        return name, (int(start), int(end))
    return place, None


def show(assistant: Assistant, place: str) -> SourceRecord:
    """The document at ``place``, with the cited words.

    Raises:
        UnknownSourceError: No such document, or positions outside its text.
    """
    name, positions = split_place(place, assistant)
    if name not in assistant.index.store:
        raise UnknownSourceError(
            f"색인에 {name[:200]!r} 문서가 없습니다.", "답의 인용에 적힌 문서 이름을 써 주세요."
        )
    document = assistant.document(name)
    start, end = positions or (0, len(document.text))
    if not 0 <= start < end <= len(document.text):
        raise UnknownSourceError(
            f"{name}은(는) {len(document.text):,}자인데 {start}-{end}를 가리킵니다.",
            "인용을 확인해 주세요.",
        )
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
