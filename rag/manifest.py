"""Artefacts that explain themselves: a folder of files with ``manifest.json``, written last.

The manifest names kind, format version and the SHA-256 and size of every other file. Loaders check it
and refuse what does not hold. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from rag.errors import GeungeoError, ModelDamagedError, ModelMissingError

NAME = "manifest.json"

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex; reads in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write(folder: Path, kind: str, version: int, fields: Mapping[str, Json]) -> dict[str, Json]:
    """Describe every file below ``folder`` and write the manifest beside them.

    Args:
        folder: All other files must already be complete.
        kind: What the artefact is ("index", "reader", …).
        version: Version of its format.
        fields: Anything else worth knowing; must not use the keys above.
    """
    files: dict[str, Json] = {
        path.relative_to(folder).as_posix(): {
            "sha256": file_digest(path),
            "bytes": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NAME and path.suffix not in {".md", ".pyc"}
    }
    manifest: dict[str, Json] = {"kind": kind, "version": version, **fields, "files": files}
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    (folder / NAME).write_text(text, "utf-8")
    return manifest


def read(folder: Path) -> dict[str, Json]:
    """The manifest of ``folder``, unchecked.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is not a JSON object.
    """
    manifest = json.loads((folder / NAME).read_text("utf-8"))
    if not isinstance(manifest, dict):
        raise ValueError("manifest is not an object")
    return cast(dict[str, Json], manifest)


def faults(folder: Path, manifest: Mapping[str, Json], *, deep: bool) -> list[str]:
    """What does not hold: Korean phrases, one per file; empty when all is well.

    Args:
        folder: Where the files are.
        manifest: As :func:`read` gave it.
        deep: Compare digests too, not only presence and size. Reads every byte.
    """
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        return ["목록(files)이 없음"]
    found: list[str] = []
    for name, entry in sorted(listed.items()):
        path = folder / name
        if not isinstance(entry, dict) or not path.is_file():
            found.append(f"{name}: 파일 없음")
        elif path.stat().st_size != entry.get("bytes"):
            found.append(f"{name}: 크기가 다름")
        elif deep and file_digest(path) != entry.get("sha256"):
            found.append(f"{name}: 내용이 다름(SHA-256)")
    return found


def verify_model(folder: Path, kind: str) -> dict[str, Json]:
    """The manifest of an embedded model whose every digest holds.

    Raises:
        ModelMissingError: No such folder or manifest.
        ModelDamagedError: A file is missing, or differs from the manifest, or is of another kind.
    """
    remedy = "패키지를 다시 설치해 주세요."
    try:
        manifest = read(folder)
    except FileNotFoundError:
        raise ModelMissingError(f"모델 폴더 {folder}에 manifest.json이 없습니다.", remedy) from None
    except ValueError:
        raise ModelDamagedError(f"모델 {folder}의 manifest.json이 깨졌습니다.", remedy) from None
    if manifest.get("kind") != kind:
        raise ModelDamagedError(f"{folder}은(는) {kind} 모델이 아닙니다.", remedy)
    return _sound(folder, manifest, ModelDamagedError, remedy)


def _sound(
    folder: Path, manifest: dict[str, Json], error: type[GeungeoError], remedy: str
) -> dict[str, Json]:
    wrong = faults(folder, manifest, deep=True)
    if wrong:
        raise error(f"{folder}이(가) 손상되었습니다: {'; '.join(wrong)}.", remedy)
    return manifest
