"""What an update has to do: which files stay as they are, which are read, which go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.library.ledger import Entry, Ledger
from rag.load import File


@dataclass(frozen=True, slots=True)
class Fresh:
    """A file to read: new, or changed since ``before``."""

    file: File
    root: str
    digest: str
    before: Entry | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Files in the order of the new index, and entries that vanish.

    ``missing`` entries stay although their files are gone, because nobody asked to prune; ``unread`` ones
    stay because their files are there but cannot be read.
    """

    steps: tuple[Entry | Fresh, ...]
    pruned: tuple[Entry, ...] = ()
    missing: tuple[Entry, ...] = ()
    unread: tuple[Entry, ...] = ()

    @property
    def fresh(self) -> list[Fresh]:
        """Files to read."""
        return [step for step in self.steps if isinstance(step, Fresh)]


def planned(
    ledger: Ledger,
    found: Sequence[tuple[str, File]],
    roots: Sequence[str],
    closed: Sequence[str],
    tags: tuple[str, ...],
    *,
    prune: bool,
    rebuild: bool,
) -> Plan:
    """Compare what there is with what the ledger remembers.

    Args:
        ledger: Of the index as it is.
        found: Root and file of everything below the roots that were looked at.
        roots: The given roots: only below these a file can be missed.
        closed: Folders and addresses that could not be read: below these nothing is missed.
        tags: Given now; a file whose tags were others is read again.
        prune: Whether entries of missing files go.
        rebuild: Whether everything found is read again.
    """
    steps: dict[str, Entry | Fresh] = {}
    unread: list[Entry] = []
    for root, file in found:
        entry = ledger.entries.get(file.key)
        seen = file.digest
        if entry is not None and entry.documents and not seen:
            unread.append(entry)
            steps[file.key] = entry
        elif entry is not None and seen and seen == entry.digest and tags in ((), entry.tags) and not rebuild:
            steps[file.key] = entry
        else:
            steps[file.key] = Fresh(file, root, seen, entry)
    absent = [entry for entry in ledger.entries.values() if entry.key not in steps]
    gone = [entry for entry in absent if _below(entry, roots) and not _below(entry, closed)]
    pruned = {entry.key: entry for entry in gone} if prune else {}
    steps |= {entry.key: entry for entry in absent if entry.key not in pruned}
    files = {file.key: (root, file) for root, file in found}
    for key in _orphans(steps.values()) & files.keys():
        root, file = files[key]
        steps[key] = Fresh(file, root, ledger.entries[key].digest, ledger.entries[key])
    ordered = sorted(steps.values(), key=_place([*ledger.roots, *(root for root, _ in found)]))
    return Plan(tuple(ordered), tuple(pruned.values()), () if prune else tuple(gone), tuple(unread))


def _below(entry: Entry, roots: Iterable[str]) -> bool:
    return any(root in (entry.key, entry.root) or entry.key.startswith(f"{root}/") for root in roots)


class _place:  # noqa: N801  # used like a function: sorted(key=_place(roots))
    """Order of the index: by root as first given, then by name."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._rows = {root: row for row, root in reversed(list(enumerate(roots)))}

    def __call__(self, step: Entry | Fresh) -> tuple[int, str]:
        if isinstance(step, Fresh):
            before = step.before
            return self._rows[before.root if before else step.root], before.name if before else step.file.name
        return self._rows[step.root], step.name


def _orphans(steps: Iterable[Entry | Fresh]) -> set[str]:
    """Keys of kept entries that repeat a document which is no longer surely there."""
    entries = [step for step in steps if isinstance(step, Entry)]
    kept = {name for entry in entries for name in entry.documents}
    return {entry.key for entry in entries if any(one.of not in kept for one in entry.duplicates)}
