"""JSON Lines: one record a line with text, and id, title, date, url, publisher, licence where known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

from rag.errors import DecodeError, SourceError
from rag.load.decode import decode
from rag.load.fact import tags_of
from rag.load.line import find_date
from rag.text import normalise
from rag.types import Document, Section, Span

_KEYS = ("id", "title", "date", "published", "url", "source", "publisher", "licence", "license")
_REMEDY = "그 줄을 고치거나 지워 주세요."


class JsonlLoader:
    """``.jsonl``."""

    suffixes: tuple[str, ...] = (".jsonl", ".ndjson")

    def load(self, data: bytes, name: str) -> Iterator[Document | SourceError]:
        """One document a line; a line that is none comes as the error that says why."""
        for number, line in enumerate(decode(data, name).split("\n"), 1):
            if line.strip("\ufeff \t\r"):
                yield _read(line, name, number)


def _read(line: str, name: str, number: int) -> Document | SourceError:
    where = f"{name}: {number}번째 줄"
    try:
        record = json.loads(line.strip("\ufeff"))
    except (ValueError, RecursionError):
        return DecodeError(f"{where}은 JSON이 아닙니다.", _REMEDY)
    if not isinstance(record, dict):
        return DecodeError(f"{where}은 JSON 객체({{…}})가 아닙니다.", _REMEDY)
    text = normalise(record["text"]) if isinstance(record.get("text"), str) else ""
    if not text:
        return DecodeError(f"{where}에 글(text)이 없습니다.", _REMEDY)
    return _document(record, text, f"{PurePosixPath(name).stem}-{number}")


def _document(record: dict[str, object], text: str, fallback: str) -> Document:
    facts = {key: _fact(record[key]) for key in _KEYS if isinstance(record.get(key), str | int | float)}
    date = facts.get("date") or facts.get("published", "")
    return Document(
        id=facts.get("id") or fallback,
        title=facts.get("title") or fallback,
        text=text,
        source=facts.get("url") or facts.get("source", ""),
        published=find_date(date),
        publisher=facts.get("publisher", ""),
        licence=facts.get("licence") or facts.get("license", ""),
        tags=tuple(tags_of(record.get("tags") or record.get("keywords"))),
        sections=(Section(Span(0, len(text))),),
    )


def _fact(value: object) -> str:
    """One line of text."""
    return " ".join(normalise(str(value)).split())
