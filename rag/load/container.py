"""Containers: ZIP archives within limits, and what an old compound file (OLE) turns out to be."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING

from rag.errors import DecodeError, SourceError
from rag.load.decode import kind_of

if TYPE_CHECKING:
    from lxml.etree import _Element
    from olefile import OleFileIO  # type: ignore[import-untyped]  # ships no types

MAX_ENTRIES = 10_000
MAX_TOTAL_BYTES = 2**30  # of all entries, unpacked
MAX_RATIO = 200  # unpacked to packed, for archives that unpack to more than a few megabytes
_SMALL_BYTES = 4 * 2**20
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_INTACT_REMEDY = "파일이 온전한지 확인하거나 원본을 다시 받아 주세요."


def damaged(name: str, kind: str) -> DecodeError:
    """The error of a file that is not, or no longer, what its suffix says."""
    return DecodeError(f"{name}: 깨졌거나 {kind}이(가) 아닌 파일입니다.", _INTACT_REMEDY)


def locked(name: str, kind: str) -> DecodeError:
    """The error of a file under a password."""
    return DecodeError(f"{name}: 암호가 걸린 {kind} 파일입니다.", "암호를 푼 파일을 주세요.")


def open_zip(data: bytes, name: str, kind: str) -> zipfile.ZipFile:
    """An archive whose entries may be read whole.

    Args:
        data: The whole file.
        name: For messages.
        kind: What the suffix promises ("docx 문서"), for messages.

    Raises:
        DecodeError: Not an archive, damaged, or under a password.
        SourceError: It would unpack to more than the limits allow.
    """
    if data.startswith(OLE_MAGIC):
        with open_ole(data, name, kind) as ole:
            if ole.exists("EncryptedPackage"):
                raise locked(name, kind)
        raise DecodeError(f"{name}: {kind}이(가) 아니라 {kind_of(data)}입니다.", "새 형식으로 저장해 주세요.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise damaged(name, kind) from None
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    bomb = total > _SMALL_BYTES and total > MAX_RATIO * max(packed, 1)
    if len(entries) > MAX_ENTRIES or total > MAX_TOTAL_BYTES or bomb:
        raise SourceError(
            f"{name}: 압축을 풀면 너무 큽니다({len(entries):,}개, {total:,}바이트).", "나누어 주세요."
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise locked(name, kind)
    return archive


def read_entry(archive: zipfile.ZipFile, entry: str | zipfile.ZipInfo, name: str) -> bytes:
    """One entry, unpacked; empty where there is none.

    Raises:
        DecodeError: Its data is damaged.
    """
    try:
        return archive.read(entry)
    except KeyError:
        return b""
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError):
        raise damaged(name, getattr(entry, "filename", str(entry))) from None


def parse_xml(data: bytes, name: str) -> _Element:
    """Root of an XML part; no entities, no network, no doctype tricks.

    Raises:
        DecodeError: Not well-formed.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise damaged(name, "XML") from None


def open_ole(data: bytes, name: str, kind: str) -> OleFileIO:
    """A compound file.

    Raises:
        DecodeError: Not one, or damaged.
    """
    import olefile

    try:
        return olefile.OleFileIO(io.BytesIO(data))
    except Exception:  # olefile raises what its structures happen to break: struct.error, IndexError, …
        raise damaged(name, kind) from None
