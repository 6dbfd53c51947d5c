"""The index as an update finds it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag import manifest
from rag.config import Settings
from rag.errors import SearchIndexError
from rag.index import Index, live
from rag.library.duplicate import PRINT_VERSION, read_prints
from rag.library.ledger import Ledger
from rag.load import LOAD_VERSION
from rag.manifest import Json
from rag.protocols import Embedder
from rag.types import Document


@dataclass(frozen=True, slots=True)
class Base:
    """What an index holds, and whether what was computed for it can be used again.

    Documents are looked up when wanted: memory does not grow with them.

    Attributes:
        ledger: Its files; empty where it cannot be read.
        roots: What was ever given to be indexed.
        index: ``None`` where there is none, or none that can be read.
        fits: Whether embedder, passage length and versions are those of now.
    """

    ledger: Ledger
    roots: list[str]
    index: Index | None
    fits: bool

    @classmethod
    def open(cls, folder: Path, embedder: Embedder, settings: Settings) -> Base:
        try:
            index = Index.load(folder)
            ledger = Ledger.read(index.folder)
        except (SearchIndexError, ValueError, KeyError, TypeError):
            return cls(Ledger(), _recorded(folder), None, fits=False)
        facts = index.facts
        names = ("embedder", "chunk_max_chars", "chunk_max_tokens", "load")
        same = [facts.get(name) for name in names] == [
            embedder.fingerprint,
            settings.chunk_max_chars,
            settings.chunk_max_tokens,
            LOAD_VERSION,
        ]
        return cls(ledger, ledger.roots or _recorded(folder), index, fits=same)

    def holds(self, document_id: str) -> bool:
        """Whether the index holds a document."""
        return self.index is not None and document_id in self.index.store

    def says(self, document: Document) -> bool:
        """Whether the index holds the very same document."""
        return (
            self.index is not None
            and document.id in self.index.store
            and self.index.store.document(document.id) == document
        )

    def prints(self) -> NDArray[np.uint32] | None:
        """Rows of what near repetitions are found by, in the index's order; ``None`` if made another way."""
        if self.index is None or self.index.facts.get("prints") != PRINT_VERSION:
            return None
        return read_prints(self.index.folder)

    def touched(self) -> dict[str, Json]:
        """The manifest, marked as checked now."""
        if self.index is None:
            raise TypeError("nothing to keep")
        os.utime(self.index.folder / manifest.NAME)
        return self.index.facts


def _recorded(folder: Path) -> list[str]:
    """Sources that the manifest of an index names, whatever its version; none where it cannot be read."""
    try:
        sources = manifest.read(live(folder)).get("sources")
    except (OSError, ValueError, SearchIndexError):
        return []
    return [str(source) for source in sources] if isinstance(sources, list) else []
