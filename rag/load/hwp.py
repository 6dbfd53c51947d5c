"""Hangul 5 documents (HWP), by olefile and the published record format: paragraphs, tables, notes, boxes.

Source: 한글 문서 파일 구조 5.0, revision 1.3 (Hancom). Offsets are bytes, integers little-endian.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from rag.errors import DecodeError, SourceError
from rag.load.block import Block, Cell, grid, table_text
from rag.load.container import OLE_MAGIC, damaged, locked, open_ole
from rag.load.decode import kind_of
from rag.load.hangul import assembled, heading_level
from rag.types import Document, Role

if TYPE_CHECKING:
    from olefile import OleFileIO  # type: ignore[import-untyped]  # ships no types

_KIND = "hwp 문서"
_SIGNATURE = b"HWP Document File"
_COMPRESSED, _PASSWORD, _DISTRIBUTED, _DRM = 1, 2, 4, 16  # bits of the properties at offset 36
_STYLE, _PARA_HEADER, _PARA_TEXT, _CTRL_HEADER, _LIST_HEADER, _TABLE, _EQUATION = 26, 66, 67, 71, 72, 77, 88
_MAX_BYTES = 2**26  # of all streams together, unpacked
_MAX_RECORDS = 1_000_000  # of all sections: each costs hundreds of bytes of memory, however empty
_MAX_DEPTH = 60
_SINGLE = {0: "", 10: "\n", 13: "", 24: "-", 30: " ", 31: " "}  # control characters of one code unit
_TAB = 9
_CELL_PLACE = 8  # of column, row, and the columns and rows spanned, in the list header of a table's cell
_NOTES = {b"fn  ": "각주", b"en  ": "미주", b"tcmt": "숨은 설명"}
_MARGINS = {b"head", b"foot"}


@dataclass(slots=True)
class _Record:
    """A record and those one level below it."""

    tag: int
    data: bytes
    children: list[_Record] = field(default_factory=list)


class HwpLoader:
    """``.hwp``."""

    suffixes: tuple[str, ...] = (".hwp",)

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; see :class:`rag.protocols.Loader`."""
        if not data.startswith(OLE_MAGIC):
            kind = kind_of(data) or "다른 형식"
            raise DecodeError(
                f"{name}: {_KIND}가 아니라 {kind}입니다.", "한글 2002 이후의 hwp나 hwpx로 저장해 주세요."
            )
        with open_ole(data, name, _KIND) as ole:
            compressed = _checked(ole, name)
            entries = ["DocInfo", *(f"BodyText/{entry}" for entry in _entries(ole))]
            info, *sections = _streams(ole, entries, name, compressed)
            title = _title(ole)
        if any(True for _ in islice(chain.from_iterable(map(_records, sections)), _MAX_RECORDS, None)):
            raise SourceError(f"{name}: 기록이 {_MAX_RECORDS:,}개를 넘습니다.", "문서를 나누어 주세요.")
        styles = _styles(info)
        notes: list[Block] = []
        blocks = [block for section in sections for block in _list(_tree(section).children, styles, notes, 0)]
        yield assembled([*blocks, *notes], title, name, _KIND)


def _checked(ole: OleFileIO, name: str) -> bool:
    """Whether the streams are compressed.

    Raises:
        DecodeError: Not a Hangul document, or one that may not be read.
    """
    if not ole.exists("FileHeader"):
        raise damaged(name, _KIND)
    header = _raw(ole, "FileHeader", name)
    if not header.startswith(_SIGNATURE) or len(header) < 40:
        raise damaged(name, _KIND)
    flags = struct.unpack_from("<I", header, 36)[0]
    if flags & (_PASSWORD | _DRM):
        raise locked(name, _KIND)
    if flags & _DISTRIBUTED:
        raise DecodeError(f"{name}: 배포용으로 잠근 {_KIND}입니다.", "일반 문서로 저장한 파일을 주세요.")
    return bool(flags & _COMPRESSED)


def _raw(ole: OleFileIO, entry: str, name: str) -> bytes:
    try:
        return bytes(ole.openstream(entry).read())
    except Exception:  # olefile raises what its structures happen to break
        raise damaged(name, _KIND) from None


def _streams(ole: OleFileIO, entries: list[str], name: str, compressed: bool) -> list[bytes]:
    """Streams, unpacked (raw deflate); empty where there is none.

    Raises:
        SourceError: Damaged, or together larger than the limit.
    """
    made: list[bytes] = []
    room = _MAX_BYTES
    for entry in entries:
        data = _raw(ole, entry, name) if ole.exists(entry) else b""
        try:
            data = zlib.decompressobj(-15).decompress(data, room + 1) if compressed else data
        except zlib.error:
            raise damaged(name, _KIND) from None
        room -= len(data)
        if room < 0:
            raise SourceError(f"{name}: 압축을 풀면 너무 큽니다.", "문서를 나누어 주세요.")
        made.append(data)
    return made


def _entries(ole: OleFileIO) -> list[str]:
    """Names of the body's sections, in order."""
    found = [path[1] for path in ole.listdir() if len(path) == 2 and path[0] == "BodyText"]
    numbered = [
        (int(match.group(1)), entry) for entry in found if (match := re.fullmatch(r"Section(\d+)", entry))
    ]
    return [entry for _, entry in sorted(numbered)]


