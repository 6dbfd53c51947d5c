"""Presentations, by python-pptx: each slide under its number and title, with tables and notes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rag.errors import SourceError
from rag.load.block import Block, laid_out, table_text
from rag.load.container import damaged, open_zip
from rag.text import normalise
from rag.types import Document

if TYPE_CHECKING:
    from pptx.presentation import Presentation
    from pptx.shapes.base import BaseShape
    from pptx.shapes.graphfrm import GraphicFrame
    from pptx.slide import Slide

_KIND = "pptx 발표 자료"


class PptxLoader:
    """``.pptx``."""

    suffixes: tuple[str, ...] = (".pptx", ".pptm")

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; see :class:`rag.protocols.Loader`."""
        show = _opened(data, name)
        blocks = [block for number, slide in enumerate(show.slides, 1) for block in _slide(slide, number)]
        named = normalise(next((block.text for block in blocks if block.level), ""))
        title = " ".join((show.core_properties.title or "").split())
        title = (
            named.replace("\n", " ")
            if title in {"", "PowerPoint Presentation", "PowerPoint 프레젠테이션"}
            else title
        )
        text, sections = laid_out(blocks)
        if not text:
            raise SourceError(f"{name}: 글이 없는 {_KIND}입니다.", "그림뿐이라면 글로 옮겨 주세요.")
        yield Document(
            id=name, title=normalise(title) or PurePosixPath(name).stem, text=text, sections=sections
        )


def _opened(data: bytes, name: str) -> Presentation:
    import pptx

    with open_zip(data, name, _KIND):
        try:
            return pptx.Presentation(io.BytesIO(data))
        except Exception:  # whatever part of the package is missing or broken
            raise damaged(name, _KIND) from None


def _slide(slide: Slide, number: int) -> Iterator[Block]:
    place = f"슬라이드 {number}"
    title = slide.shapes.title
    if title is not None:
        yield Block(_lines(title.text_frame.text), 1, place)
    others = [shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id]
    for text in _texts(others):
        yield Block(text, place=place)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text
        if notes.strip():
            yield Block(f"발표 메모: {_lines(notes)}", place=place)


def _texts(shapes: Iterable[BaseShape]) -> Iterator[str]:
    """Text of shapes from top to bottom, then left to right; groups from inside."""
    from pptx.shapes.autoshape import Shape
    from pptx.shapes.graphfrm import GraphicFrame
    from pptx.shapes.group import GroupShape

    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if isinstance(shape, GroupShape):
            yield from _texts(shape.shapes)
        elif isinstance(shape, GraphicFrame) and shape.has_table:
            rows = [[cell.text for cell in row.cells] for row in shape.table.rows]
            yield table_text(rows, headed=shape.table.first_row or None)
        elif isinstance(shape, GraphicFrame) and shape.has_chart:
            yield _chart(shape)
        elif isinstance(shape, Shape):
            yield _lines(shape.text_frame.text)


def _chart(shape: GraphicFrame) -> str:
    """A chart as the table behind it."""
    chart = shape.chart
    lines = (
        [chart.chart_title.text_frame.text] if chart.has_title and chart.chart_title.has_text_frame else []
    )
    for plot in chart.plots:
        names = [str(category) for category in plot.categories]
        for series in plot.series:
            pairs = ", ".join(f"{name}: {value}" for name, value in zip(names, series.values, strict=False))
            lines.append(f"{series.name} — {pairs}")
    return "\n".join(lines)


def _lines(text: str) -> str:
    return text.replace("\v", "\n")
