"""Files and folders to documents. One loader a format; one bad file never stops the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.errors import DecodeError, ManifestError, SourceError
from rag.load import html, jsonl, markdown, plain
from rag.protocols import Loader
from rag.text import digest, normalise
from rag.types import Document

MANIFEST = "manifest.jsonl"
_SKIPPED_NAMES = {MANIFEST, "README.md"}

LOADERS: dict[str, Loader] = {
    suffix: loader
    for loader in (plain.PlainLoader(), markdown.MarkdownLoader(), html.HtmlLoader(), jsonl.JsonlLoader())
    for suffix in loader.suffixes
}


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
    facts: dict[str, str]


def count_files(paths: Sequence[Path]) -> int:
    """How many files :func:`load` will look at."""
    return sum(len(_names(path)) if path.is_dir() else 1 for path in paths)


def load(paths: Sequence[Path], max_bytes: int) -> Iterator[Document | Skipped]:
    """Every document below ``paths``, in sorted order; what cannot be read comes as :class:`Skipped`.

    A document's id is its path inside the given folder (POSIX; a JSONL record's own id). The same id
    from a second folder gets that folder's name in front, and a number if that is taken too.

    Args:
        paths: Files and folders; folders are searched whole, hidden entries excepted.
        max_bytes: Larger files are skipped.

    Raises:
        ManifestError: A folder's ``manifest.jsonl`` does not hold.
    """
    taken: set[str] = set()
    for path in paths:
        for file in _files(path):
            for item in _load_file(file, max_bytes):
                if isinstance(item, Skipped):
                    yield item
                    continue
                document = replace(item, id=_free(item.id, path, taken))
                taken.add(document.id)
                yield document


def _names(folder: Path) -> list[str]:
    found: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        base = Path(parent).relative_to(folder)
        found += [(base / name).as_posix() for name in files if not name.startswith(".")]
    return sorted(name for name in found if Path(name).name not in _SKIPPED_NAMES)


def _files(path: Path) -> Iterator[_File]:
    if not path.is_dir():
        yield _File(path, path.name, {})
        return
    listed = _manifest(path)
    for name in _names(path):
        yield _File(path / name, name, listed.get(name, {}))


def _manifest(folder: Path) -> dict[str, dict[str, str]]:
    """What ``manifest.jsonl`` says of each file, checked against the files; empty without one."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        listed = {str(row["id"]): {key: str(value) for key, value in row.items()} for row in rows}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(f"{path}을(를) 읽을 수 없습니다: {error}.", _MANIFEST_REMEDY) from None
    present = set(_names(folder))
    wrong = [f"{name}: 파일 없음" for name in sorted(listed.keys() - present)]
    wrong += [f"{name}: 목록에 없음" for name in sorted(present - listed.keys())]
    wrong += [
        f"{name}: 내용이 다름(SHA-256)"
        for name in sorted(listed.keys() & present)
        if listed[name].get("sha256") != file_sha256(folder / name)
    ]
    if wrong:
        raise ManifestError(f"{folder}의 목록이 파일과 다릅니다: {'; '.join(wrong[:5])}.", _MANIFEST_REMEDY)
    return listed


_MANIFEST_REMEDY = "파일을 되돌리거나, manifest.jsonl을 고치거나 지운 뒤 다시 해 주세요."


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    import hashlib

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _load_file(file: _File, max_bytes: int) -> Iterator[Document | Skipped]:
    try:
        loader = LOADERS.get(file.path.suffix.lower())
        if loader is None:
            known = ", ".join(sorted(LOADERS))
            raise DecodeError(f"{file.name}: 읽을 수 없는 형식입니다.", f"읽는 형식: {known}.")
        size = file.path.stat().st_size
        if size > max_bytes:
            raise SourceError(
                f"{file.name}: {size:,}바이트로 너무 큽니다(최대 {max_bytes:,}).",
                "나누거나 max_file_bytes 설정을 올려 주세요.",
            )
        for item in loader.load(file.path.read_bytes(), file.name):
            yield _finished(item, file) if isinstance(item, Document) else Skipped(file.name, item)
    except OSError as error:
        problem = SourceError(
            f"{file.name}: 읽을 수 없습니다({error.strerror}).", "권한과 경로를 확인해 주세요."
        )
        yield Skipped(file.name, problem)
    except SourceError as error:
        yield Skipped(file.name, error)


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


def _free(document_id: str, path: Path, taken: set[str]) -> str:
    if document_id not in taken:
        return document_id
    prefixed = f"{path.resolve().name}/{document_id}"
    number = 2
    candidate = prefixed
    while candidate in taken:
        candidate = f"{prefixed}#{number}"
        number += 1
    return candidate
