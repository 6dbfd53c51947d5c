"""Documents and passages on disk: text once, passages as positions into it, both memory-mapped.

Files: ``text.utf8`` (all documents, end to end), ``documents.jsonl`` (metadata, sections, byte ranges)
and ``passages.npy`` (one 16-byte record each). A passage's text is always cut from its document's.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.types import Document, Passage, Role, Section, Span

TEXT = "text.utf8"
DOCUMENTS = "documents.jsonl"
PASSAGES = "passages.npy"

#: document row, section row inside the document, start and end code point.
PASSAGE_DTYPE = np.dtype([("document", "<u4"), ("section", "<u4"), ("start", "<u4"), ("end", "<u4")])

_CACHED_DOCUMENTS = 256


@dataclass(frozen=True, slots=True)
class _Entry:
    """A document without its text, and where its text lies."""

    document: Document
    offset: int
    length: int


class StoreWriter:
    """Appends documents with their passages to a new folder; :meth:`close` completes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._text = (folder / TEXT).open("wb")
        self._documents = (folder / DOCUMENTS).open("w", encoding="utf-8")
        self._passages: list[tuple[int, int, int, int]] = []
        self.document_count = 0

    @property
    def passage_count(self) -> int:
        """Passages added so far."""
        return len(self._passages)

    def add(self, document: Document, passages: Sequence[Passage]) -> None:
        """Append one document; its passages get the next rows, in order."""
        data = document.text.encode()
        record = asdict(replace(document, text=""))
        record |= {"offset": self._text.tell(), "length": len(data)}
        self._text.write(data)
        self._documents.write(json.dumps(record, ensure_ascii=False) + "\n")
        sections = document.sections
        for passage in passages:
            row = next((i for i, s in enumerate(sections) if s.span.contains(passage.span)), 0)
            self._passages.append((self.document_count, row, passage.span.start, passage.span.end))
        self.document_count += 1

    def close(self) -> None:
        """Flush everything to the folder."""
        self._text.close()
        self._documents.close()
        np.save(self._folder / PASSAGES, np.array(self._passages, PASSAGE_DTYPE))


def _section(record: dict[str, Any]) -> Section:
    return Section(**{**record, "span": Span(**record["span"]), "role": Role(record["role"])})


def _document(record: dict[str, Any]) -> Document:
    fields = {name: record[name] for name in Document.__dataclass_fields__}
    return Document(**{**fields, "sections": tuple(map(_section, record["sections"]))})


class Store:
    """Read side: documents by id, passages by row. Safe to use from several threads."""

    def __init__(
        self, entries: Sequence[_Entry], passages: NDArray[np.void], text: bytes | mmap.mmap
    ) -> None:
        self._entries = entries
        self._rows = {entry.document.id: row for row, entry in enumerate(entries)}
        self._passages = passages
        self._text = text
        self._document_text = lru_cache(maxsize=_CACHED_DOCUMENTS)(self._read_text)

    @classmethod
    def load(cls, folder: Path) -> Store:
        """Open what :class:`StoreWriter` closed.

        Raises:
            OSError, ValueError, KeyError, TypeError: The files are not such a store.
        """
        entries = []
        with (folder / DOCUMENTS).open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                entries.append(_Entry(_document(record), record["offset"], record["length"]))
        passages = np.load(folder / PASSAGES, mmap_mode="r", allow_pickle=False)
        with (folder / TEXT).open("rb") as stream:
            empty = (folder / TEXT).stat().st_size == 0
            text = b"" if empty else mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        if passages.dtype != PASSAGE_DTYPE:
            raise ValueError("passages.npy has another layout")
        return cls(entries, passages, text)

    @property
    def document_count(self) -> int:
        """Number of documents."""
        return len(self._entries)

    @property
    def passage_count(self) -> int:
        """Number of passages; rows are ``0 … passage_count - 1``."""
        return len(self._passages)

    def __contains__(self, document_id: str) -> bool:
        return document_id in self._rows

    def _read_text(self, row: int) -> str:
        entry = self._entries[row]
        return self._text[entry.offset : entry.offset + entry.length].decode()

    def document(self, document_id: str) -> Document:
        """The whole document, text included.

        Raises:
            KeyError: No such document.
        """
        row = self._rows[document_id]
        return replace(self._entries[row].document, text=self._document_text(row))

    def outlines(self) -> Iterator[Document]:
        """All documents without their text, in index order; cheap."""
        return (entry.document for entry in self._entries)

    def roles(self) -> NDArray[np.bool_]:
        """``(passage_count,)``: whether each passage is aside from its page's article."""
        aside = [
            [section.role is Role.ASIDE for section in entry.document.sections] or [False]
            for entry in self._entries
        ]
        return np.fromiter(
            (aside[p["document"]][p["section"]] for p in self._passages), np.bool_, len(self._passages)
        )

    def inside(self, document_ids: Collection[str]) -> NDArray[np.bool_]:
        """``(passage_count,)``: whether each passage stands in one of these documents."""
        chosen = [self._rows[name] for name in document_ids if name in self._rows]
        return np.isin(self._passages["document"], chosen)

    def passage(self, row: int) -> Passage:
        """The passage at ``row``, text cut from its document."""
        document_row, section_row, start, end = (int(value) for value in self._passages[row])
        document = self._entries[document_row].document
        section = document.sections[section_row] if document.sections else None
        text = self._document_text(document_row)[start:end]
        return Passage.cut(document, section, Span(start, end), text)
