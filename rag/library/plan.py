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

    ``missing`` entries stay although their files are gone, because nobody asked to prune.
    """

    steps: tuple[Entry | Fresh, ...]
    pruned: tuple[Entry, ...]
    missing: tuple[Entry, ...]

    @property
    def fresh(self) -> list[Fresh]:
        """Files to read."""
        return [step for step in self.steps if isinstance(step, Fresh)]


def planned(
    ledger: Ledger,
    found: Sequence[tuple[str, File]],
    roots: Sequence[str],
    tags: tuple[str, ...],
    *,
    prune: bool,
    rebuild: bool,
) -> Plan:
    """Compare what there is with what the ledger remembers.

    Args:
        ledger: Of the index as it is.
        found: Root and file of everything below the given roots.
        roots: The given roots: only below these a file can be missed.
        tags: Given now; a file whose tags were others is read again.
        prune: Whether entries of missing files go.
        rebuild: Whether everything found is read again.
    """
    steps: dict[str, Entry | Fresh] = {}
    for root, file in found:
        entry = ledger.entries.get(file.key)
        seen = file.digest
        same = entry is not None and seen and seen == entry.digest and tags in ((), entry.tags)
        steps[file.key] = (
            entry if entry is not None and same and not rebuild else Fresh(file, root, seen, entry)
        )
    gone = [e for e in ledger.entries.values() if e.key not in steps and _below(e, roots)]
    pruned = gone if prune else []
    dropped = {entry.key for entry in pruned}
    for key, entry in ledger.entries.items():
        if key not in steps and key not in dropped:
            steps[key] = entry
    files = {file.key: (root, file) for root, file in found}
    for key in _orphans(steps.values()) & files.keys():
        root, file = files[key]
        steps[key] = Fresh(file, root, ledger.entries[key].digest, ledger.entries[key])
    ordered = sorted(steps.values(), key=_place([*ledger.roots, *roots]))
    missing = [] if prune else gone
    return Plan(tuple(ordered), tuple(pruned), tuple(missing))


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
