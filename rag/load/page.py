"""Pages as people copy them from a browser: what is the article, and what stands around it.

Judged line by line from general features (length, sentence endings, furniture words, repetition), not
from any one site's layout. In doubt a line belongs to the article; nothing is ever thrown away.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rag.types import Role, Section, Span

_DATE = re.compile(r"(?<!\d)(19\d\d|20\d\d)\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})(?!\d)")
_DATE_LABEL = re.compile(r"(입력|승인|등록|작성|발행|게시|수정|기사입력|송고|최종)")
_CLOSED = re.compile(r"[.!?…][\"'”’)\]]*$")
_LONG = 60
_TITLE_MAX = 90


@dataclass(frozen=True, slots=True)
class Line:
    """One non-blank line: its span without outer blanks, and its text."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says of itself, and its parts."""

    title: str
    published: str
    publisher: str
    sections: tuple[Section, ...]


@lru_cache(maxsize=1)
def _words() -> dict[str, tuple[str, ...]]:
    table = tomllib.loads(Path(__file__).with_name("clutter.toml").read_text("utf-8"))
    return {name: tuple(values) for name, values in table.items()}


def _lines(text: str) -> list[Line]:
    found = []
    for match in re.finditer(r"[^\n]+", text):
        line = match.group()
        if line.strip():
            start = match.start() + len(line) - len(line.lstrip())
            found.append(Line(Span(start, start + len(line.strip())), line.strip()))
    return found


def find_date(text: str) -> str:
    """The first full date in ``text`` as ``YYYY-MM-DD``, or empty."""
    for match in _DATE.finditer(text):
        year, month, day = (int(part) for part in match.groups())
        if 1 <= month <= 12 and 1 <= day <= 31:
            return f"{year:04}-{month:02}-{day:02}"
    return ""


def _flat(line: str) -> str:
    return re.sub(r"\s", "", line).lower().lstrip("•·-*▶■□◆>")


def is_furniture(line: str) -> bool:
    """Whether a line is part of the page's machinery rather than of any text."""
    flat = _flat(line)
    words = _words()
    if not flat or flat in words["whole"]:
        return True
    if any(word in flat for word in words["anywhere"]):
        return True
    if len(line) < _LONG and not line.endswith("다.") and flat.startswith(words["start"]):
        return True
    return bool(re.fullmatch(r"[\d,.]+(%|명|개|건)?|\d+%.*|\S+@\S+\.\S+|https?://\S+", flat))


def _is_prose(line: Line) -> bool:
    return len(line.text) >= _LONG or bool(_CLOSED.search(line.text) and len(line.text) >= 20)


def parse(text: str) -> Page:
    """Parts of a normalised plain-text page.

    Returns:
        Sections ascending and non-overlapping that hold every non-blank character; empty strings
        where the page does not state a fact.
    """
    lines = _lines(text)
    furniture = [is_furniture(line.text) for line in lines]
    first, last = _article(lines, furniture)
    title_row = _title_row(lines, furniture, first)
    sections = _sections(lines, furniture, first, last, title_row)
    head = lines[: first + 1]
    return Page(
        title=lines[title_row].text[:_TITLE_MAX] if title_row is not None else _lead(lines),
        published=_published(head, lines),
        publisher=_publisher(lines, furniture, first, title_row),
        sections=tuple(sections),
    )


def _lead(lines: list[Line]) -> str:
    """The first sentence, shortened: a title for a text that has none."""
    if not lines:
        return ""
    sentence = re.split(r"(?<=[다요까][.?!])\s", lines[0].text)[0]
    return sentence if len(sentence) <= 60 else sentence[:59] + "…"


def _article(lines: list[Line], furniture: list[bool]) -> tuple[int, int]:
    """First and last row of the article: from its first prose to the end of its main run.

    A page without furniture is all article. A run ends where a list of other articles or the comment
    box begins, or where a byline is followed by items of headline and cut-off lead.
    """
    prose = [row for row, line in enumerate(lines) if not furniture[row] and _is_prose(line)]
    if not prose:
        return 0, len(lines) - 1
    first = prose[0]
    if not any(furniture):
        return first, len(lines) - 1
    for row in range(first + 1, len(lines)):
        if furniture[row] and _ends_article(lines, furniture, row):
            return first, row - 1
    return first, max(prose)


def _ends_article(lines: list[Line], furniture: list[bool], row: int) -> bool:
    flat = _flat(lines[row].text)
    if flat in _words()["related"] or flat.startswith(_words()["related"]):
        return True
    after = [r for r in range(row, len(lines)) if not furniture[r] and _is_prose(lines[r])]
    return not after or _is_item(lines, furniture, after[0])


def _is_item(lines: list[Line], furniture: list[bool], row: int) -> bool:
    """A prose row that is the lead of a list item: a headline right above, furniture above that."""
    above = row - 1
    if above < 1 or furniture[above] or _is_prose(lines[above]):
        return False
    return furniture[above - 1] and len(lines[above].text) < _TITLE_MAX


