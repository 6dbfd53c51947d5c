"""Hangul documents in XML (HWPX, OWPML of KS X 6101): paragraphs, tables, notes, text boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from zipfile import ZipFile

from rag.errors import SourceError
from rag.load.block import Block, Cell, grid, table_text
from rag.load.container import damaged, locked, open_zip, parse_xml, read_entry
from rag.load.hangul import assembled, heading_level
from rag.types import Document, Role

if TYPE_CHECKING:
    from lxml.etree import _Element

_KIND = "hwpx 문서"
_SECTION = re.compile(r"Contents/section(\d+)\.xml", re.IGNORECASE)
_NOTES = {"footNote": "각주", "endNote": "미주", "hiddenComment": "숨은 설명"}
_MARGINS = {"header", "footer"}
_BREAKS = {"lineBreak": "\n", "tab": "\t", "nbSpace": " ", "fwSpace": " ", "hyphen": "-"}
_MAX_DEPTH = 60  # of tables in tables


class HwpxLoader:
    """``.hwpx``."""

    suffixes: tuple[str, ...] = (".hwpx",)

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; see :class:`rag.protocols.Loader`."""
        with open_zip(data, name, _KIND) as archive:
            if b"encryption-data" in read_entry(archive, "META-INF/manifest.xml", name):
                raise locked(name, _KIND)
            blocks = list(_blocks(archive, name))
            title = _title(archive, name)
        yield assembled(blocks, title, name, _KIND)


def _tag(element: _Element) -> str:
    """Local name; the namespaces carry the year of the standard."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _blocks(archive: ZipFile, name: str) -> Iterator[Block]:
    found = [
        (int(match.group(1)), entry) for entry in archive.namelist() if (match := _SECTION.fullmatch(entry))
    ]
    if not found:
        raise damaged(name, _KIND)
    styles = _styles(archive, name)
    notes: list[Block] = []
    for _, entry in sorted(found):
        root = parse_xml(read_entry(archive, entry, name), name)
        for paragraph in root:
            if _tag(paragraph) == "p":
                yield from _paragraph(paragraph, styles, notes, 0)
    yield from notes


def _styles(archive: ZipFile, name: str) -> dict[str, str]:
    header = read_entry(archive, "Contents/header.xml", name)
    if not header:
        return {}
    return {
        element.get("id", ""): element.get("name", "")
        for element in parse_xml(header, name).iter()
        if _tag(element) == "style"
    }


def _title(archive: ZipFile, name: str) -> str:
    package = read_entry(archive, "Contents/content.hpf", name)
    if not package:
        return ""
    return next((e.text or "" for e in parse_xml(package, name).iter() if _tag(e) == "title"), "")


def _paragraph(element: _Element, styles: dict[str, str], notes: list[Block], depth: int) -> Iterator[Block]:
    """The paragraph's own text, then the tables and boxes that hang on it; notes go to ``notes``."""
    if depth > _MAX_DEPTH:
        raise SourceError("표가 너무 깊이 겹쳐 있습니다.", "문서를 나누어 주세요.")
    text = _own_text(element)
    yield Block(text, heading_level(styles.get(element.get("styleIDRef", ""), ""), text))
    for child in _hanging(element):
        kind = _tag(child)
        if kind == "tbl":
            yield from _caption(child)
            yield Block(_table(child))
        elif kind in _NOTES:
            notes.append(Block(_flat(child), place=_NOTES[kind]))
        elif kind in _MARGINS:
            notes.append(Block(_flat(child), role=Role.ASIDE))
        else:  # drawText: a text box is read as the paragraphs it holds
            for paragraph in child.iter():
                if _tag(paragraph) == "p" and _owner(paragraph) is child:
                    yield from _paragraph(paragraph, styles, notes, depth + 1)


def _own_text(element: _Element) -> str:
    """Text of the runs of a paragraph, without what hangs on it."""
    parts: list[str] = []
    for run in element:
        for child in run if _tag(run) == "run" else ():
            if _tag(child) == "t":
                parts.append(child.text or "")
                for mark in child:
                    parts += [_BREAKS.get(_tag(mark), ""), _marked(mark), mark.tail or ""]
            elif _tag(child) == "equation":
                parts += [part.text or "" for part in child.iter() if _tag(part) == "script"]
    return "".join(parts)


def _marked(mark: _Element) -> str:
    """Text inside a mark that is kept: an insertion; what a deletion or an entity holds is gone."""
    return "".join(mark.itertext()) if _tag(mark) not in {"", "deleteBegin"} else ""


def _hanging(element: _Element) -> Iterator[_Element]:
    """Tables, text boxes, notes and margins of a paragraph, in order, none inside another."""
    for child in element:
        kind = _tag(child)
        if kind in {"tbl", "drawText", *_NOTES, *_MARGINS}:
            yield child
        elif kind not in {"p", "t", "secPr", "linesegarray"}:
            yield from _hanging(child)


def _owner(paragraph: _Element) -> _Element | None:
    """The nearest table, box, note or margin around a paragraph."""
    kinds = {"tbl", "drawText", *_NOTES, *_MARGINS}
    return next((parent for parent in paragraph.iterancestors() if _tag(parent) in kinds), None)


def _flat(element: _Element) -> str:
    texts = (_own_text(paragraph).strip() for paragraph in element.iter() if _tag(paragraph) == "p")
    return "\n".join(text for text in texts if text)


def _caption(table: _Element) -> Iterator[Block]:
    yield from (Block(_flat(child)) for child in table if _tag(child) == "caption")


def _table(table: _Element) -> str:
    """Cells by row; what tables inside cells hold is part of the cell."""
    rows = [row for row in table if _tag(row) == "tr"]
    cells = [
        _cell(cell, row, column)
        for row, element in enumerate(rows)
        for column, cell in enumerate(child for child in element if _tag(child) == "tc")
    ]
    return table_text(grid(cells))


def _cell(cell: _Element, row: int, column: int) -> Cell:
    """A cell by its stated address, else by its place in the file."""
    facts = {_tag(child): child for child in cell}
    address, span = facts.get("cellAddr"), facts.get("cellSpan")
    if address is not None:
        row, column = _number(address, "rowAddr", row), _number(address, "colAddr", column)
    return Cell(row, column, _number(span, "rowSpan", 1) if span is not None else 1, _flat(cell))


def _number(element: _Element, key: str, default: int) -> int:
    value = element.get(key, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else default
