"""The ledger of an index: which file gave which documents, by which bytes, and what was left out and why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A document that is not stored, because the index holds its like.

    Attributes:
        id: The document left out.
        of: The document that stands for it.
        likeness: 1.0 for the same text, else the estimated share of common shingles.
    """

    id: str
    of: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one file.

    Attributes:
        key: Its real path, or the address of a page.
        root: The path or address that was given, under which it was found.
        name: Its path inside the root.
        digest: Of its bytes and of what a manifest says of it; another one means that it changed.
        documents: Ids that it gave.
        duplicates: Documents of it that are not stored.
        skipped: What could not be read, and why: pairs of message and remedy.
        tags: Given on the command line, for all its documents.
    """

    key: str
    root: str
    name: str
    digest: str
    documents: tuple[str, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()


class Ledger:
    """Entries by key, in the order of the index.

    Args:
        entries: Keys must be distinct.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = {entry.key: entry for entry in entries}

    @property
    def roots(self) -> list[str]:
        """Paths and addresses that were ever given, oldest first."""
        return list(dict.fromkeys(entry.root for entry in self.entries.values()))

    @property
    def duplicates(self) -> list[Duplicate]:
        """Everything that is stored once only."""
        return [one for entry in self.entries.values() for one in entry.duplicates]

    def write(self, folder: Path) -> None:
        """As one JSON object a line."""
        with (folder / NAME).open("w", encoding="utf-8") as lines:
            for entry in self.entries.values():
                lines.write(json.dumps(asdict(entry)) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Ledger:
        """What :meth:`write` wrote; empty where there is no ledger.

        Raises:
            ValueError, KeyError, TypeError: It is no such file.
        """
        if not (folder / NAME).is_file():
            return cls()
        with (folder / NAME).open(encoding="utf-8") as lines:
            return cls(_entry(json.loads(line)) for line in lines)


def _entry(record: dict[str, list[str]]) -> Entry:
    fields: dict[str, object] = {**record}
    fields["documents"], fields["tags"] = tuple(record["documents"]), tuple(record["tags"])
    fields["duplicates"] = tuple(Duplicate(**one) for one in record["duplicates"])  # type: ignore[arg-type]
    fields["skipped"] = tuple((one[0], one[1]) for one in record["skipped"])
    return Entry(**fields)  # type: ignore[arg-type]  # written by asdict
