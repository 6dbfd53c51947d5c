"""Formats with structure: blocks in reading order become one text and its sections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rag.load.fact import title_row
from rag.load.line import Line, mark_of
from rag.load.outline import heading_levels, heading_name
from rag.text import normalise
from rag.types import Role, Section, Span

_CELL_MAX_CHARS = 40  # longer cells are no column names
_SPAN_MAX = 1000  # rows that one cell is believed to span
_NUMBER = re.compile(r"[\d.,:%/()~\-\s₩$원건명개년월일]+")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list or table.

    Attributes:
        text: Not yet normalised.
        level: 0, or the depth of a heading, 1 for the highest.
        place: Where it stands ("3쪽", a sheet's name); it opens the section path.
        role: As of sections.
        name: What a heading calls its section, where that is not its text.
        tight: Whether it follows the block before on the next line, without a blank one.
    """

    text: str
    level: int = 0
    place: str = ""
    role: Role = Role.BODY
    name: str = ""
    tight: bool = False


def laid_out(
    blocks: Iterable[Block], title: str = "", *, carry: bool = False
) -> tuple[str, tuple[Section, ...]]:
    """Normalised text and sections; blank blocks are left out, and without any the text is empty.

    Args:
        blocks: In reading order.
        title: A heading that repeats it names no section.
        carry: Whether headings hold on into the next place, as over pages but not over slides.
    """
    parts: list[str] = []
    sections: list[Section] = []
    end = 0
    for block, heading in _headed(blocks, title, carry):
        parts.append(("\n" if block.tight else "\n\n") if parts else "")
        start = end + len(parts[-1])
        end = start + len(block.text)
        parts.append(block.text)
        last = sections[-1] if sections else None
        if last is not None and (last.heading, last.role) == (heading, block.role):
            start = sections.pop().span.start
        sections.append(Section(Span(start, end), block.role, heading))
    return "".join(parts), tuple(sections)


def _headed(blocks: Iterable[Block], title: str, carry: bool) -> Iterator[tuple[Block, str]]:
    """Blocks with normalised text, and each one's section path."""
    path: list[tuple[int, str]] = []
    place = ""
    for block in blocks:
        text = normalise(block.text)
        if not text.strip():
            continue
        if block.place != place:
            path, place = path if carry else [], block.place
        if block.level:
            name = " ".join((block.name or text).split())
            path = [(level, upper) for level, upper in path if level < block.level]
            path += [(block.level, name)] if name != title else []
        names = [normalise(place), *(name for _, name in path)]
        yield replace(block, text=text), " > ".join(name for name in names if name)


def outlined(blocks: Sequence[Block]) -> list[Block]:
    """The blocks; where none is a heading, those that look like one as lines of plain text."""
    blocks = [block for block in blocks if block.text.strip()]
    if any(block.level for block in blocks):
        return list(blocks)
    texts = [normalise(block.text).strip() for block in blocks]
    lines = [
        Line(Span(0, len(text) or 1), text, not block.tight, mark_of(text))
        for text, block in zip(texts, blocks, strict=True)
    ]
    rows = [row for row, block in enumerate(blocks) if block.role is Role.BODY and lines[row].text]
    levels = heading_levels(lines, rows, title_row(lines, 0, is_page=False) if lines else None, 0)
    return [
        replace(block, level=levels[row], name=heading_name(texts[row])) if levels.get(row) else block
        for row, block in enumerate(blocks)
    ]


def opening(blocks: Sequence[Block]) -> str:
    """The title that a text begins with, or empty."""
    texts = [normalise(block.text).strip() for block in blocks[:3] if block.text.strip()]
    lines = [Line(Span(0, len(text)), text, True, mark_of(text)) for text in texts if text]
    return lines[0].text if lines and title_row(lines, 0, is_page=False) is not None else ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell: row and column from 0, how many rows it spans, and its text."""

    row: int
    column: int
    rows: int
    text: str


def grid(cells: Iterable[Cell]) -> list[list[str]]:
    """Rows of a table; a cell over several rows stands in each of them."""
    placed: dict[int, dict[int, str]] = {}
    for cell in cells:
        for row in range(cell.row, cell.row + min(max(cell.rows, 1), _SPAN_MAX)):
            placed.setdefault(row, {}).setdefault(cell.column, cell.text)
    columns = sorted({column for row in placed.values() for column in row})
    return [[placed[row].get(column, "") for column in columns] for row in sorted(placed)]


def table_text(rows: Sequence[Sequence[str]], *, headed: bool | None = None) -> str:
    """A table as lines that can be read alone: "구분: 어른, 요금: 6,000원".

    Args:
        rows: Cells, left to right; rows may differ in length.
        headed: Whether the first row names the columns; ``None`` to judge by its looks. A table of two
            columns without such a row is read as name and value.
    """
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if len(cells) > 1 and (headed or (headed is None and _looks_headed(cells))):
        return "\n".join(_named(cells[0], row) for row in cells[1:])
    return "\n".join(_unnamed(row) for row in cells)


def _looks_headed(cells: list[list[str]]) -> bool:
    first = cells[0]
    if len(first) < 3 or not all(first) or len(set(first)) < len(first):
        return False
    return not any(_NUMBER.fullmatch(cell) or len(cell) > _CELL_MAX_CHARS for cell in first)


def _named(names: Sequence[str], row: Sequence[str]) -> str:
    padded = [*names, *[""] * (len(row) - len(names))]
    pairs = [f"{name}: {cell}" if name else cell for name, cell in zip(padded, row, strict=False) if cell]
    return ", ".join(pairs)


def _unnamed(row: Sequence[str]) -> str:
    filled = [cell for cell in row if cell]
    if len(filled) == 2 and len(filled[0]) <= _CELL_MAX_CHARS:
        return f"{filled[0]}: {filled[1]}"
    return " | ".join(filled)
