"""Headings of plain text: which lines name what follows them, and how deep."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.load.line import LONG_CHARS, Line, Mark, find_date, is_closed

_MAX_CHARS = 45
_SUBTITLE_MIN_CHARS = 12
_QUESTION_MAX_CHARS = 35
_LIST_HEAD_MAX_CHARS = 30
BULLET = re.compile(r"[-–•·*▲△▷▸◦○◯ㅇ※✓✔①-⑳]|\d{1,2}[.)]\s|[가-하][.)]\s|\(\d{1,2}\)")
_LABELLED = re.compile(r"[^:：]{1,20}[:：]\s?\S")
_CAPTION = re.compile(
    r"[\[(<(【].*(?:제공|사진|이미지|출처|그래픽|일러스트|=).*[\])>)】]|.*[/=(]\s?(?:사진|출처|제공|이미지).*|사진\s?[=:/].*"
)
_EDIT_LINK = re.compile(r"\s*\[\s*(?:원본\s*)?편집(?:\s*\|\s*원본\s*편집)?\s*\]\s*$")
_ARTICLE = re.compile(r"제\s?\d{1,4}\s?조(?:의\s?\d{1,3})?\s?[(【\[][^)】\]]{1,40}[)】\]]")
_NUMBERED = re.compile(r"(?:(\d{1,2}(?:[.-]\d{1,2}){0,3})[.)]?|([IVXⅠ-Ⅻ]{1,4})[.)]|([가-하])[.)])\s+\S")
_PARTS = tuple(
    re.compile(rf"제\s?[\d일이삼사오육칠팔구십]+\s?{part}(?:의\s?\d+)?(?![가-힣])") for part in "편장절관"
)
_SUPPLEMENT = re.compile(r"부\s?칙(?:\s*[<〈(].{1,40})?")
_BRACKETED = re.compile(r"[<\[【《〈「『].{2,40}[>\]】》〉」』]")
_SIGNED = re.compile(r"([■□◆◇▶▣◈◉❏❑➤✅📌💡🔍📍☞])\s*\S")
_QUESTION = re.compile(r"(?:Q\s?\d*|질문|문|물음)\s?\d*\s?[.:)]\s*\S", re.IGNORECASE)
_CLAUSE, _NUMBERS, _FREE, _BARE, _LIST = (
    5,
    (6, 7, 8),
    9,
    10,
    20,
)  # levels: below parts and numbers; a list's head holds only for its list


def heading_text(text: str) -> str:
    """A heading line without the edit link that wikis put behind it."""
    return _EDIT_LINK.sub("", text).strip()


def starts_item(text: str) -> bool:
    """Whether a line begins with a bullet, number, sign or clause, and so never continues another."""
    return bool(
        BULLET.match(text)
        or _NUMBERED.match(text)
        or _SIGNED.match(text)
        or _ARTICLE.match(text)
        or any(part.match(text) for part in _PARTS)
    )


def outline(lines: Sequence[Line], rows: Sequence[int], headline: int | None, first: int) -> dict[int, str]:
    """Section paths ("제1장 총칙 > 제1조(목적)") by row; a row without one is under no heading.

    Args:
        lines: All lines of a page.
        rows: Ascending rows that belong to the text; others are not looked at.
        headline: The row of the title, which heads everything and so is no section's heading.
        first: Above this row a short line is a subtitle, not a heading.
    """
    levels = heading_levels(lines, rows, headline, first)
    path: list[tuple[int, str]] = []
    paths: dict[int, str] = {}
    for row in rows:
        level = levels[row]
        if level:
            path = [(depth, name) for depth, name in path if depth < level]
            path.append((level, heading_name(lines[row].text)))
        elif path and path[-1][0] == _LIST and not BULLET.match(lines[row].text):
            path.pop()
        paths[row] = " > ".join(name for _, name in path)
    return paths


def heading_levels(
    lines: Sequence[Line], rows: Sequence[int], headline: int | None, first: int
) -> dict[int, int]:
    """Depth of each row's heading, smaller is higher, 0 where it is none; arguments as of :func:`outline`."""
    levels = {row: 0 if row == headline else _level(lines, rows, place) for place, row in enumerate(rows)}
    in_clause = False
    for row in rows:
        in_clause = levels[row] == _CLAUSE or (in_clause and not 0 < levels[row] < _CLAUSE)
        item = in_clause and levels[row] in _NUMBERS  # of a law's article
        subtitle = row < first and levels[row] == _BARE and not _is_brief(lines[row])
        levels[row] = 0 if item or subtitle else levels[row]
    return levels


