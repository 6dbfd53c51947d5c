"""Markdown: stored as written; headings give section paths, front matter and a dateline give facts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rag.load.decode import read_text
from rag.load.fact import tags_of
from rag.load.line import find_date
from rag.types import Document, Role, Section, Span

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^(\w+)[ ]*:[ ]*[\"']?(.*?)[\"']?[ ]*$", re.MULTILINE)
_HEADING = re.compile(r"(#{1,6})[ ]+(.*?)[ ]*#*")
_UNDERLINE = re.compile(r"(?:=+|-{2,})[ ]*")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")
_DATELINE = re.compile(
    r"^[*_>\s]*(?:발행|작성|게시|등록|입력|승인)(?:일|일자|일시)?\s*:\s*(.+?)[*_]*$", re.MULTILINE
)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading line: where it starts, its level from 1, its words."""

    start: int
    level: int
    name: str


class MarkdownLoader:
    """``.md``."""

    suffixes: tuple[str, ...] = (".md", ".markdown")

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; see :class:`rag.protocols.Loader`."""
        text = read_text(data, name)
        front = _FRONT_MATTER.match(text)
        facts = {key.lower(): value for key, value in _FIELD.findall(front.group(1))} if front else {}
        headings = list(_headings(text, front.end() if front else 0))
        dateline = _DATELINE.search(text)
        stated = dateline.group(1) if dateline else ""
        title = facts.get("title") or next((heading.name for heading in headings if heading.level == 1), "")
        yield Document(
            id=name,
            title=title or (headings[0].name if headings else "") or PurePosixPath(name).stem,
            text=text,
            published=find_date(facts.get("date") or facts.get("published", "")) or find_date(stated),
            publisher=facts.get("publisher") or re.split(r"\s*[|·]\s*", stated.partition("·")[2])[0].strip(),
            source=facts.get("url", ""),
            licence=facts.get("licence") or facts.get("license", ""),
            tags=tuple(tags_of(facts.get("tags") or facts.get("keywords"))),
            sections=tuple(sections(text, headings, front.end() if front else 0)),
        )


def _headings(text: str, start: int) -> Iterator[Heading]:
    """Headings from position ``start`` on, outside code fences; underlined ones too."""
    fence = ""
    above, above_start = "", -1
    position = start
    for line in text[start:].split("\n"):
        opened = _FENCE.match(line)
        if opened and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else opened.group(1)
        elif not fence:
            heading = _HEADING.fullmatch(line)
            if heading and heading.group(2):
                yield Heading(position, len(heading.group(1)), _plain(heading.group(2)))
            elif _UNDERLINE.fullmatch(line) and above.strip() and not _is_other_block(above):
                yield Heading(above_start, 1 if line.startswith("=") else 2, _plain(above.strip()))
        above, above_start = ("" if fence else line), position
        position += len(line) + 1


def _is_other_block(line: str) -> bool:
    """A line that a rule below does not make a heading: list item, quote, table row, heading, long prose."""
    return bool(re.match(r"\s*(?:[-*+>|#]|\d+[.)]\s)", line)) or len(line) > 80


def _plain(name: str) -> str:
    return _LINK.sub(r"\1", name).strip()


def sections(text: str, headings: list[Heading], start: int) -> Iterator[Section]:
    """Parts of ``text`` from ``start`` on, each under the path of its headings; level 1 is the title's.

    What stands before ``start`` (front matter) is an aside. A second heading of level 1 counts as a part.
    """
    if start and any(char.isalnum() for char in text[:start]):
        yield Section(Span(0, start), Role.ASIDE)
    titles = [heading for heading in headings if heading.level == 1]
    top = 1 if len(titles) == 1 else 0
    path: list[Heading] = []
    ends = [*(heading.start for heading in headings), len(text)]
    if text[start : ends[0]].strip():
        yield Section(Span(start, ends[0]))
    for heading, end in zip(headings, ends[1:], strict=True):
        path = [upper for upper in path if upper.level < heading.level] + [heading]
        if text[heading.start : end].strip():
            name = " > ".join(part.name for part in path if part.level > top)
            yield Section(Span(heading.start, end), Role.BODY, name)
