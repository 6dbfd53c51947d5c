"""Files and folders to documents. One loader a format; one bad file never stops the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.errors import DecodeError, SourceError
from rag.load import docx, html, hwp, hwpx, jsonl, markdown, pdf, plain, pptx, sheet
from rag.load.folder import MANIFEST, file_name, file_sha256, read_manifest, walk
from rag.protocols import Loader
from rag.text import digest, normalise
from rag.types import Document

__all__ = ["LOADERS", "MANIFEST", "Skipped", "count_files", "file_sha256", "load"]

_log = logging.getLogger(__name__)

_ALL: tuple[Loader, ...] = (
    plain.PlainLoader(),
    markdown.MarkdownLoader(),
    html.HtmlLoader(),
    jsonl.JsonlLoader(),
    pdf.PdfLoader(),
    docx.DocxLoader(),
    pptx.PptxLoader(),
    sheet.XlsxLoader(),
    sheet.CsvLoader(),
    hwpx.HwpxLoader(),
    hwp.HwpLoader(),
)
LOADERS: dict[str, Loader] = {suffix: loader for loader in _ALL for suffix in loader.suffixes}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or record that could not be read, and why."""

    path: str
    error: SourceError


@dataclass(frozen=True, slots=True)
class _File:
    """A file to read: where it is, its name inside the given folder, and what a manifest says of it."""

    path: Path
    name: str
    owner: str  # name of the folder it was found in
    facts: dict[str, str]


def count_files(paths: Sequence[Path]) -> int:
    """How many files :func:`load` will look at."""
    return sum(sum(1 for _ in walk(path)) if path.is_dir() else 1 for path in paths)


def load(paths: Sequence[Path], max_bytes: int) -> Iterator[Document | Skipped]:
    """Every document below ``paths``, in sorted order; what cannot be read comes as :class:`Skipped`.

    A document's id is its path inside the given folder (POSIX, NFC; a JSONL record's own id). The same
    id from a second folder gets that folder's name in front, and a number if that is taken too. A file
    reached twice is read once.

    Args:
        paths: Files and folders; folders are searched whole, hidden entries excepted.
        max_bytes: Larger files are skipped.

    Raises:
        ManifestError: A folder's ``manifest.jsonl`` does not hold.
    """
    taken: set[str] = set()
    read: set[Path] = set()
    for path in paths:
        for file in _files(path):
            if isinstance(file, Skipped):
                yield file
                continue
            real = file.path.resolve()
            if real in read:
                continue
            read.add(real)
            for item in _load_file(file, max_bytes):
                if isinstance(item, Document):
                    item = replace(item, id=_free(item.id, file.owner, taken))  # noqa: PLW2901
                    taken.add(item.id)
                yield item


def _files(path: Path) -> Iterator[_File | Skipped]:
    if not path.is_dir():
        yield _File(path, file_name(path.name), file_name(path.resolve().parent.name), {})
        return
    closed: list[OSError] = []
    listed = read_manifest(path)
    owner = file_name(path.resolve().name)
    for file in walk(path, closed.append):
        name = file_name(str(file.relative_to(path)))
        yield _File(file, name, owner, listed.get(name, {}))
    yield from (Skipped(file_name(str(error.filename)), _closed(error)) for error in closed)


def _closed(error: OSError) -> SourceError:
    where = file_name(Path(str(error.filename)).name)
    return SourceError(f"{where}: 읽을 수 없습니다({error.strerror}).", "권한과 경로를 확인해 주세요.")


def _load_file(file: _File, max_bytes: int) -> Iterator[Document | Skipped]:
    try:
        loader, data = _loader(file), _bytes(file, max_bytes)
        for item in loader.load(data, file.name):
            yield _finished(item, file) if isinstance(item, Document) else Skipped(file.name, item)
    except OSError as error:
        yield Skipped(file.name, _closed(error))
    except SourceError as error:
        yield Skipped(file.name, error)
    except Exception as error:  # a parser's own bug must not stop the other files
        _log.debug("%s", file.name, exc_info=True)
        problem = f"{file.name}: 내용을 해석하다 실패했습니다({type(error).__name__})."
        yield Skipped(
            file.name, SourceError(problem, "파일이 온전한지, 다른 프로그램에서 열리는지 확인해 주세요.")
        )


def _loader(file: _File) -> Loader:
    loader = LOADERS.get(file.path.suffix.lower())
    if loader is None:
        known = ", ".join(sorted(LOADERS))
        raise DecodeError(f"{file.name}: 읽을 수 없는 형식입니다.", f"읽는 형식: {known}.")
    return loader


def _bytes(file: _File, max_bytes: int) -> bytes:
    """The whole file.

    Raises:
        OSError: It cannot be opened.
        SourceError: It is no regular file, or too large.
    """
    size = file.path.stat().st_size
    if not file.path.is_file():
        raise SourceError(f"{file.name}: 보통 파일이 아닙니다.", "파일이나 폴더의 경로를 주세요.")
    if size > max_bytes:
        raise SourceError(
            f"{file.name}: {size:,}바이트로 너무 큽니다(최대 {max_bytes:,}바이트).",
            "나누거나 max_file_bytes 설정을 올려 주세요.",
        )
    return file.path.read_bytes()


def _finished(document: Document, file: _File) -> Document:
    """Facts of the manifest win; digest and source are filled in."""
    facts = {
        key: normalise(file.facts[key])
        for key in ("title", "published", "publisher", "licence")
        if file.facts.get(key)
    }
    return replace(
        document,
        sha256=digest(document.text),
        source=document.source or file.name,
        title=facts.get("title", document.title),
        published=facts.get("published", document.published),
        publisher=facts.get("publisher", document.publisher),
        licence=facts.get("licence", document.licence),
    )


def _free(document_id: str, owner: str, taken: set[str]) -> str:
    """An id that is not taken: as it is, with the folder's name in front, or numbered from 2."""
    candidate = document_id
    number = 1
    while candidate in taken:
        prefixed = f"{owner}/{document_id}" if owner else document_id
        candidate = prefixed if number == 1 else f"{prefixed}#{number}"
        number += 1
    return candidate