def _is_brief(line: Line) -> bool:
    """Too brief for a subtitle: "요약"."""
    return line.gap and len(line.text) < _SUBTITLE_MIN_CHARS


def heading_name(text: str) -> str:
    """What a heading line calls its section: without signs, and of a law's article no more than its title."""
    article = _ARTICLE.match(text)
    name = article.group() if article else heading_text(text)
    return name.strip(" :：■□◆◇▶▣◈◉❏❑➤✅📌💡🔍📍☞") or name


def _level(lines: Sequence[Line], rows: Sequence[int], place: int) -> int:
    """Depth of the heading in this place, 0 where it is none; smaller is higher."""
    line = lines[rows[place]]
    after = [lines[row] for row in rows[place + 1 : place + 3]]
    if _ARTICLE.match(line.text):
        return _CLAUSE
    if len(line.text) > 80 or not after or _CAPTION.match(line.text):
        return 0
    named = _named_level(line.text)
    if named:
        return named
    if len(line.text) > _MAX_CHARS or (is_closed(line.text) and not line.text.endswith("?")):
        return 0
    return _marked_level(line, after) or _bare_level(lines, rows, place, after)


def _named_level(text: str) -> int:
    """Depth of a law's part or supplement, or of a question."""
    if _SUPPLEMENT.fullmatch(text):
        return 1
    for level, part in enumerate(_PARTS, 1):
        if part.match(text) and len(text) <= 60 and not is_closed(text):
            return level
    return _FREE if _QUESTION.match(text) else 0


def _marked_level(line: Line, after: Sequence[Line]) -> int:
    """Depth of a heading that a sign, bracket, number or edit link shows to be one."""
    text, below = line.text, after[0].text
    if _EDIT_LINK.search(text):
        return _FREE
    signed = _SIGNED.match(text)
    if signed and not below.startswith(signed.group(1)) and not _LABELLED.match(text):
        return _FREE
    if _BRACKETED.fullmatch(text) and not _BRACKETED.fullmatch(below):
        return _FREE
    number = _NUMBERED.match(text)
    if number and not find_date(text) and not _NUMBERED.match(below) and not _LABELLED.match(text):
        deep = (number.group(1) or "").count(".") + (number.group(1) or "").count("-")
        return 8 if number.group(3) else 6 if number.group(2) else min(7 + deep, 8)
    return 0


def _bare_level(lines: Sequence[Line], rows: Sequence[int], place: int, after: Sequence[Line]) -> int:
    """Depth of a short line that only its place shows to be a heading."""
    line, below = lines[rows[place]], after[0]
    if not _may_be_bare(line, lines, rows, place):
        return 0
    if (
        len(line.text) <= _LIST_HEAD_MAX_CHARS
        and len(after) == 2
        and all(BULLET.match(a.text) for a in after)
    ):
        return _LIST
    longer = line.gap and len(below.text) >= 2 * len(line.text)  # a wrapped paragraph's lines are alike
    stands_off = below.gap or longer or len(below.text) >= LONG_CHARS
    return _BARE if below.mark is Mark.PROSE and len(below.text) >= 25 and stands_off else 0


def _may_be_bare(line: Line, lines: Sequence[Line], rows: Sequence[int], place: int) -> bool:
    """An open line or short question, after a closed paragraph or a blank line, that is no data."""
    text = line.text
    if line.mark not in {Mark.SHORT, Mark.WIDGET, Mark.LIST, Mark.WEAK} or not re.search(
        r"[가-힣A-Za-z]{2}", text
    ):
        return False
    if BULLET.match(text) or _LABELLED.match(text) or find_date(text) or text[0] in "[(<\"'“‘":
        return False
    if (text.endswith("?") and len(text) > _QUESTION_MAX_CHARS) or text.endswith((",", ".", "…", ";")):
        return False
    above = lines[rows[place - 1]] if place else None
    return line.gap or line.glued or above is None or is_closed(above.text)
