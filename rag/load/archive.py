"""Zipped folders: every file of a known format inside, under stated limits. Nothing is written to disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from rag.errors import SourceError
from rag.load.container import open_zip, read_entry
from rag.load.nest import Inside, Nest
from rag.text import normalise
from rag.types import Document

_UTF8_FLAG = 0x800
_IGNORED = ("__MACOSX", "Thumbs.db", "desktop.ini")


class ZipLoader:
    """``.zip``; documents are named ``묶음.zip/폴더/파일.txt``.

    Args:
        inside: Reads what is found.
    """

    suffixes: tuple[str, ...] = (".zip",)

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def load(self, data: bytes, name: str) -> Iterator[Document | SourceError]:
        """See :class:`rag.protocols.Loader`."""
        return self.load_within(data, name, Nest())

    def load_within(self, data: bytes, name: str, nest: Nest) -> Iterator[Document | SourceError]:
        """As :meth:`load`, at some level of another file.

        Raises:
            SourceError: Damaged, locked, or over a limit.
        """
        level = nest.deeper(name)
        archive = open_zip(data, name, "zip 묶음")
        for entry in sorted(archive.infolist(), key=entry_name):
            inner = entry_name(entry)
            parts = PurePosixPath(inner).parts
            if entry.is_dir() or any(part.startswith(".") and part != ".." for part in parts):
                continue
            if any(part in _IGNORED for part in parts):
                continue
            full = f"{name}/{inner}"
            if _escapes(inner):
                yield SourceError(
                    f"{full}: 묶음 밖을 가리키는 이름이라 읽지 않습니다.", "이름을 고쳐 다시 묶어 주세요."
                )
                continue
            level.spend(entry.file_size, name)
            try:
                yield from self._inside(read_entry(archive, entry, full), full, level)
            except SourceError as error:
                yield error


def entry_name(entry: zipfile.ZipInfo) -> str:
    """An entry's name as its maker saw it: UTF-8 where it says so, else UTF-8 or CP949 by its bytes."""
    name = entry.filename
    if not entry.flag_bits & _UTF8_FLAG:
        raw = name.encode("cp437", "replace")
        for encoding in ("utf-8", "cp949"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return normalise(name.replace("\\", "/")).replace("\n", " ")


def _escapes(name: str) -> bool:
    return name.startswith("/") or ".." in PurePosixPath(name).parts or ":" in name[:3]
