"""What both kinds of Hangul document (HWP 5, HWPX) share: style names, and blocks to a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from rag.errors import SourceError
from rag.load.block import Block, laid_out, opening, outlined
from rag.load.fact import find_dateline
from rag.load.line import is_closed
from rag.text import normalise
from rag.types import Document

_OUTLINE = re.compile(r"(?:개요|제목|Outline|Heading)\s?(\d{1,2})", re.IGNORECASE)
_HEADING_MAX_CHARS = 80
_HEAD_CHARS = 2000


def heading_level(style: str, text: str) -> int:
    """Depth of a heading by its style ("개요 2"), 0 for other styles and for whole sentences."""
    match = _OUTLINE.match(style)
    if match is None or len(text) > _HEADING_MAX_CHARS or is_closed(text.strip()):
        return 0
    return min(int(match.group(1)), 6)


def assembled(blocks: Sequence[Block], stated: str, name: str, kind: str) -> Document:
    """One document of all blocks; the title is what the text begins with, else the stated one.

    Raises:
        SourceError: There is no text.
    """
    structured = outlined(blocks)
    title = opening(structured) or " ".join(normalise(stated).split())
    text, sections = laid_out(structured, title)
    if not text:
        raise SourceError(f"{name}: 글이 없는 {kind}입니다.", "그림뿐이라면 글로 옮겨 주세요.")
    return Document(
        id=name,
        title=title or PurePosixPath(name).stem,
        text=text,
        published=find_dateline(text[:_HEAD_CHARS].split("\n")),
        sections=sections,
    )