def _title(ole: OleFileIO) -> str:
    """Title of the summary, property 2."""
    try:
        return str(ole.getproperties("\x05HwpSummaryInformation").get(2) or "")
    except Exception:  # a damaged summary does no harm
        return ""


def _records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """``(tag, level, data)``: tag in bits 0-9 of the header, level in 10-19, size in 20-31 or behind."""
    position = 0
    while position + 4 <= len(data):
        header = struct.unpack_from("<I", data, position)[0]
        position += 4
        size = header >> 20
        if size == 0xFFF and position + 4 <= len(data):
            size = struct.unpack_from("<I", data, position)[0]
            position += 4
        yield header & 0x3FF, header >> 10 & 0x3FF, data[position : position + size]
        position += size


def _tree(data: bytes) -> _Record:
    root = _Record(0, b"")
    path = [root]
    for tag, level, content in _records(data):
        record = _Record(tag, content)
        del path[min(level, len(path) - 1) + 1 :]
        path[-1].children.append(record)
        path.append(record)
    return root


def _styles(data: bytes) -> list[str]:
    """Names of the styles, by id."""
    return [_string(content) for tag, _, content in _records(data) if tag == _STYLE]


def _string(data: bytes) -> str:
    """A counted UTF-16 string at the start of ``data``."""
    count = struct.unpack_from("<H", data)[0] if len(data) >= 2 else 0
    return data[2 : 2 + 2 * count].decode("utf-16-le", "replace")


def _list(records: list[_Record], styles: list[str], notes: list[Block], depth: int) -> Iterator[Block]:
    """The paragraphs among records of one level; each one's controls are below it."""
    for record in records:
        if record.tag == _PARA_HEADER and depth <= _MAX_DEPTH:
            text = _text(record)
            style = record.data[10] if len(record.data) > 10 else 0
            yield Block(text, heading_level(styles[style] if style < len(styles) else "", text))
            for control in record.children:
                if control.tag == _CTRL_HEADER:
                    yield from _control(control, styles, notes, depth + 1)


def _text(paragraph: _Record) -> str:
    return "".join(_characters(child.data) for child in paragraph.children if child.tag == _PARA_TEXT)


def _characters(data: bytes) -> str:
    """Text of a paragraph: control characters are one code unit long, or eight with their data."""
    units = struct.unpack(f"<{len(data) // 2}H", data[: len(data) // 2 * 2])
    parts: list[bytes] = []
    position = 0
    while position < len(units):
        unit = units[position]
        if unit >= 32:
            parts.append(struct.pack("<H", unit))
            position += 1
        elif unit in _SINGLE or 25 <= unit <= 29:
            parts.append(_SINGLE.get(unit, "").encode("utf-16-le"))
            position += 1
        else:
            parts.append(b"\t\0" if unit == _TAB else b"")
            position += 8
    return b"".join(parts).decode("utf-16-le", "replace")


def _control(control: _Record, styles: list[str], notes: list[Block], depth: int) -> Iterator[Block]:
    """What hangs on a paragraph: a table, a text box, an equation; notes and margins go to ``notes``."""
    if depth > _MAX_DEPTH:
        return
    kind = control.data[3::-1] if len(control.data) >= 4 else b""
    if kind == b"tbl ":
        yield from _table(control, styles, notes, depth)
    elif kind in _NOTES:
        notes.append(Block(_flat(control, styles, depth), place=_NOTES[kind]))
    elif kind in _MARGINS:
        notes.append(Block(_flat(control, styles, depth), role=Role.ASIDE))
    else:
        for record in control.children:
            if record.tag == _EQUATION:
                yield Block(_string(record.data[4:]))
            elif record.tag != _PARA_HEADER:
                yield from _control(_Record(0, b"", record.children), styles, notes, depth + 1)
        yield from _list(control.children, styles, notes, depth)


def _flat(control: _Record, styles: list[str], depth: int) -> str:
    texts = (block.text.strip() for block in _list(control.children, styles, [], depth))
    return "\n".join(text for text in texts if text)


def _table(control: _Record, styles: list[str], notes: list[Block], depth: int) -> Iterator[Block]:
    """A table: its caption's paragraphs, then its cells by row. A list header opens each of them."""
    cells: list[Cell] = []
    caption: list[str] = []
    has_begun = False
    for record in control.children:
        if record.tag == _TABLE:
            has_begun = True
        elif record.tag == _LIST_HEADER and has_begun and len(record.data) >= _CELL_PLACE + 8:
            column, row, _, rows = struct.unpack_from("<4H", record.data, _CELL_PLACE)
            cells.append(Cell(row, column, rows, ""))
        elif record.tag == _PARA_HEADER:
            text = " ".join(block.text for block in _list([record], styles, notes, depth))
            if cells:
                cells[-1] = replace(cells[-1], text=f"{cells[-1].text} {text}")
            else:
                caption.append(text)
    yield Block("\n".join(text for text in caption if text.strip()))
    yield Block(table_text(grid(cells)))
