"""Files that people drop into the page: which are taken, and under what name."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from rag.config import ChatSettings
from rag.errors import SourceError
from rag.load import LOADERS
from rag.text import normalise

#: Longest stem kept, in code points: whole paths stay far below 255 bytes of UTF-8.
_STEM_MAX_CHARS = 60
_UNSAFE = re.compile(r'[\\/:*?"<>|]')


def clean_name(name: str) -> str:
    """A file name without folders, control and invisible characters, or leading dots; NFC.

    The suffix stays, for it chooses the loader. Never empty.
    """
    last = re.split(r"[\\/]", normalise(name))[-1]
    shown = "".join(char for char in last if unicodedata.category(char)[0] != "C")
    stem, dot, suffix = _UNSAFE.sub("_", shown).strip().rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    stem = re.sub(r"\s+", " ", stem).strip(" .")[:_STEM_MAX_CHARS].strip(" .")
    return f"{stem or '문서'}{'.' + suffix if suffix.isalnum() and len(suffix) <= 8 else ''}"


def take(paths: Sequence[Path], folder: Path, limits: ChatSettings) -> tuple[list[Path], list[str]]:
    """Move uploaded files into ``folder`` under clean names.

    Args:
        paths: Where the server put them; they are gone from there afterwards.
        folder: Existing and empty; belongs to the caller.
        limits: Sizes and number.

    Returns:
        The files to read, and a Korean line for each that was refused.
    """
    taken: list[Path] = []
    refused: list[str] = []
    for number, path in enumerate(dict.fromkeys(paths)):  # equal files arrive at one place
        name = clean_name(path.name)
        try:
            if number >= limits.max_upload_files:
                raise SourceError(f"{name}: 한 번에 {limits.max_upload_files}개까지 올릴 수 있습니다.")
            _check(path, name, limits)
            taken.append(Path(shutil.move(path, free(folder / name))))
        except SourceError as error:
            refused.append(str(error))
            path.unlink(missing_ok=True)
        except OSError as error:
            refused.append(f"{name}: 파일을 옮기지 못했습니다({error.strerror}). 다시 올려 주세요.")
    return taken, refused


def _check(path: Path, name: str, limits: ChatSettings) -> None:
    if path.suffix.lower() not in LOADERS:
        raise SourceError(f"{name}: 읽을 수 없는 형식입니다.", f"읽는 형식: {' '.join(sorted(LOADERS))}.")
    size = path.stat().st_size
    if size > limits.max_upload_bytes:
        raise SourceError(
            f"{name}: {size / 2**20:.1f} MB로 너무 큽니다(최대 {limits.max_upload_bytes / 2**20:.0f} MB)."
        )


def free(path: Path) -> Path:
    """``path``, or with the first number that makes it new."""
    number = 2
    found = path
    while found.exists():
        found = path.with_stem(f"{path.stem} ({number})")
        number += 1
    return found
