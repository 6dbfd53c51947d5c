"""A check-up: what is installed, which models and index would be used, and whether their digests hold."""

from __future__ import annotations

import os
import platform
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rag import manifest
from rag.assemble import EMBEDDED, NONE, WEIGHTS, installed, make_embedder, stale_sources
from rag.config import Settings
from rag.errors import GeungeoError
from rag.index import Index

RECOMMENDED = Path(__file__).with_name("models.toml")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; ``holds`` is ``None`` for plain information."""

    name: str
    text: str
    holds: bool | None = None


def examine(settings: Settings, index_folder: Path, *, deep: bool = False) -> list[Finding]:
    """Everything worth knowing, in reading order. Never raises for what it finds broken."""
    return [
        *_machine(),
        *_packages(),
        *_embedded_models(),
        *_configured(settings),
        *_index(settings, index_folder, deep=deep),
        *_recommended(),
    ]


def memory_gib() -> float:
    """Physical memory of this machine in GiB; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return 0.0


def _machine() -> Iterator[Finding]:
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("기계", f"{system}, 코어 {os.cpu_count()}개, 메모리 {memory_gib():.0f} GiB")


def _packages() -> Iterator[Finding]:
    for name, version in installed():
        yield Finding("꾸러미", f"{name} {version or '없음'}", holds=bool(version))


def _embedded_models() -> Iterator[Finding]:
    for folder in sorted(path for path in WEIGHTS.iterdir() if (path / manifest.NAME).is_file()):
        try:
            facts = manifest.read(folder)
            wrong = manifest.faults(folder, facts, deep=True)
        except (OSError, ValueError) as error:
            wrong = [str(error)]
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        state = "; ".join(wrong) or "SHA-256 일치"
        yield Finding("내장 모델", f"{folder.name} {size:.1f} MB, {state}", holds=not wrong)


def _configured(settings: Settings) -> Iterator[Finding]:
    reader = {EMBEDDED: "내장 구절 리더", NONE: "없음(가장 가까운 문장)"}.get(
        settings.reader, settings.reader
    )
    yield Finding("리더", reader, holds=_reader_present(settings.reader))
    yield Finding("임베더", settings.embedder)


def _reader_present(reader: str) -> bool | None:
    if reader in {EMBEDDED, NONE}:
        return True
    return Path(reader).is_file() if reader.endswith(".gguf") and ":" not in reader else None


def _index(settings: Settings, folder: Path, *, deep: bool) -> Iterator[Finding]:
    try:
        index = Index.load(folder, make_embedder(settings), deep=deep)
    except GeungeoError as error:
        yield Finding("색인", str(error), holds=False)
        return
    facts = f"문서 {index.store.document_count}개, 구절 {index.store.passage_count}개, {index.digest}"
    yield Finding("색인", f"{folder}: {facts}", holds=True)
    changed = stale_sources(index)
    if changed:
        yield Finding("원본", f"색인 뒤에 바뀐 것 {len(changed)}개: {', '.join(changed[:3])}", holds=False)


def _recommended() -> Iterator[Finding]:
    if not RECOMMENDED.is_file():
        return
    for kind, rows in tomllib.loads(RECOMMENDED.read_text("utf-8")).items():
        for row in rows:
            facts = ", ".join(str(row[key]) for key in ("size", "licence") if key in row)
            yield Finding("추천", f"{row['memory_gb']} GB · {kind} · {row['name']} ({facts})")