def _title_row(lines: list[Line], furniture: list[bool], first: int) -> int | None:
    """The headline: a line that is repeated near the top, or else the first short line before the prose."""
    head = [
        row
        for row in range(min(first, len(lines)))
        if not furniture[row] and 6 <= len(lines[row].text) <= _TITLE_MAX and not _is_meta(lines[row].text)
    ]
    counts = Counter(_letters(line.text) for line in lines[: first + 1])
    repeated = [row for row in head if counts[_letters(lines[row].text)] > 1]
    if repeated:
        return repeated[0]
    longest = [row for row in head if len(lines[row].text) >= 12]
    return longest[0] if longest else (head[0] if head else None)


def _letters(line: str) -> str:
    """What stays equal when a headline is set again with other quotes or dots."""
    return re.sub(r"\W", "", line)


def _is_meta(line: str) -> bool:
    """A dateline or byline."""
    byline = re.search(r"(기자|특파원|에디터)$", line) and len(line) < 30
    return bool(byline) or (bool(find_date(line)) and len(line) < 30)


def _published(head: list[Line], lines: list[Line]) -> str:
    """A labelled date anywhere, else a date alone on a line of the head."""
    for line in lines:
        if len(line.text) < _LONG and _DATE_LABEL.search(line.text) and find_date(line.text):
            return find_date(line.text)
    for line in head:
        if len(line.text) < 30 and find_date(line.text):
            return find_date(line.text)
    return ""


def _publisher(lines: list[Line], furniture: list[bool], first: int, title_row: int | None) -> str:
    """A very short line above the headline, as sites put their name there."""
    top = lines[: title_row if title_row is not None else 0][:3]
    for row, line in enumerate(top):
        if not furniture[row] and 2 <= len(line.text) <= 12 and not re.search(r"[\d.?!,]", line.text):
            return line.text
    return ""


def _heading_like(lines: list[Line], furniture: list[bool], row: int, last: int) -> bool:
    """A short open line or question right above prose."""
    text = lines[row].text
    if len(text) > 45 or row >= last or text.startswith(("-", "•", "·", "▲", "[", "(")):
        return False
    open_end = not _CLOSED.search(text) or (text.endswith("?") and len(text) < 35)
    return open_end and not furniture[row + 1] and _is_prose(lines[row + 1])


def _sections(
    lines: list[Line], furniture: list[bool], first: int, last: int, title_row: int | None
) -> list[Section]:
    start = 0 if not any(furniture) else first if title_row is None else title_row
    seen: set[str] = set()
    made: list[Section] = []
    heading = ""
    has_furniture = any(furniture)
    row = 0
    while row < len(lines):
        line = lines[row]
        letters = _letters(line.text)
        repeated = len(letters) > 10 and letters in seen
        seen.add(letters)
        inside = start <= row <= last and not (row < first and _is_meta(line.text))
        if inside and not furniture[row] and not repeated:
            if first < row and _heading_like(lines, furniture, row, last):
                heading = line.text
            made.append(Section(line.span, Role.BODY, heading))
        elif has_furniture and row > last and _item_ahead(lines, furniture, row):
            end = _item_end(lines, furniture, row)
            span = Span(line.span.start, lines[end].span.end)
            made.append(Section(span, Role.ASIDE, line.text[:_TITLE_MAX], own_title=True))
            row = end
        else:
            made.append(Section(line.span, Role.ASIDE, "", own_title=row > last))
        row += 1
    return _joined(made)


def _item_ahead(lines: list[Line], furniture: list[bool], row: int) -> bool:
    """A headline with its lead below."""
    return (
        not furniture[row]
        and not _is_prose(lines[row])
        and row + 1 < len(lines)
        and not furniture[row + 1]
        and _is_prose(lines[row + 1])
    ) or (
        not furniture[row]
        and len(lines[row].text) < _TITLE_MAX
        and row + 1 < len(lines)
        and not furniture[row + 1]
        and len(lines[row + 1].text) >= 100
    )


def _item_end(lines: list[Line], furniture: list[bool], row: int) -> int:
    end = row + 1
    while end + 1 < len(lines) and not furniture[end + 1] and _is_prose(lines[end + 1]):
        if _item_ahead(lines, furniture, end + 1):
            break
        end += 1
    return end


def _joined(sections: list[Section]) -> list[Section]:
    """Neighbours of one role and heading become one section, items excepted."""
    made: list[Section] = []
    for section in sections:
        before = made[-1] if made else None
        if (
            before is not None
            and (before.role, before.heading, before.own_title)
            == (section.role, section.heading, section.own_title)
            and not (section.own_title and section.heading)
        ):
            made[-1] = Section(
                Span(before.span.start, section.span.end), section.role, section.heading, section.own_title
            )
        else:
            made.append(section)
    return made
