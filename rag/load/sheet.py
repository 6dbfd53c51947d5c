"""Workbooks by openpyxl, and comma-separated values: every row is a line that can be read alone."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import PurePosixPath

from rag.errors import SourceError
from rag.load.block import Block, laid_out, table_text
from rag.load.container import damaged, open_zip
from rag.load.decode import decode
from rag.text import normalise
from rag.types import Document

_KIND = "xlsx 표"
_MAX_CELLS = 5_000_000
_NAME_MAX_CHARS = 40
_UNIT = r"(?:[%℃㎡㎏㎞]|[천만억조]*[원명개건회]?|km|kg|m|cm)"
_AMOUNT = re.compile(rf"[-+₩$(]?\d[\d,.]*\)?\s?{_UNIT}|\d{{4}}-\d\d-\d\d.*")


class XlsxLoader:
    """``.xlsx``."""

    suffixes: tuple[str, ...] = (".xlsx", ".xlsm")

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document, a section a sheet; see :class:`rag.protocols.Loader`."""
        import openpyxl  # type: ignore[import-untyped]  # ships no types

        blocks: list[Block] = []
        with open_zip(data, name, _KIND), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that openpyxl leaves out
            try:
                book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
                title = normalise(book.properties.title or "").strip()
                blocks += [
                    Block(_sheet(s.iter_rows(values_only=True), name), place=s.title) for s in book.worksheets
                ]
                book.close()
            except SourceError:
                raise
            except Exception:  # whatever part of the package is missing or broken
                raise damaged(name, _KIND) from None
        yield _document(blocks, title, name)


class CsvLoader:
    """``.csv`` and ``.tsv``."""

    suffixes: tuple[str, ...] = (".csv", ".tsv")

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; the first row that looks like column names gives them to the others."""
        text = decode(data, name)
        try:
            csv.field_size_limit(max(csv.field_size_limit(), len(text)))
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=_mark(text, name))
            rows = [[normalise(cell) for cell in row] for row in reader]
        except csv.Error:
            raise damaged(name, "csv 표") from None
        yield _document([Block(_table(rows))], "", name)


def _document(blocks: Sequence[Block], title: str, name: str) -> Document:
    text, sections = laid_out(blocks)
    if not text:
        raise SourceError(f"{name}: 빈 표입니다.", "값이 있는 표를 주세요.")
    return Document(id=name, title=title or PurePosixPath(name).stem, text=text, sections=sections)


def _sheet(rows: Iterable[Sequence[object]], name: str) -> str:
    made: list[list[str]] = []
    count = 0
    for row in rows:
        cells = [_cell(value) for value in row]
        count += len(cells)
        if count > _MAX_CELLS:
            raise SourceError(f"{name}: 칸이 {_MAX_CELLS:,}개를 넘습니다.", "표를 나누어 주세요.")
        if any(cells):
            made.append(cells)
    return _table(made)


def _cell(value: object) -> str:
    """A value as a person reads it: no midnight after dates, no ".0" after whole numbers."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d" if value.time() == time() else "%Y-%m-%d %H:%M")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    return "" if value is None else normalise(str(value)).strip()


def _table(rows: list[list[str]]) -> str:
    """Rows above the column names (a caption, a unit) come first, as they are."""
    width = max((sum(map(bool, row)) for row in rows), default=0)
    start = 0
    while start < min(len(rows), 5) and sum(map(bool, rows[start])) < max(2, width // 2 + 1):
        start += 1
    if start == len(rows):
        start = 0
    caption = "\n".join(" ".join(cell for cell in row if cell) for row in rows[:start])
    body = _filled(rows[start:])
    headed = True if body and _names(body[0]) and _counts(body[1:]) else None
    return "\n".join(part for part in (caption, table_text(body, headed=headed)) if part)


def _filled(rows: list[list[str]]) -> list[list[str]]:
    """Empty columns at the edges left out."""
    used = [
        any(row[column] for row in rows if column < len(row))
        for column in range(max(map(len, rows), default=0))
    ]
    return [[cell for cell, keep in zip(row, used, strict=False) if keep] for row in rows]


def _names(row: Sequence[str]) -> bool:
    """Whether a row could name columns: short texts, all different, none an amount."""
    filled = [cell for cell in row if cell]
    short = all(len(cell) <= _NAME_MAX_CHARS and not _AMOUNT.fullmatch(cell) for cell in filled)
    return len(filled) > 1 and short and len(set(filled)) == len(filled)


def _counts(rows: Sequence[Sequence[str]]) -> bool:
    """Whether each row holds an amount in one and the same column."""
    columns = zip(*rows, strict=False)
    return bool(rows) and any(all(_AMOUNT.fullmatch(cell) for cell in column) for column in columns)


def _mark(text: str, name: str) -> str:
    """The character between values: the most frequent candidate of the first line."""
    line = text.lstrip().partition("\n")[0]
    return "\t" if name.lower().endswith(".tsv") else max(",;\t|", key=line.count)
