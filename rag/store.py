"""Documents and passages on disk: text once, passages as positions into it, both memory-mapped.

Files: ``text.utf8`` (all documents, end to end), ``documents.jsonl`` and ``sections.jsonl`` (metadata and
sections, a line each), ``documents.npy`` (where each document's lines, text and passages end),
``passages.npy`` (one 16-byte record each), ``aside.npy`` (whether it is aside from its page's article) and
the ids in order. All are mapped, and a line is read when its document is wanted, so that opening costs
nothing however many there are. A passage's text is always cut from its document's.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.array import load_array, new_array
from rag.errors import UnknownSourceError
from rag.growing import GrowingArray
from rag.lexicon import Lexicon, LexiconWriter
from rag.types import Document, Filter, Passage, Role, Section, Span

TEXT = "text.utf8"
DOCUMENTS = "documents.jsonl"
SECTIONS = "sections.jsonl"
ENDS = "documents.npy"
PASSAGES = "passages.npy"
ASIDE = "aside.npy"
IDS = "ids"
ID_ROWS = "id_rows.npy"

#: document row, section row inside the document, start and end code point.
PASSAGE_DTYPE = np.dtype([("document", "<u4"), ("section", "<u4"), ("start", "<u4"), ("end", "<u4")])

#: Where a document's lines, text (bytes) and passages (rows) end; each begins where the one before ends.
ENDS_DTYPE = np.dtype([("line", "<u8"), ("sections", "<u8"), ("text", "<u8"), ("passages", "<u4")])

_BLOCK = 65_536
_CACHED_DOCUMENTS = 256
_CACHED_FILTERS = 16

#: ``document:start-end``; the digits bounded, for numbers of any length are costly to read.
_CITED = re.compile(r"(.+):([0-9]{1,12}-[0-9]{1,12})", re.DOTALL)
#: Documents named where one is not found.
_NEAR = 5


class StoreWriter:
    """Appends documents with their passages to a new folder; :meth:`close` completes it.

    Memory does not grow with them. Ids must differ.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._text = (folder / TEXT).open("wb")
        self._lines = (folder / DOCUMENTS).open("wb")
        self._sections = (folder / SECTIONS).open("wb")
        self._ends = GrowingArray(folder / ENDS, ENDS_DTYPE)
        self._passages = GrowingArray(folder / PASSAGES, PASSAGE_DTYPE)
        self._aside = GrowingArray(folder / ASIDE, np.dtype(np.bool_))
        self._ids = LexiconWriter(folder, IDS)

    @property
    def document_count(self) -> int:
        """Documents added so far."""
        return self._ends.count

    @property
    def passage_count(self) -> int:
        """Passages added so far."""
        return self._passages.count

    def add(self, document: Document, passages: Sequence[Passage]) -> None:
        """Append one document; its passages get the next rows, in order."""
        sections = document.sections
        rows = []
        for passage in passages:
            row = next((i for i, s in enumerate(sections) if s.span.contains(passage.span)), 0)
            rows.append((self.document_count, row, passage.span.start, passage.span.end))
        self._passages.append(np.array(rows, PASSAGE_DTYPE))
        self._aside.append([bool(sections) and sections[row[1]].role is Role.ASIDE for row in rows])
        self._text.write(document.text.encode())
        self._lines.write(_line(asdict(replace(document, text="", sections=()))))
        self._sections.write(_line([asdict(section) for section in sections]))
        ends = (self._lines.tell(), self._sections.tell(), self._text.tell(), self.passage_count)
        self._ends.append(np.array([ends], ENDS_DTYPE))
        self._ids.add(document.id)

    def close(self) -> None:
        """Flush everything to the folder.

        Raises:
            ValueError: Two documents had one id.
        """
        for stream in (self._text, self._lines, self._sections, self._ends, self._passages, self._aside):
            stream.close()
        places = self._ids.close()
        if len(Lexicon.load(self._folder, IDS)) != self.document_count:
            raise ValueError("two documents have the same id")
        rows = new_array(self._folder / ID_ROWS, np.uint32, len(places))
        for first in range(0, len(places), _BLOCK):
            block = places[first : first + _BLOCK]
            rows[block] = np.arange(first, first + len(block), dtype=np.uint32)


def _mapped(path: Path) -> bytes | mmap.mmap:
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def _line(record: object) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _section(record: dict[str, Any]) -> Section:
    return Section(**{**record, "span": Span(**record["span"]), "role": Role(record["role"])})


def _document(record: dict[str, Any]) -> Document:
    fields = {name: record[name] for name in Document.__dataclass_fields__}
    return Document(**{**fields, "sections": (), "tags": tuple(record["tags"])})


