"""One update under way: what is kept, what is read anew, what repeats, and what to report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.config import LibrarySettings, Settings
from rag.errors import SourceError
from rag.index import Kept
from rag.library.base import Base
from rag.library.duplicate import PRINT_VERSION, Likeness, print_of, write_prints
from rag.library.ledger import Duplicate, Entry, Ledger
from rag.library.plan import Fresh, Plan
from rag.load import LOAD_VERSION, Skipped, free_id, read
from rag.manifest import Json
from rag.types import Document

_KEPT = ("읽을 수 없어 전에 읽은 글을 그대로 둡니다.", "권한과 경로를 확인해 주세요.")


@dataclass(frozen=True, slots=True)
class Update:
    """What an update did, in numbers of files but for the last two.

    ``missing`` files are gone but still in the index: pruning drops them. ``written`` is false where
    there was nothing to do. ``facts`` is the manifest of the live index.
    """

    facts: dict[str, Json]
    added: int
    replaced: int
    kept: int
    pruned: int
    missing: int
    written: bool
    duplicates: tuple[Duplicate, ...]
    skipped: tuple[Skipped, ...]


class Run:
    """One update under way: documents in the order of the plan, entries and prints beside them."""

    def __init__(
        self, plan: Plan, base: Base, settings: Settings, library: LibrarySettings, tags: tuple[str, ...]
    ) -> None:
        self._plan = plan
        self._base = base
        self._settings = settings
        self._tags = tags
        self._likeness = Likeness(library.near_duplicate, base.prints())
        self._taken: set[str] = set()
        self._order: list[str] = []
        self.entries: list[Entry] = []
        self._remember()

    def _remember(self) -> None:
        """What is kept is known before anything new is read, so that the new repeats the old."""
        if self._base.index is None:
            return
        store = self._base.index.store
        for name in (n for step in self._plan.steps if isinstance(step, Entry) for n in step.documents):
            if name not in store:
                continue
            self._taken.add(name)
            sha256 = store.outline(name).sha256
            if not self._likeness.keep(name, sha256, store.row(name)):
                self._likeness.add(name, sha256, print_of(store.document(name).text))

    def documents(self) -> Iterator[Document | Kept]:
        """Everything the new index holds."""
        for step in self._plan.steps:
            if isinstance(step, Fresh):
                yield from self._read(step)
            else:
                yield from self._keep(step)

    def _keep(self, entry: Entry) -> Iterator[Document | Kept]:
        held = tuple(name for name in entry.documents if self._base.holds(name))
        if held or not entry.documents:
            self.entries.append(replace(entry, documents=held))
        for name in held:
            self._order.append(name)
            yield self._item(name)

    def _item(self, name: str) -> Document | Kept:
        """A stored document, computed again where the old vectors do not fit."""
        if self._base.fits or self._base.index is None:
            return Kept(name)
        return self._base.index.store.document(name)

    def _read(self, step: Fresh) -> Iterator[Document | Kept]:
        file = replace(step.file, name=step.before.name) if step.before else step.file
        tags = self._tags or (step.before.tags if step.before else ())
        documents: list[str] = []
        duplicates: list[Duplicate] = []
        skipped: list[tuple[str, str]] = []
        for item in read(file, self._settings.max_file_bytes):
            if isinstance(item, Skipped):
                skipped.append((item.error.message, item.error.remedy))
                continue
            document = replace(item, tags=tuple(dict.fromkeys([*item.tags, *tags])))
            document = replace(document, id=free_id(document.id, file.owner, self._taken))
            values = print_of(document.text)
            like = self._likeness.find(document, values)
            if like is not None:
                duplicates.append(Duplicate(document.id, like[0], round(like[1], 3)))
                continue
            self._likeness.add(document.id, document.sha256, values)
            self._taken.add(document.id)
            self._order.append(document.id)
            documents.append(document.id)
            yield self._changed(document)
        root = step.before.root if step.before else step.root
        facts = (tuple(documents), tuple(duplicates), tuple(skipped), tags)
        self.entries.append(Entry(file.key, root, file.name, step.digest, *facts))

    def _changed(self, document: Document) -> Document | Kept:
        """The document, or a pointer to its like in the index: one record of many may have changed."""
        return Kept(document.id) if self._base.fits and self._base.says(document) else document

    def attach(self, work: Path) -> dict[str, Json]:
        """Write ledger and prints into the new generation."""
        Ledger(self.entries).write(work)
        write_prints(work, map(self._likeness.print, self._order))
        repeated = sum(len(entry.duplicates) for entry in self.entries)
        sources: list[Json] = [*Ledger(self.entries).roots]
        return {"load": LOAD_VERSION, "prints": PRINT_VERSION, "duplicates": repeated, "sources": sources}

    def result(self, facts: dict[str, Json], written: bool, unread: Sequence[Skipped]) -> Update:
        """Numbers and lists for the report."""
        plan = self._plan
        entries = self.entries if written else [step for step in plan.steps if isinstance(step, Entry)]
        skipped = [Skipped(e.name, SourceError(*reason)) for e in entries for reason in e.skipped]
        skipped += [Skipped(e.name, SourceError(f"{e.name}: {_KEPT[0]}", _KEPT[1])) for e in plan.unread]
        new = sum(step.before is None for step in plan.fresh)
        return Update(
            facts=facts,
            added=new,
            replaced=len(plan.fresh) - new,
            kept=len(plan.steps) - len(plan.fresh),
            pruned=len(plan.pruned),
            missing=len(plan.missing),
            written=written,
            duplicates=tuple(one for entry in entries for one in entry.duplicates),
            skipped=(*unread, *skipped),
        )
