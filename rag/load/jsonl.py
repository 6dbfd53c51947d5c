"""JSON Lines: one record a line with text, and id, title, date, url, publisher, licence where known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

from rag.errors import DecodeError, SourceError
from rag.load.decode import decode
from rag.load.line import find_date
from rag.text import normalise
from rag.types import Document, Section, Span


class JsonlLoader:
    """``.jsonl``."""

    suffixes: tuple[str, ...] = (".jsonl", ".ndjson")

    def load(self, data: bytes, name: str) -> Iterator[Document | SourceError]:
        """One document a line; a line that is none comes as the error that says why."""
        for number, line in enumerate(decode(data, name).splitlines(), 1):
            if line.strip():
                try:
                    yield _document(line, f"{PurePosixPath(name).stem}-{number}")
                except (ValueError, TypeError, AttributeError, RecursionError):
                    yield DecodeError(
                        f"{name}: {number}번째 줄은 text가 있는 JSON이 아닙니다.", "그 줄을 고쳐 주세요."
                    )


def _document(line: str, fallback: str) -> Document:
    record = json.loads(line)
    text = normalise(record["text"]) if isinstance(record.get("text"), str) else ""
    if not text.strip():
        raise ValueError("no text")
    facts = {key: normalise(str(record[key])).strip() for key in _KEYS if record.get(key) is not None}
    return Document(
        id=facts.get("id") or fallback,
        title=facts.get("title") or fallback,
        text=text,
        source=facts.get("url", ""),
        published=find_date(facts.get("date", "")) or facts.get("date", "")[:10],
        publisher=facts.get("publisher", ""),
        licence=facts.get("licence", ""),
        sections=(Section(Span(0, len(text))),),
    )


_KEYS = ("id", "title", "date", "url", "publisher", "licence")
