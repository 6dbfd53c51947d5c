"""Formats with structure: blocks in reading order become one text and its sections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.text import normalise
from rag.types import Role, Section, Span

_CELL_MAX_CHARS = 40  # longer cells are no column names
_NUMBER = re.compile(r"[\d.,:%/()~\-\s₩$원건명개년월일]+")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list or table; ``level`` is 0, or the depth of a heading, 1 for the highest.

    ``place`` is where it stands ("3쪽", "시트 '요금'"); it opens the section path.
    """

    text: str
    level: int = 0
    place: str = ""
    role: Role = Role.BODY


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
    end = -2  # of the text so far, if two line ends stood before it
    for block, heading in _headed(blocks, title, carry):
        start, end = end + 2, end + 2 + len(block.text)
        parts.append(block.text)
        last = sections[-1] if sections else None
        if last is not None and (last.heading, last.role) == (heading, block.role):
            start = sections.pop().span.start
        sections.append(Section(Span(start, end), block.role, heading))
    return "\n\n".join(parts), tuple(sections)


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
            name = " ".join(text.split())
            path = [(level, upper) for level, upper in path if level < block.level]
            path += [(block.level, name)] if name != title else []
        names = [normalise(place), *(name for _, name in path)]
        yield Block(text, block.level, place, block.role), " > ".join(name for name in names if name)


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
