"""Markdown: stored as written; headings give section paths, front matter and a dateline give facts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from rag.load.decode import decode
from rag.load.line import find_date
from rag.text import normalise
from rag.types import Document, Role, Section, Span

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_FIELD = re.compile(r"^(\w+)\s*:\s*[\"']?(.*?)[\"']?\s*$", re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$", re.MULTILINE)
_DATELINE = re.compile(r"^(?:발행|작성|게시)\s*:\s*(.+)$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


class MarkdownLoader:
    """``.md``."""

    suffixes: tuple[str, ...] = (".md", ".markdown")

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; see :class:`rag.protocols.Loader`."""
        text = normalise(decode(data, name))
        front = _FRONT_MATTER.match(text)
        facts = dict(_FIELD.findall(front.group(1))) if front else {}
        headings = _headings(text)
        dateline = _DATELINE.search(text)
        stated = dateline.group(1) if dateline else ""
        title = facts.get("title") or next((name for _, level, name in headings if level == 1), "")
        yield Document(
            id=name,
            title=title or PurePosixPath(name).stem,
            text=text,
            published=find_date(facts.get("date", "")) or find_date(stated),
            publisher=facts.get("publisher") or (stated.partition("·")[2].strip()),
            source=facts.get("url", ""),
            licence=facts.get("licence") or facts.get("license", ""),
            sections=tuple(_sections(text, headings, front.end() if front else 0)),
        )


def _headings(text: str) -> list[tuple[int, int, str]]:
    """``(start, level, name)`` of each heading outside code fences."""
    fences = [match.span() for match in _FENCE.finditer(text)]
    return [
        (match.start(), len(match.group(1)), match.group(2))
        for match in _HEADING.finditer(text)
        if not any(start <= match.start() < end for start, end in fences)
    ]


def _sections(text: str, headings: list[tuple[int, int, str]], start: int) -> Iterator[Section]:
    if start:
        yield Section(Span(0, start), Role.ASIDE)
    path: list[tuple[int, str]] = []
    starts = [start, *(max(start, position) for position, _, _ in headings), len(text)]
    for row, (begin, end) in enumerate(pairwise(starts)):
        if row:
            _, level, name = headings[row - 1]
            path = [(depth, title) for depth, title in path if depth < level]
            path.append((level, name))
        if text[begin:end].strip():
            heading = " > ".join(title for depth, title in path if depth > 1)
            yield Section(Span(begin, end), Role.BODY, heading)
