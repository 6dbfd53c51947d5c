"""PDF, by PDFium: wrapped lines are joined, lines of large letters are headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from statistics import median
from typing import TYPE_CHECKING

from rag.errors import DecodeError, SourceError
from rag.load.block import Block, laid_out, opening, outlined
from rag.load.fact import find_dateline
from rag.load.line import is_closed
from rag.load.outline import starts_item
from rag.text import normalise
from rag.types import Document, Role

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument  # type: ignore[import-untyped]  # ships no types

_HEADING_MAX_CHARS = 80
_HEADING_RATIO = 1.15  # of a heading's letter size to the text's
_FULL_LINE = 0.75  # of the longest line; shorter ones end their paragraph
_EDGE_LINES = 2  # lines at the top and foot of a page where running titles and page numbers stand
_PRIVATE_SHARE = 0.3  # of letters without a Unicode value, above which the text is unreadable
_MADE_UP = re.compile(
    r"^(?:Microsoft \w+ - |untitled|제목 없음|문서\d*$)|\.(?:hwpx?|docx?|pptx?|xlsx?|pdf)$", re.I
)
_TAIL = re.compile(r"[다요까]\.\s")  # of a verb that was broken off


@dataclass(frozen=True, slots=True)
class PdfLine:
    """One printed line: page from 1, text, letter size in points."""

    page: int
    text: str
    size: float


class PdfLoader:
    """``.pdf``."""

    suffixes: tuple[str, ...] = (".pdf",)

    def load(self, data: bytes, name: str) -> Iterator[Document | SourceError]:
        """One document, and an error that names the pages which are only pictures."""
        pdf = _opened(data, name)
        try:
            facts = {key: normalise(value).strip() for key, value in pdf.get_metadata_dict().items()}
            pages = [_page_lines(pdf, row + 1) for row in range(len(pdf))]
        finally:
            pdf.close()
        blank = [number for number, lines in enumerate(pages, 1) if not lines]
        if len(blank) == len(pages):
            raise _scanned(f"{name}: 글자가 없는 PDF입니다(스캔한 그림).")
        yield _document(pages, facts, name)
        if blank:
            shown = ", ".join(map(str, blank[:10])) + (" …" if len(blank) > 10 else "")
            yield _scanned(f"{name}: {shown}쪽에는 글자가 없습니다(그림이나 빈 쪽).")


def _scanned(message: str) -> SourceError:
    return SourceError(message, "그림이라면 문자 인식(OCR)을 한 PDF를 주세요.")


def _opened(data: bytes, name: str) -> PdfDocument:
    import pypdfium2

    if b"%PDF" not in data[:1024]:
        raise DecodeError(f"{name}: PDF가 아닙니다.", "확장자와 내용이 맞는지 확인해 주세요.")
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error) or "security" in str(error).lower():
            raise DecodeError(f"{name}: 암호가 걸린 PDF입니다.", "암호를 푼 파일을 주세요.") from None
        raise DecodeError(f"{name}: 깨졌거나 잘린 PDF입니다.", "원본을 다시 받아 주세요.") from None


def _page_lines(pdf: PdfDocument, number: int) -> list[PdfLine]:
    """Lines in reading order; a page that cannot be read has none."""
    import pypdfium2
    from pypdfium2 import raw

    try:
        text_page = pdf[number - 1].get_textpage()
        text = text_page.get_text_range()
    except pypdfium2.PdfiumError:
        return []
    found: list[PdfLine] = []
    position = 0
    for line in text.splitlines(keepends=True):
        clean = " ".join(normalise(line).split())
        if clean:
            middle = position + len(line.rstrip()) // 2
            found.append(PdfLine(number, clean, round(raw.FPDFText_GetFontSize(text_page.raw, middle), 1)))
        position += len(line)
    return found


def _document(pages: list[list[PdfLine]], facts: dict[str, str], name: str) -> Document:
    lines = [line for page in pages for line in page]
    _refuse_garbage("".join(line.text for line in lines), name)
    running = _running(pages)
    body = [line for line in lines if _shape(line) not in running]
    levels = _levels(body or lines)
    aside = dict.fromkeys(line.text for line in lines if _shape(line) in running)
    blocks = [*outlined(list(_blocks(body, levels))), Block("\n".join(aside), role=Role.ASIDE)]
    stated = facts.get("Title", "")
    largest = next((line.text for line in body if line.page == 1 and levels.get(line.size) == 1), "")
    title = stated if stated and not _MADE_UP.search(stated) else largest or opening(blocks)
    text, sections = laid_out(blocks, title, carry=True)
    return Document(
        id=name,
        title=title or PurePosixPath(name).stem,
        text=text,
        published=find_dateline([line.text for line in lines if line.page == 1]),
        sections=sections,
    )


def _refuse_garbage(text: str, name: str) -> None:
    private = sum("\ue000" <= char <= "\uf8ff" or char == "\ufffd" for char in text)
    if private > _PRIVATE_SHARE * len(text):
        raise DecodeError(
            f"{name}: 글꼴에 글자 정보가 없어 읽을 수 없는 PDF입니다.",
            "원본 문서나 문자 인식(OCR)을 한 PDF를 주세요.",
        )


def _shape(line: PdfLine) -> str:
    """A line without its numbers: what running titles and page numbers have in common."""
    return re.sub(r"\d+", "#", line.text)


def _running(pages: list[list[PdfLine]]) -> set[str]:
    """Shapes of lines that stand at the edge of most pages."""
    counts = Counter(
        shape
        for page in pages
        for shape in {_shape(line) for line in (*page[:_EDGE_LINES], *page[-_EDGE_LINES:])}
    )
    return {shape for shape, count in counts.items() if count >= 3 and count > 0.5 * len(pages)}


def _levels(lines: Sequence[PdfLine]) -> dict[float, int]:
    """Heading level from 1 by letter size; sizes near the text's own have none."""
    usual = median(line.size for line in lines for _ in line.text)
    larger = sorted({line.size for line in lines if line.size >= _HEADING_RATIO * usual}, reverse=True)
    return {size: min(level, 6) for level, size in enumerate(larger, 1)}


