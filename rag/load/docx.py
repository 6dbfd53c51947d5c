"""Word documents, by python-docx: headings by style, lists, tables, notes, text boxes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rag.errors import SourceError
from rag.load.block import Block, laid_out, table_text
from rag.load.container import damaged, open_zip, parse_xml
from rag.load.fact import find_dateline
from rag.text import normalise
from rag.types import Document, Role

if TYPE_CHECKING:
    from docx.document import Document as DocxDocument
    from lxml.etree import _Element

_KIND = "docx 문서"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_HEADING = re.compile(r"(?:heading|제목|개요)\s?(\d)", re.IGNORECASE)
_TITLE = re.compile(r"(?:title|제목)", re.IGNORECASE)
_TEXT = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_NOTES = {"footnotes": "각주", "endnotes": "미주", "comments": "메모"}


class DocxLoader:
    """``.docx``."""

    suffixes: tuple[str, ...] = (".docx", ".docm")

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; see :class:`rag.protocols.Loader`."""
        word = _opened(data, name)
        blocks = [*_blocks(word, word.element.body), *_notes(word, name), *_margins(word)]
        title = normalise(word.core_properties.title or "").strip()
        named = next((block.text.strip() for block in blocks if block.level == 1), "")
        opening = next((block for block in blocks if block.text.strip()), None)
        if not named and opening is not None and opening.level:
            named = opening.text.strip()
        text, sections = laid_out(blocks, named or title)
        if not text:
            raise SourceError(f"{name}: 글이 없는 {_KIND}입니다.", "그림뿐이라면 글로 옮겨 주세요.")
        yield Document(
            id=name,
            title=normalise(named) or title or PurePosixPath(name).stem,
            text=text,
            published=find_dateline(text[:2000].split("\n")),
            sections=sections,
        )


def _opened(data: bytes, name: str) -> DocxDocument:
    import docx

    with open_zip(data, name, _KIND):
        try:
            return docx.Document(io.BytesIO(data))
        except Exception:  # whatever part of the package is missing or broken
            raise damaged(name, _KIND) from None


def _blocks(word: DocxDocument, parent: _Element) -> Iterator[Block]:
    """Paragraphs, tables and what content controls hold, in order; text boxes after their paragraph."""
    levels = {style.style_id: _level(style.name or "") for style in word.styles}
    for element in parent:
        if element.tag == f"{_W}p":
            style = element.find(f"{_W}pPr/{_W}pStyle")
            level = levels.get(style.get(f"{_W}val"), 0) if style is not None else 0
            listed = element.find(f"{_W}pPr/{_W}numPr") is not None
            words = _words(element)
            yield Block(f"- {words}" if listed and words.strip() and not level else words, level)
            for box in element.iter(f"{_W}txbxContent"):
                if not any(parent.tag == _FALLBACK for parent in box.iterancestors()):
                    yield from _blocks(word, box)
        elif element.tag == f"{_W}tbl":
            yield Block(_table(element))
        elif element.tag in {f"{_W}sdt", f"{_W}sdtContent"}:
            yield from _blocks(word, element)


def _level(style: str) -> int:
    heading = _HEADING.match(style)
    return int(heading.group(1)) + 1 if heading else 1 if _TITLE.fullmatch(style) else 0


def _words(element: _Element) -> str:
    """Text of a paragraph as it stands after all changes are accepted, without its text boxes."""
    parts: list[str] = []
    for child in element:
        if child.tag == f"{_W}t":
            parts.append(child.text or "")
        elif child.tag in _TEXT:
            parts.append(_TEXT[child.tag])
        elif child.tag not in {f"{_W}del", f"{_W}moveFrom", f"{_W}txbxContent", f"{_W}pPr", _FALLBACK}:
            parts.append(_words(child))
    return "".join(parts)


def _table(element: _Element) -> str:
    rows = list(element.iter(f"{_W}tr"))
    headed = bool(rows) and rows[0].find(f"{_W}trPr/{_W}tblHeader") is not None
    return table_text([list(_cells(row)) for row in rows], headed=headed or None)


def _cells(row: _Element) -> Iterator[str]:
    for cell in row.iterchildren(f"{_W}tc"):
        yield " ".join(_words(paragraph) for paragraph in cell.iter(f"{_W}p"))


def _notes(word: DocxDocument, name: str) -> Iterator[Block]:
    for part in word.part.package.iter_parts():
        kind = PurePosixPath(str(part.partname)).stem
        if kind in _NOTES and PurePosixPath(str(part.partname)).suffix == ".xml":
            root = parse_xml(part.blob, name)
            texts = (_words(paragraph).strip() for paragraph in root.iter(f"{_W}p"))
            yield Block("\n".join(text for text in texts if text), place=_NOTES[kind])


def _margins(word: DocxDocument) -> Iterator[Block]:
    """Headers and footers, each text once."""
    texts: dict[str, None] = {}
    for section in word.sections:
        for margin in (section.header, section.footer):
            if not margin.is_linked_to_previous:
                texts |= dict.fromkeys(_words(p).strip() for p in margin._element.iter(f"{_W}p"))
    yield Block("\n".join(text for text in texts if text), role=Role.ASIDE)
