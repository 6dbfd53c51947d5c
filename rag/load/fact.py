"""What a page states about itself: title, date of publication, publisher."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rag.load.line import HEADLINE_MAX_CHARS, LONG_CHARS, Line, Mark, dateline_date, is_closed, is_dateline
from rag.load.outline import heading_text, starts_item
from rag.text import normalise

_LEAD_MAX_CHARS = 60
_NAME_MAX_CHARS = 16
_EDGE_LINES = 8  # how far from the article a text without furniture may state its date
_REVISED = re.compile(r"수정|업데이트|최종")
_RIGHTS = re.compile(
    r"(?:저작권자|copyright|ⓒ|©|\(c\))\s*[:：ⓒ©]?\s*(?:\d{4}[\d\s.,-]*)?\s*(?:by\s+)?([가-힣A-Za-z][가-힣A-Za-z0-9]{1,15})",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"(?:발행처|발행기관|제공기관|배포기관|제공처|매체|언론사|출처|기관명)\s*[:：]\s*([^\s:：|(][^:：|(]{1,24})"
)
_DATELINE = re.compile(r"^(?:발행|작성|게시)\s*[:：][^·|]*[·|]\s*([^·|:：]{2,24})$")
_NAME = re.compile(r"[가-힣A-Za-z][가-힣A-Za-z0-9 &·.]*")
_INSTITUTION = re.compile(
    r"(?:일보|(?<!통)신문|뉴스|경제|방송|미디어|타임스|저널|투데이|통신|닷컴|매거진|위원회|공사|공단|재단|연구원|협회"
    r"|[가-힣]{2,}[부처청])$|^(?:월간|주간|계간) "
)
_NO_NAME = {"무단전재", "무단", "all", "저작권자", "기자", "본", "모든", "이", "copyright", "및"}


def title_row(found: Sequence[Line], first: int, *, is_page: bool) -> int | None:
    """The row of the headline, at or above row ``first`` of the article's first prose, or None.

    In this order: a line set twice near the top; the subject that the prose begins with; the first
    long line of the block right above the dateline; the first long line above the prose; any short one.
    """
    if not is_page:
        return 0 if _is_opening(found) else None
    head = [row for row in range(first) if _may_head(found[row])]
    counts = Counter(line.letters for line in found[: first + 1])
    repeated = [row for row in head if counts[found[row].letters] > 1 and len(found[row].letters) > 1]
    above_date = _above_dateline(found, first)
    subject = [row for row in head if not above_date and _is_subject(found[row].text, found[first].text)]
    long = [row for row in head if len(found[row].text) >= 12]
    ranked = [*repeated[:1], *subject[:1], *above_date[:1], *long[:1], *head[:1]]
    return ranked[0] if ranked else None


def _is_subject(text: str, prose: str) -> bool:
    """Whether a paragraph begins with these words and a particle, as an encyclopaedia's does."""
    return prose.startswith(text) and prose[len(text) : len(text) + 1] in {*"은는이가란"}


def _may_head(line: Line) -> bool:
    text = line.text
    return (line.mark is Mark.SHORT and 2 <= len(text) <= HEADLINE_MAX_CHARS) or (
        line.mark is Mark.PROSE and not text.endswith(".") and len(text) <= HEADLINE_MAX_CHARS
    )


def _above_dateline(found: Sequence[Line], first: int) -> list[int]:
    """Rows of the block of short lines above the first dateline that are long enough for a headline."""
    dated = next((row for row in range(first) if found[row].mark is Mark.META), None)
    rows: list[int] = []
    row = -1 if dated is None else dated - 1
    while row >= 0 and (_may_head(found[row]) or not rows):
        rows.append(row)
        row -= 1
    return [row for row in reversed(rows) if _may_head(found[row]) and len(found[row].text) >= 8]


def _is_opening(found: Sequence[Line]) -> bool:
    """Whether a text without furniture begins with a title: a short open line set off from the rest."""
    line = found[0]
    if line.mark is Mark.META or not 2 <= len(line.text) <= _LEAD_MAX_CHARS or len(found) == 1:
        return False
    if is_closed(line.text) or starts_item(line.text) or re.match(r"[\[({]|\d+[:.]\d|.{1,20}:\s", line.text):
        return False
    return found[1].gap or found[1].mark is Mark.META or len(found[1].text) >= LONG_CHARS


def title(found: Sequence[Line], headline: int | None, body: Sequence[int]) -> str:
    """The headline; else the first sentence of the text, cut at a word."""
    if headline is not None:
        return heading_text(found[headline].text)
    if not body:
        return ""
    sentence = re.split(r"(?<=[다요까][.?!])", found[body[0]].text)[0]
    if len(sentence) <= _LEAD_MAX_CHARS:
        return sentence
    return sentence[:_LEAD_MAX_CHARS].rsplit(" ", 1)[0].rstrip(" ,") + "…"


def published(found: Sequence[Line], first: int, end: int) -> str:
    """A dateline near the head or after the end; one of a revision only if there is no other."""
    edge = [*found[: max(first, _EDGE_LINES)], *found[max(end - _EDGE_LINES, 0) : end]]
    edge += [line for line in found[end:] if not line.text[0].isdigit()]  # bare dates there are others'
    return find_dateline([line.text for line in edge if line.mark is Mark.META])


def find_dateline(texts: Sequence[str]) -> str:
    """The date of the first line that is a dateline; of a revision only if there is no other."""
    dated = [text for text in texts if is_dateline(text) and dateline_date(text)]
    dated.sort(key=lambda text: bool(_REVISED.match(text.strip("•·| "))))
    return dateline_date(dated[0]) if dated else ""


def publisher(found: Sequence[Line], headline: int | None, end: int) -> str:
    """A name beside a copyright sign or label; else the lone short line above the headline."""
    for line in found:
        match = _LABELLED.match(line.text) or _DATELINE.match(line.text)
        if match and len(line.text) < LONG_CHARS:
            return match.group(1).strip()
    for line in found[end:]:
        match = _RIGHTS.search(line.text) if len(line.text) < 120 else None
        if match and match.group(1).lower() not in _NO_NAME:
            return match.group(1)
    top = [line.text for line in found[: headline or 0][:4] if line.mark is Mark.SHORT]
    names = [text for text in top if len(text) <= _NAME_MAX_CHARS and _NAME.fullmatch(text)]
    said = [text for text in names if _INSTITUTION.search(text)]
    return said[0] if said else names[0] if len(top) == len(names) == 1 else ""


def tags_of(value: object) -> list[str]:
    """Tags as front matter, records and manifests give them: a list, or words between commas."""
    given = value if isinstance(value, list) else str(value or "").strip("[]").split(",")
    words = (" ".join(normalise(str(tag)).split()).strip("\"'# ") for tag in given)
    return list(dict.fromkeys(word for word in words if word))
