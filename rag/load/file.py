"""A file that is to be read, and one that could not be."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from rag.errors import SourceError
from rag.load.folder import file_sha256
from rag.text import digest


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or record that could not be read, and why.

    Attributes:
        path: Its name, for people.
        error: Why.
        closed: The folder or address whose content stays unknown; empty for a file, a record, and a page
            that its server says is gone.
    """

    path: str
    error: SourceError
    closed: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file to read.

    Attributes:
        path: Where it is; of a page, a name with the suffix that its type asks for.
        name: Its path inside the given folder (POSIX, NFC).
        owner: Name of the folder or host it was found in.
        facts: What a manifest says of it.
        url: Where it was fetched from, for a page of the web.
        data: What was fetched.
    """

    path: Path
    name: str
    owner: str
    facts: dict[str, str]
    url: str = ""
    data: bytes | None = None

    @property
    def key(self) -> str:
        """What it is known by from one run to the next: its address, or its real path."""
        return self.url or str(self.path.resolve())

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes and facts, in hex; empty for a file that cannot be read."""
        own = file_sha256(self.path) if self.data is None else hashlib.sha256(self.data).hexdigest()
        facts = json.dumps(self.facts, sort_keys=True)
        return digest(f"{own} {facts}") if own and self.facts else own