def _blocks(lines: Sequence[PdfLine], levels: dict[float, int]) -> Iterator[Block]:
    """Headings, and the paragraphs of each page."""
    words = Counter(word for line in lines for word in line.text.split())
    longest = max((len(line.text) for line in lines if line.size not in levels), default=0)
    held: list[PdfLine] = []
    for line in lines:
        is_heading = line.size in levels and len(line.text) <= _HEADING_MAX_CHARS
        if held and (is_heading or line.page != held[-1].page):
            yield from _paragraphs(held, words, longest)
            held = []
        if is_heading:
            yield Block(line.text, levels[line.size], f"{line.page}쪽")
        else:
            held.append(line)
    if held:
        yield from _paragraphs(held, words, longest)


def _paragraphs(lines: list[PdfLine], words: Counter[str], longest: int) -> Iterator[Block]:
    place = f"{lines[0].page}쪽"
    text, tight = lines[0].text, False
    for above, line in pairwise(lines):
        wrapped = len(above.text) >= _FULL_LINE * longest and not is_closed(above.text)
        if wrapped and (_TAIL.match(line.text) or not starts_item(line.text)):
            text += _seam(above.text, line.text, words) + line.text
        else:
            yield Block(text, place=place, tight=tight)
            text, tight = line.text, True
    yield Block(text, place=place, tight=tight)


def _seam(above: str, below: str, words: Counter[str]) -> str:
    """A space, or nothing where the line was broken inside a word that stands whole elsewhere."""
    left, right = above.rsplit(maxsplit=1)[-1], below.split(maxsplit=1)[0]
    whole = words[left + right]
    return "" if whole or _TAIL.match(f"{right} ") else " "
