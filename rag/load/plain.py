"""Plain text, and pages copied from a browser into plain text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rag.load.decode import read_text
from rag.load.page import parse
from rag.types import Document


class PlainLoader:
    """``.txt``."""

    suffixes: tuple[str, ...] = (".txt", ".text")

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; see :class:`rag.protocols.Loader`."""
        text = read_text(data, name)
        page = parse(text)
        yield Document(
            id=name,
            title=page.title or PurePosixPath(name).stem,
            text=text,
            published=page.published,
            publisher=page.publisher,
            sections=page.sections,
        )
