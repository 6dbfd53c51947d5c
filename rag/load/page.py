"""Pages as people copy them from a browser: what is the article, and what stands around it.

Judged from general features of lines (length, endings, menu words, repetition) and their places, not
from any one site's layout. A text without furniture is all article; in doubt a line belongs to the
article, and nothing is ever thrown away.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.load.fact import published, publisher, title, title_row
from rag.load.line import CLUTTER, HEADLINE_MAX_CHARS, Line, Mark, flat, is_closed
from rag.load.line import lines as read_lines
from rag.load.outline import BULLET, outline
from rag.types import Role, Section, Span

_ITEM_LEAD_MIN_CHARS = 60
_PARAGRAPH_MIN_CHARS = 40
_PAGE_WEIGHT = 2
_PAGE_PARAGRAPHS = 40  # long texts hold a menu word by chance: one more is asked for each so many paragraphs
_FRAGMENT_MAX_CHARS = 12  # short lines between headline and article that are no subtitle
_FACT = re.compile(
    r"[:：=▲△]\s?\S|^(?:담당|연락처|문의|전화|주소|장소|일시|기간|대상|접수|주최|주관|작성자)\S*\s\S"
)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says of itself (empty where it does not), and its parts."""

    title: str
    published: str
    publisher: str
    sections: tuple[Section, ...]


def parse(text: str) -> Page:
    """Facts and parts of a normalised plain-text page; cost linear in its length.

    Sections are ascending, do not overlap, and hold every letter and digit.
    """
    found = read_lines(text)
    if not found:
        return Page("", "", "", ())
    items = _items(found)
    paragraphs = sum(line.mark is Mark.PROSE for line in found)
    is_page = _weight(found, items) >= _PAGE_WEIGHT + paragraphs // _PAGE_PARAGRAPHS
    first, end, breaks = _extent(found, items) if is_page else (0, len(found), set())
    headline = title_row(found, first, is_page=is_page)
    body = _body(found, first, end, headline) if is_page else list(range(len(found)))
    body = [row for row in body if row not in breaks]
    owner = publisher(found, headline, end) if is_page else ""
    return Page(
        title=title(found, headline, body),
        published=published(found, first, end),
        publisher=owner,
        sections=tuple(_sections(found, outline(found, body, headline, first), items, end, owner)),
    )


def asides(text: str, offset: int) -> list[Section]:
    """Parts of a text of which nothing is the article, ``offset`` code points into its document."""
    found = read_lines(text)
    made = _sections(found, {}, _items(found), 0, "")
    return [replace(section, span=section.span.shift(offset)) for section in made]


def _weight(found: Sequence[Line], items: set[int]) -> int:
    """How much speaks for a copied web page rather than a text."""
    kinds: dict[Mark, set[str]] = {mark: set() for mark in Mark}
    for row, line in enumerate(found):
        if not _heads_prose(found, row):
            kinds[line.mark].add(flat(line.text))
    weight = 2 * len(kinds[Mark.BOX]) + len(kinds[Mark.LIST]) + len(kinds[Mark.WIDGET])
    weight += bool(kinds[Mark.META]) + 2 * bool(items)
    head = Counter(line.letters for line in found[:20] if len(line.letters) > 10)
    return weight + any(count > 1 for count in head.values())


def _heads_prose(found: Sequence[Line], row: int) -> bool:
    """A menu word that heads a paragraph, as in a manual ("로그인")."""
    if found[row].mark is not Mark.WIDGET or row + 1 >= len(found) or not row:
        return False
    return found[row].gap and found[row + 1].mark is Mark.PROSE and found[row - 1].mark not in CLUTTER


def _items(found: Sequence[Line]) -> set[int]:
    """Rows of headlines in a list of other articles: an open short line, then a lead that is cut off.

    One such pair is no list: it takes two, each set off from what is above.
    """
    rows: set[int] = set()
    for row in range(1, len(found) - 1):
        set_off = found[row - 1].mark not in {Mark.SHORT, Mark.PROSE} or row - 2 in rows
        if set_off and _is_item(found[row], found[row + 1]):
            rows.add(row)
    return rows if len(rows) > 1 else set()


def _is_item(line: Line, lead: Line) -> bool:
    headline = line.mark in {Mark.SHORT, Mark.PROSE} and 8 <= len(line.text) <= HEADLINE_MAX_CHARS
    cut_off = not re.search(r"[.!?:;)\]\"'”’]$", lead.text) or lead.text.endswith(("...", "…"))
    inner = re.search(r"[다요]\.|니다", lead.text)
    return bool(
        headline
        and not is_closed(line.text)
        and lead.mark is Mark.PROSE
        and not lead.gap
        and len(lead.text) >= _ITEM_LEAD_MIN_CHARS
        and cut_off
        and (inner or lead.text.endswith(("...", "…")))
    )


def _extent(found: Sequence[Line], items: set[int]) -> tuple[int, int, set[int]]:
    """``[first, end)``: from the first prose of the article to where other things begin for good.

    Third come the rows between that belong to lists of other pages inside the article.
    """
    leads = {row + 1 for row in items}
    prose = [row for row, line in enumerate(found) if line.mark is Mark.PROSE and row not in items | leads]
    if not prose:
        return 0, len(found), set()
    first = next(
        (row for row, after in pairwise([*prose, len(found)]) if _opens(found, row, after)), prose[0]
    )
    runs = _runs(found, items, leads)
    breaks: set[int] = set()
    row = first + 1
    while row < len(found):
        if _may_end(found[row], row in items):
            back = _resumption(found, runs, items, row)
            if back is None:
                return first, row, breaks
            breaks |= set(range(row, back)) if found[row].mark is Mark.LIST else {row}
            row = back
        row += 1
    return first, len(found), breaks


