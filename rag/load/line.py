"""Lines of a page and what each looks like by itself: prose, a short line, a dateline, or furniture."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from rag.types import Span

LONG_CHARS = 60  # a line of this length is a paragraph, whatever it ends with
HEADLINE_MAX_CHARS = 90
_PHRASE_MAX_CHARS = 150  # a phrase of the word list says nothing about longer lines
_NOTICE_MAX_CHARS = 250  # copyright notices run long


class Mark(StrEnum):
    """What a line looks like, seen alone."""

    PROSE = "prose"
    SHORT = "short"
    META = "meta"  # dateline, byline
    BOX = "box"  # comment box, copyright notice
    LIST = "list"  # head of a list of other pages
    WIDGET = "widget"  # buttons, menus, channels, counters
    WEAK = "weak"  # furniture only beside other furniture


#: Marks that stand for parts of a web page, never for parts of a text.
CLUTTER = frozenset({Mark.BOX, Mark.LIST, Mark.WIDGET})


@dataclass(frozen=True, slots=True)
class Line:
    """One non-blank line without outer blanks.

    ``gap`` says whether a blank line (or the text's start) is before it; ``glued`` that it was cut off
    the end of a longer line.
    """

    span: Span
    text: str
    gap: bool
    mark: Mark
    glued: bool = False

    @property
    def letters(self) -> str:
        """What stays equal when a headline is set again with other quotes or dots."""
        return re.sub(r"\W", "", self.text)


@lru_cache(maxsize=1)
def _words() -> dict[Mark, dict[str, tuple[str, ...]]]:
    table = tomllib.loads(Path(__file__).with_name("clutter.toml").read_text("utf-8"))
    return {
        Mark(name): {kind: tuple(words) for kind, words in group.items()} for name, group in table.items()
    }


@lru_cache(maxsize=1)
def _whole() -> dict[str, Mark]:
    return {word: mark for mark, group in _words().items() for word in group["whole"]}


_NUMBER = r"(?<!\d)(19\d\d|20\d\d)\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})(?!\d)"
_DATE = re.compile(_NUMBER)
_WHEN = (
    r"(?:최초|기사|최종)?\s?(?:입력|승인|등록|작성|발행|게시|수정|송고|보도|배포|업데이트|published|posted)"
    r"\s?(?:일시|일자|날짜|시간|시각|일|시)?"
)
_LABELLED = re.compile(
    rf"[•·|/\s(\[]*{_WHEN}\s*[:：=|]?\s*(?:{_NUMBER}|(\d\d)[-./](\d\d)[-./](\d\d)(?!\d))", re.IGNORECASE
)
_DATE_ALONE = re.compile(
    rf"[•·|/\s(\[]*(?:by\s\S{{1,20}}\s)?{_NUMBER}\s*[.일]?\s*(?:\(?[월화수목금토일](?:요일)?\)?)?"
    rf"[\s\d:.,시분초오전후TZ+\-apm)\]]*(?:[|/·,]?\s*{_WHEN}.*)?",
    re.IGNORECASE,
)
_NAME = r"[가-힣]{2,4}"
_JOB = r"(?:선임|수습|인턴|객원|전문|시민)?\s?(?:기자|특파원|에디터|논설위원|편집위원|앵커|PD|리포터)"
_BYLINE = re.compile(
    rf"[•·/\s]*(?:(?:글|취재|편집|정리|사진|편집자)\s*[:：=·]?\s*)*{_NAME}(?:\s?[·,/]\s?{_NAME})*\s*{_JOB}"
    r"(?:님)?(?:\s*[=/(]?\s*[\w.+-]+@[\w.-]+\)?)?|[•·\s]*(?:기자|편집자|제보·문의)\s*[:：]?"
    r"|[•·\s]*(?:글쓴이|작성자|등록자|기자명|지은이)\s*[:：]?\s*\S{0,10}"
)
_MAIL = re.compile(r"(?:메일|이메일|e-?mail)?\s*[:：]?\s*[\w.+-]+@[\w.-]+\.\w+", re.IGNORECASE)
_COUNTER = re.compile(
    r"(?:댓글|답글|조회수?|추천수?|공감|좋아요|싫어요|공유|저장|스크랩|구독자?|총투표수)"
    r"[:：(]?[\d,.]+(?:만|천)?\)?(?:개|명|회|건)?"
)
_ATTACHED = re.compile(r".{1,70}\.(?:hwpx?|pdf|docx?|xlsx?|pptx?|zip|jpe?g|png|gif)\b.{0,30}", re.IGNORECASE)
_TAGS = re.compile(r"(?:#[^\s#]+\s*)+")
_BARE = re.compile(r"\W+|[\d,.]+(?:%|개|명|건|회)?|https?://\S+|\d+%.{0,12}")
# Each step can be matched in one way only: several ways for each would multiply along the line.
_STEP = r"(?:[^\s>»|]{1,12}\s[^\s>»|]{1,8}|[^\s>»|]{1,20})(?=\s*[>»|]|\Z)"
_BREADCRUMB = re.compile(rf"{_STEP}(?:\s*[>»|]{{1,2}}\s*{_STEP}){{2,}}")
_CLOSED = re.compile(
    r"(?:(?<=[가-힣”\"'’)\]])[.]|(?<=[다요죠까네])[!?~]+|(?:니다|어요|아요|해요|네요|세요|에요|예요|까요|지요|죠)"
    r"[ㅎㅋㅠㅜ^~!.]*)[\"'”’)\]]*"
)
_GLUED = re.compile(r"(?<=[다요죠까])\.(?=[^\s.\"'”’)\]])")


def find_date(text: str) -> str:
    """The first full date in ``text`` as ``YYYY-MM-DD``, or empty."""
    for match in _DATE.finditer(text):
        try:
            return date(*(int(part) for part in match.groups())).isoformat()
        except ValueError:
            continue
    return ""


def is_closed(text: str) -> bool:
    """Whether a line ends as a sentence does; a headline's bare verb or question mark does not count."""
    tail = text[-12:]
    return any(match.end() == len(tail) for match in _CLOSED.finditer(tail))


def is_dateline(text: str) -> bool:
    """A short line that is a date and time alone, or begins with "입력", "등록일" … and a date."""
    if len(text) >= LONG_CHARS or is_closed(text):
        return False
    return bool(_LABELLED.match(text) or _DATE_ALONE.fullmatch(text))


def dateline_date(text: str) -> str:
    """The date of a dateline as ``YYYY-MM-DD``, or empty; after a label, two digits will do for a year."""
    labelled = _LABELLED.match(text)
    short = labelled.groups()[3:] if labelled else (None, None, None)
    return find_date(f"20{short[0]}-{short[1]}-{short[2]}") if short[0] else find_date(text)


def flat(text: str) -> str:
    """Lower case, without spaces, leading bullets and closing colons: the form of the word list."""
    return re.sub(r"\s", "", text).lower().lstrip("•·*▶■□◆>-").rstrip(":：>▶+-")


def mark_of(text: str) -> Mark:
    """What a stripped line looks like by itself."""
    word = flat(text)
    if len(text) < LONG_CHARS and (_BYLINE.fullmatch(text) or _MAIL.fullmatch(text) or is_dateline(text)):
        return Mark.META
    if re.fullmatch(r"(?:전체)?댓글\(?\d+\)?개?", word):
        return Mark.LIST
    listed = _listed(text, word)
    if listed is not None:
        return listed
    if _COUNTER.fullmatch(word):
        return Mark.WIDGET
    if not word or _BARE.fullmatch(word) or _TAGS.fullmatch(text) or _is_menu(text):
        return Mark.WEAK
    return Mark.PROSE if len(text) >= LONG_CHARS or (len(text) >= 15 and is_closed(text)) else Mark.SHORT


def _is_menu(text: str) -> bool:
    """A file to download, or the way from the front page to here."""
    if len(text) >= 100 or is_closed(text):
        return False
    return bool(_ATTACHED.fullmatch(text) or (len(text) < LONG_CHARS and _BREADCRUMB.fullmatch(text)))


def _listed(text: str, word: str) -> Mark | None:
    """The mark that the word list gives, or None."""
    if word in _whole():
        return _whole()[word]
    for mark, group in _words().items():
        limit = _NOTICE_MAX_CHARS if mark is Mark.BOX else _PHRASE_MAX_CHARS
        if len(text) <= limit and any(phrase in word for phrase in group.get("anywhere", ())):
            return mark
        if len(text) < LONG_CHARS and not text.endswith("다.") and word.startswith(group.get("start", ())):
            return mark
    return _several(text)


def _several(text: str) -> Mark | None:
    """A line of menu words only: "공유 인쇄 스크랩", "좋아요 3 댓글 0"."""
    if len(text) >= LONG_CHARS:
        return None
    parts = [flat(part) for part in re.split(r"[\s|>/·»,]+", text)]
    known = [_whole().get(part) for part in parts if part and not _BARE.fullmatch(part)]
    if len(parts) < 2 or not known or None in known:
        return None
    return Mark.WIDGET if len(known) > 1 or known[0] in CLUTTER else Mark.WEAK


def lines(text: str) -> list[Line]:
    """Non-blank lines in order; a heading glued to the end of a paragraph comes as a line of its own."""
    found: list[Line] = []
    before = -1
    for match in re.finditer(r"[^\n]*\S[^\n]*", text):
        raw = match.group()
        start = match.start() + len(raw) - len(raw.lstrip())
        stripped = raw.strip()
        gap = before < 0 or text.count("\n", before, start) > 1
        found.append(Line(Span(start, start + len(stripped)), stripped, gap, mark_of(stripped)))
        before = match.end()
    below = (*found[1:], None)
    return _named([part for line, after in zip(found, below, strict=False) for part in _unglued(line, after)])


def _unglued(line: Line, below: Line | None) -> Iterator[Line]:
    """The line; or both parts, where a heading follows its last full stop without a space.

    The heading of a paragraph that follows, or a question; other open tails are cut-off sentences.
    """
    cuts = [match.end() for match in _GLUED.finditer(line.text)] if len(line.text) > 30 else []
    tail = line.text[cuts[-1] :] if cuts else ""
    heads = below is not None and below.mark is Mark.PROSE and len(below.text) >= LONG_CHARS
    fits = 4 <= len(tail) <= 40 and " " in tail and not tail.endswith((",", ".", "…"))
    if not fits or not (heads or tail.endswith("?")):
        yield line
        return
    cut = line.span.start + cuts[-1]
    yield replace(line, span=Span(line.span.start, cut), text=line.text[: cuts[-1]], mark=Mark.PROSE)
    yield Line(Span(cut, line.span.end), tail, False, Mark.SHORT, glued=True)


def _named(found: list[Line]) -> list[Line]:
    """A bare name above a bare "기자" or address is part of the byline."""
    for row, line in enumerate(found[1:], 1):
        above = found[row - 1]
        signed = re.fullmatch(_JOB, line.text) or _MAIL.fullmatch(line.text)
        if signed and above.mark is Mark.SHORT and re.fullmatch(_NAME, above.text):
            found[row - 1] = replace(above, mark=Mark.META)
    return found
