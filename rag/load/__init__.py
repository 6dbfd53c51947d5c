"""Files and folders to documents. One loader a format; one bad file never stops the rest."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from rag.errors import DecodeError, SourceError
from rag.load import archive, docx, html, hwp, hwpx, jsonl, mail, markdown, pdf, plain, pptx, sheet
from rag.load.fact import tags_of
from rag.load.file import File, Skipped
from rag.load.folder import MANIFEST, file_name, file_sha256, read_manifest, walk
from rag.load.nest import Nest
from rag.protocols import Loader
from rag.text import digest, normalise
from rag.types import Document

__all__ = [
    "LOADERS",
    "LOAD_VERSION",
    "MANIFEST",
    "File",
    "Skipped",
    "count_files",
    "file_sha256",
    "files",
    "free_id",
    "load",
    "read",
]

#: Raise when a loader may give other text, sections or facts for the same bytes.
LOAD_VERSION = 2

_log = logging.getLogger(__name__)


def _inside(data: bytes, name: str, nest: Nest) -> Iterator[Document | SourceError]:
    """Documents of a file inside another; a parser's own bug costs that file only.

    Raises:
        SourceError: It cannot be read.
    """
    loader = _loader(name)
    try:
        if isinstance(loader, archive.ZipLoader | mail.MailLoader):
            yield from loader.load_within(data, name, nest)
        else:
            yield from loader.load(data, name)
    except SourceError:
        raise
    except Exception as error:
        raise _failed(name, error) from error


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
    mail.MailLoader(_inside),
    archive.ZipLoader(_inside),
)
LOADERS: dict[str, Loader] = {suffix: loader for loader in _ALL for suffix in loader.suffixes}


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
    seen: set[Path] = set()
    for path in paths:
        for file in files(path):
            if isinstance(file, Skipped):
                yield file
                continue
            real = file.path.resolve()
            if real in seen:
                continue
            seen.add(real)
            for item in read(file, max_bytes):
                if isinstance(item, Document):
                    item = replace(item, id=free_id(item.id, file.owner, taken))  # noqa: PLW2901
                    taken.add(item.id)
                yield item


def files(path: Path) -> Iterator[File | Skipped]:
    """The files of a folder in the order of their names, or the file itself; folders that are closed.

    Raises:
        ManifestError: The folder's ``manifest.jsonl`` does not hold.
    """
    if not path.is_dir():
        yield File(path, file_name(path.name), file_name(path.resolve().parent.name), {})
        return
    closed: list[OSError] = []
    listed = read_manifest(path)
    owner = file_name(path.resolve().name)
    for file in walk(path, closed.append):
        name = file_name(str(file.relative_to(path)))
        yield File(file, name, owner, listed.get(name, {}))
    for error in closed:
        yield Skipped(file_name(str(error.filename)), _closed(error), closed=str(error.filename))


def _closed(error: OSError) -> SourceError:
    where = file_name(Path(str(error.filename)).name)
    return SourceError(f"{where}: 읽을 수 없습니다({error.strerror}).", "권한과 경로를 확인해 주세요.")


def read(file: File, max_bytes: int) -> Iterator[Document | Skipped]:
    """Documents of one file, finished but for the id; what cannot be read comes as :class:`Skipped`."""
    try:
        loader, data = _loader(file.path.name), _bytes(file, max_bytes)
        for item in loader.load(data, file.name):
            yield _finished(item, file) if isinstance(item, Document) else Skipped(file.name, item)
    except OSError as error:
        yield Skipped(file.name, _closed(error))
    except SourceError as error:
        yield Skipped(file.name, error)
    except Exception as error:  # a parser's own bug must not stop the other files
        yield Skipped(file.name, _failed(file.name, error))


def _failed(name: str, error: Exception) -> SourceError:
    _log.debug("%s", name, exc_info=error)
    problem = f"{name}: 내용을 해석하다 실패했습니다({type(error).__name__})."
    return SourceError(problem, "파일이 온전한지, 다른 프로그램에서 열리는지 확인해 주세요.")


def _loader(name: str) -> Loader:
    loader = LOADERS.get(PurePosixPath(name).suffix.lower())
    if loader is None:
        known = ", ".join(sorted(LOADERS))
        raise DecodeError(f"{name}: 읽을 수 없는 형식입니다.", f"읽는 형식: {known}.")
    return loader


def _bytes(file: File, max_bytes: int) -> bytes:
    """The whole file.

    Raises:
        OSError: It cannot be opened.
        SourceError: It is no regular file, or too large.
    """
    if file.data is not None:
        return file.data
    size = file.path.stat().st_size
    if not file.path.is_file():
        raise SourceError(f"{file.name}: 보통 파일이 아닙니다.", "파일이나 폴더의 경로를 주세요.")
    if size > max_bytes:
        raise SourceError(
            f"{file.name}: {size:,}바이트로 너무 큽니다(최대 {max_bytes:,}바이트).",
            "나누거나 max_file_bytes 설정을 올려 주세요.",
        )
    return file.path.read_bytes()


def _finished(document: Document, file: File) -> Document:
    """Facts of the manifest win; digest and source are filled in."""
    facts = {
        key: normalise(file.facts[key])
        for key in ("title", "published", "publisher", "licence")
        if file.facts.get(key)
    }
    return replace(
        document,
        sha256=digest(document.text),
        source=document.source or file.url or file.name,
        title=facts.get("title", document.title),
        published=facts.get("published", document.published),
        publisher=facts.get("publisher", document.publisher),
        licence=facts.get("licence", document.licence),
        tags=document.tags or tuple(tags_of(file.facts.get("tags", ""))),
    )


def free_id(document_id: str, owner: str, taken: Container[str]) -> str:
    """An id that is not taken: as it is, with the folder's name in front, or numbered from 2."""
    candidate = document_id
    number = 1
    while candidate in taken:
        prefixed = f"{owner}/{document_id}" if owner else document_id
        candidate = prefixed if number == 1 else f"{prefixed}#{number}"
        number += 1
    return candidate