def _opens(found: Sequence[Line], row: int, after: int) -> bool:
    """Whether an article may begin here: a paragraph, or a sentence with another (row ``after``) near."""
    return len(found[row].text) >= _PARAGRAPH_MIN_CHARS or after - row <= 2


def _may_end(line: Line, is_item: bool) -> bool:
    return is_item or line.mark in {Mark.BOX, Mark.LIST} or line.mark is Mark.META


def _runs(found: Sequence[Line], items: set[int], leads: set[int]) -> list[int]:
    """By row, how many closed paragraphs follow one another from here."""
    runs = [0] * (len(found) + 1)
    for row in range(len(found) - 1, -1, -1):
        line = found[row]
        paragraph = line.mark is Mark.PROSE and is_closed(line.text) and row not in items | leads
        runs[row] = 1 + runs[row + 1] if paragraph else 0
    return runs


def _resumption(found: Sequence[Line], runs: Sequence[int], items: set[int], row: int) -> int | None:
    """The row where the article goes on after an interruption at ``row``, or None where it does not."""
    mark = found[row].mark
    if mark is Mark.BOX and sum(runs[r] > 0 for r in range(row)) >= 1:
        return None
    needed = 1 if mark is Mark.META else 2
    for after in range(row + 1, len(found)):
        line = found[after]
        if after in items or line.mark is Mark.BOX or (line.mark is Mark.LIST and mark is Mark.META):
            return None
        headed = found[after - 1].mark is Mark.SHORT and found[after - 1].text and mark is Mark.LIST
        if runs[after] >= needed + bool(headed) and len(line.text) >= 30:
            return after
    return None


def _body(found: Sequence[Line], first: int, end: int, headline: int | None) -> list[int]:
    """Rows of the article, ascending: no furniture, no repetition, no fragments around it."""
    start = first if headline is None else min(headline, first)
    seen: set[str] = set()
    rows: list[int] = []
    closed_off = False  # a byline or a rule after the last paragraph ends what belongs to it
    last_prose = max((r for r in range(first, end) if found[r].mark is Mark.PROSE), default=first)
    for row in range(start, end):
        line = found[row]
        repeated = len(line.letters) > 10 and line.letters in seen
        seen.add(line.letters)
        closed_off |= row > last_prose and line.mark in {Mark.META, Mark.WEAK, Mark.WIDGET}
        if not repeated and not closed_off and _belongs(found, row, first, end, headline):
            rows.append(row)
    return rows


def _belongs(found: Sequence[Line], row: int, first: int, end: int, headline: int | None) -> bool:
    """Whether a line between headline and end is part of the article."""
    line = found[row]
    if row == headline or line.mark is Mark.PROSE:
        return True
    if row < first:
        if row == first - 1 and line.gap and line.mark is Mark.SHORT and len(line.text) < _FRAGMENT_MAX_CHARS:
            return True  # a heading, as "요약"
        is_fact = bool(_FACT.search(line.text) or BULLET.match(found[row + 1].text))
        return line.mark is Mark.SHORT and (len(line.text) >= _FRAGMENT_MAX_CHARS or is_fact)
    above = found[row - 1] if row else line
    below = found[row + 1] if row + 1 < end else line
    between = above.mark is Mark.PROSE and below.mark is Mark.PROSE
    if line.mark in {Mark.WIDGET, Mark.LIST}:  # alone between paragraphs: a heading, or a sentence about it
        return between and (is_closed(line.text) or line.gap) and not _is_button(line.text)
    if line.mark is Mark.WEAK:
        return not {above.mark, below.mark} & (CLUTTER | {Mark.META, Mark.WEAK})
    return line.mark is Mark.SHORT


def _is_button(text: str) -> bool:
    """A line that never heads a paragraph, even alone."""
    return bool(re.search(r"공유|구독|광고|댓글|관련|\bad\b|스크랩|좋아요|팔로우|기사|뉴스", text.lower()))


def _sections(
    found: Sequence[Line], paths: dict[int, str], items: set[int], end: int, owner: str
) -> list[Section]:
    """Runs of rows with one role and one heading, in order; rules without a letter are left out.

    Datelines, bylines and lines that name the publisher speak of the article, so its title goes with them.
    """
    made: list[Section] = []
    key: tuple[Role, str, bool, int] | None = None
    group, name = 0, ""  # the list or item of the tail that a row stands in
    for row, line in enumerate(found):
        if not line.letters:
            continue
        alone = line.mark is not Mark.META and not (owner and owner in line.text)
        if row in paths:
            here = (Role.BODY, paths[row], False, 0)
        elif row < end:
            here = (Role.ASIDE, "", alone, 0)
        else:
            if row in items or _heads_item(found, row):
                group, name = row, line.text[:HEADLINE_MAX_CHARS]
            elif line.mark is not Mark.PROSE and line.mark is not Mark.SHORT:
                group = group if line.mark is Mark.WEAK and not name else row
                name = line.text if line.mark in {Mark.LIST} and len(line.text) < 30 else ""
            here = (Role.ASIDE, name, alone, 1 if not name else group + 2)
        if here == key:
            made[-1] = Section(Span(made[-1].span.start, line.span.end), *here[:3])
        else:
            made.append(Section(line.span, *here[:3]))
        key = here
    return made


def _heads_item(found: Sequence[Line], row: int) -> bool:
    """A headline of the tail with its lead right below."""
    if row + 1 >= len(found):
        return False
    line, lead = found[row], found[row + 1]
    return (
        line.mark is Mark.SHORT
        and len(line.text) >= 8
        and lead.mark is Mark.PROSE
        and len(lead.text) >= _PARAGRAPH_MIN_CHARS
        and not lead.gap
    )
