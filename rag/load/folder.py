"""Folders: which files they hold, and whether those are the ones that their manifest lists."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rag.errors import ManifestError
from rag.text import normalise

MANIFEST = "manifest.jsonl"
_REMEDY = "파일을 되돌리거나, manifest.jsonl을 다시 만들거나 지운 뒤 해 주세요."
_SHOWN = 5
_FACTS = (str, int, float, list)


def file_name(path: str) -> str:
    """A relative path as a document id: POSIX, NFC (macOS gives NFD), one line, always encodable."""
    return normalise(path.replace(os.sep, "/").replace("\n", " "))


def walk(folder: Path, unreadable: Callable[[OSError], None] = lambda error: None) -> Iterator[Path]:
    """Files below ``folder`` in the order of their names, hidden ones and linked folders left out.

    With a manifest at the top, it and the README.md beside it are no articles.
    """
    found: list[tuple[str, Path]] = []
    for parent, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(parent) / name for name in files if not name.startswith(".")]
        found += [(file_name(str(path.relative_to(folder))), path) for path in paths]
    aside = {MANIFEST, "README.md"} if (folder / MANIFEST).is_file() else set()
    yield from (path for name, path in sorted(found) if name not in aside)


def read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    """What ``manifest.jsonl`` says of each file, by name; empty where there is none.

    Raises:
        ManifestError: It cannot be read, or a file is missing, unlisted, or of another digest.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    listed = dict(_rows(path))
    present = {file_name(str(file.relative_to(folder))): file for file in walk(folder)}
    wrong = [f"{name}: 파일 없음" for name in sorted(listed.keys() - present)]
    wrong += [f"{name}: 목록에 없음" for name in sorted(present.keys() - listed)]
    wrong += [
        f"{name}: 내용이 다름(SHA-256)"
        for name in sorted(listed.keys() & present)
        if listed[name].get("sha256", "").lower() != file_sha256(present[name])
    ]
    if wrong:
        more = f" 외 {len(wrong) - _SHOWN}건" if len(wrong) > _SHOWN else ""
        raise ManifestError(f"{folder}의 목록이 파일과 다릅니다: {'; '.join(wrong[:_SHOWN])}{more}.", _REMEDY)
    return listed


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each file's name and facts; facts that are no strings or numbers are left out."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ManifestError(f"{path}을(를) 읽을 수 없습니다.", _REMEDY) from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield (
                file_name(str(row["id"])),
                {key: _fact(value) for key, value in row.items() if isinstance(value, _FACTS)},
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ManifestError(f"{path}: {number}번째 줄이 id가 있는 JSON이 아닙니다.", _REMEDY) from None


def _fact(value: str | float | list[object]) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex; empty for a file that cannot be read, and for pipes and devices."""
    try:
        if not path.is_file():  # a pipe would wait for a writer for ever
            return ""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