class Store:
    """Read side: documents by id, passages by row. Safe to use from several threads.

    Args:
        folder: What a :class:`StoreWriter` closed.

    Raises:
        OSError, ValueError: The files are not such a store.
    """

    def __init__(self, folder: Path) -> None:
        arrays = (ENDS, PASSAGES, ASIDE, ID_ROWS)
        ends, passages, aside, id_rows = (load_array(folder / name, "r") for name in arrays)
        if (ends.dtype, passages.dtype) != (ENDS_DTYPE, PASSAGE_DTYPE):
            raise ValueError(f"{ENDS} or {PASSAGES} has another layout")
        self._ids = Lexicon.load(folder, IDS)
        files = (_mapped(folder / name) for name in (DOCUMENTS, SECTIONS, TEXT))
        self._lines, self._sections, self._text = files
        counts = (len(self._lines), len(self._sections), len(self._text), len(passages))
        if not len(ends) == len(id_rows) == len(self._ids) or len(aside) != len(passages):
            raise ValueError("the files of the store do not fit together")
        if (tuple(ends[-1].tolist()) if len(ends) else (0, 0, 0, 0)) != counts:
            raise ValueError(f"{ENDS} does not fit the documents")
        self._ends, self._passages, self._aside, self._id_rows = ends, passages, aside, id_rows
        self._document_text = lru_cache(maxsize=_CACHED_DOCUMENTS)(self._read_text)
        self._described = lru_cache(maxsize=_CACHED_DOCUMENTS)(self._read_described)
        self.admitted = lru_cache(maxsize=_CACHED_FILTERS)(self._admitted)

    @classmethod
    def load(cls, folder: Path) -> Store:
        """Open what :class:`StoreWriter` closed.

        Raises:
            OSError, ValueError: The files are not such a store.
        """
        return cls(folder)

    @property
    def document_count(self) -> int:
        """Number of documents."""
        return len(self._ends)

    @property
    def passage_count(self) -> int:
        """Number of passages; rows are ``0 … passage_count - 1``."""
        return len(self._passages)

    def __contains__(self, document_id: str) -> bool:
        return document_id in self._ids

    def _range(self, document_row: int, what: str) -> range:
        start = int(self._ends[document_row - 1][what]) if document_row else 0
        return range(start, int(self._ends[document_row][what]))

    def _read_text(self, row: int) -> str:
        place = self._range(row, "text")
        return self._text[place.start : place.stop].decode()

    def _read_outline(self, row: int) -> Document:
        place = self._range(row, "line")
        return _document(json.loads(self._lines[place.start : place.stop]))

    def _read_described(self, row: int) -> Document:
        """The document without its text, but with its sections."""
        place = self._range(row, "sections")
        sections = json.loads(self._sections[place.start : place.stop])
        return replace(self._read_outline(row), sections=tuple(map(_section, sections)))

    def row(self, document_id: str) -> int:
        """The document's place in index order, from 0.

        Raises:
            KeyError: No such document.
        """
        place = self._ids.find(document_id)
        if place is None:
            raise KeyError(document_id)
        return int(self._id_rows[place])

    def document(self, document_id: str) -> Document:
        """The whole document, text included.

        Raises:
            KeyError: No such document.
        """
        row = self.row(document_id)
        return replace(self._described(row), text=self._document_text(row))

    def outline(self, document_id: str) -> Document:
        """The document without its text and sections.

        Raises:
            KeyError: No such document.
        """
        return self._read_outline(self.row(document_id))

    def place(self, place: str) -> tuple[Document, Span | None]:
        """The document and cited positions of ``document`` or ``document:start-end``.

        Raises:
            UnknownSourceError: No such document, or positions outside its text.
        """
        name, span_text = place, ""
        if place not in self:
            cited = _CITED.fullmatch(place)
            name, span_text = cited.groups() if cited else (place, "")
        if name not in self:
            raise UnknownSourceError(f"색인에 {name[:200]!r} 문서가 없습니다.", self._instead_of(name))
        document = self.document(name)
        if not span_text:
            return document, None
        start, end = map(int, span_text.split("-"))
        if not start < end <= len(document.text):
            raise UnknownSourceError(
                f"{name}은(는) {len(document.text):,}자인데 {span_text}를 가리킵니다.",
                "인용을 확인해 주세요.",
            )
        return document, Span(start, end)

    def _instead_of(self, name: str) -> str:
        wanted = name.lower()
        alike = (one.id for one in self.outlines() if wanted in f"{one.id}{one.title}".lower())
        near = ", ".join(islice(alike, _NEAR)) if wanted else ""
        return f"비슷한 문서: {near}." if near else "답의 인용에 적힌 문서 이름을 써 주세요."

    def outlines(self) -> Iterator[Document]:
        """All documents without their text and sections, in index order; about 100,000 a second."""
        return map(self._read_outline, range(self.document_count))

    def roles(self) -> NDArray[np.bool_]:
        """``(passage_count,)``: whether each passage is aside from its page's article."""
        aside: NDArray[np.bool_] = self._aside
        return aside

    def rows(self, document_id: str) -> range:
        """Rows of a document's passages, in text order.

        Raises:
            KeyError: No such document.
        """
        return self._range(self.row(document_id), "passages")

    def _admitted(self, chosen: Filter) -> NDArray[np.bool_]:
        """``(passage_count,)``: whether each passage's document is one that the filter admits.

        Reads the outline of every document once for each filter; the last few filters are kept.
        """
        documents = np.fromiter(map(chosen.admits, self.outlines()), np.bool_, self.document_count)
        ends: NDArray[np.int64] = self._ends["passages"].astype(np.int64)
        found = np.repeat(documents, np.diff(ends, prepend=np.int64(0)))
        found.flags.writeable = False
        return found

    def passage(self, row: int) -> Passage:
        """The passage at ``row``, text cut from its document."""
        document_row, section_row, start, end = (int(value) for value in self._passages[row])
        document = self._described(document_row)
        section = document.sections[section_row] if document.sections else None
        text = self._document_text(document_row)[start:end]
        return Passage.cut(document, section, Span(start, end), text)
