"""What an index holds, in numbers: for ``rag status`` and for pages that show it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rag import manifest
from rag.index import CURRENT, Index, live
from rag.library.ledger import Duplicate, Ledger


@dataclass(frozen=True, slots=True)
class Status:
    """One index.

    Attributes:
        documents: Stored documents.
        passages: Their passages.
        chars: Code points of text.
        files: Files and pages that were read, with those that gave nothing.
        bytes: Size on disk.
        embedder: Fingerprint of the model behind the vectors.
        dim: Length of a vector.
        chunk_max_chars: Longest passage.
        is_exact: Whether dense search looks at every vector.
        built: Seconds since the epoch at which the live generation was published.
        age_s: Seconds since then.
        digest: Names the content.
        roots: Paths and addresses that it was made from.
        tags: Tags and how many documents have each.
        duplicates: Documents that are not stored because another says the same.
        skipped: ``(name, reason)`` of what could not be read.
        format_version: Of the artefact.
    """

    documents: int
    passages: int
    chars: int
    files: int
    bytes: int
    embedder: str
    dim: int
    chunk_max_chars: int
    is_exact: bool
    built: float
    age_s: float
    digest: str
    roots: tuple[str, ...]
    tags: tuple[tuple[str, int], ...]
    duplicates: tuple[Duplicate, ...]
    skipped: tuple[tuple[str, str], ...]
    format_version: int


def index_status(folder: Path) -> Status:
    """Describe the live index of ``folder``.

    Raises:
        SearchIndexError: As of :meth:`rag.index.Index.load`.
    """
    index = Index.load(folder)
    ledger = Ledger.read(index.folder)
    facts = index.facts
    tags = Counter(tag for outline in index.store.outlines() for tag in outline.tags)
    built = (folder / CURRENT).stat().st_mtime
    recorded = facts.get("sources")
    return Status(
        documents=index.store.document_count,
        passages=index.store.passage_count,
        chars=int(str(facts.get("chars", 0))),
        files=len(ledger.entries),
        bytes=sum(path.stat().st_size for path in live(folder).rglob("*") if path.is_file()),
        embedder=str(facts["embedder"]),
        dim=int(str(facts["dim"])),
        chunk_max_chars=int(str(facts["chunk_max_chars"])),
        is_exact=index.dense.is_exact,
        built=built,
        age_s=max(0.0, time.time() - built),
        digest=index.digest,
        roots=tuple(ledger.roots) or tuple(map(str, recorded if isinstance(recorded, list) else [])),
        tags=tuple(sorted(tags.items())),
        duplicates=tuple(ledger.duplicates),
        skipped=tuple((e.name, reason) for e in ledger.entries.values() for reason, _ in e.skipped),
        format_version=int(str(manifest.read(index.folder)["version"])),
    )
