"""Updates of an index: only what is new or changed is read, cut and embedded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag import manifest
from rag.assemble import CACHE, make_embedder
from rag.config import LibrarySettings, Settings, load_library_settings
from rag.errors import EmptyCorpusError, SearchIndexError, SourceError, UnknownSourceError
from rag.index import Index, Kept, Progress, live, write_generation, writing
from rag.library.duplicate import PRINT_VERSION, Likeness, Print, print_of, read_prints, write_prints
from rag.library.ledger import Duplicate, Entry, Ledger
from rag.library.plan import Fresh, Plan, planned
from rag.load import LOAD_VERSION, File, Skipped, files, free_id, read
from rag.load.fact import tags_of
from rag.load.web import fetch, is_address
from rag.manifest import Json
from rag.protocols import Embedder
from rag.types import Document

_REASONS_MAX_CHARS = 500
_KEPT = ("읽을 수 없어 전에 읽은 글을 그대로 둡니다.", "권한과 경로를 확인해 주세요.")

Report = Callable[[Progress], None]


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


def update_index(
    settings: Settings,
    sources: Sequence[str | Path],
    folder: Path,
    *,
    prune: bool = False,
    rebuild: bool = False,
    tags: Sequence[str] = (),
    library: LibrarySettings | None = None,
    embedder: Embedder | None = None,
    report: Report = lambda progress: None,
    plan_ready: Callable[[int], None] = lambda files: None,
) -> Update:
    """Bring the index in ``folder`` up to date with ``sources``; made if there is none.

    What an earlier update took in from elsewhere stays. An index of another embedder, passage length or
    version is made anew from all it was made from.

    Args:
        settings: Embedder, passage length, file size limit.
        sources: Files, folders and addresses; none means all that were ever given.
        folder: The index folder. The old index stays live until the new one is complete.
        prune: Drop documents whose file below ``sources`` is gone; what only cannot be read now stays.
        rebuild: Read and embed everything again.
        tags: For all documents read now.
        library: The ``[library]`` table; read from the configuration unless given.
        embedder: One that is loaded already, as ``settings`` say; loaded here unless given.
        report: Called after each document.
        plan_ready: Called once with the number of files of the new index.

    Raises:
        SourceError: A path is missing, a manifest does not hold, or there is nothing to index.
        IndexBusyError, IndexWriteError: Another writer, or a disk that refuses.
        ModelError: The embedder cannot be used.
    """
    library = library or load_library_settings()
    embedder = embedder or make_embedder(settings, folder / CACHE)
    with writing(folder, library.writer_wait_s):
        base = _Base.open(folder, embedder, settings)
        given = [_root(source) for source in sources]
        roots = given or base.roots
        _check_present(given, roots)
        looked = roots if base.fits else dict.fromkeys([*base.roots, *roots])
        unread: list[Skipped] = []
        there = filter(_is_there, looked)  # of those given earlier: what is gone can be pruned
        found = list(_found(there, folder.resolve(), settings, library, unread.append))
        words = tuple(tags_of(list(tags)))
        plan = planned(
            base.ledger,
            found,
            roots,
            [item.closed for item in unread if item.closed],
            words,
            prune=prune,
            rebuild=rebuild or not base.fits,
        )
        plan_ready(len(plan.steps))
        run = _Run(plan, base, settings, library, words)
        written = bool(plan.fresh or plan.pruned or not base.fits)
        facts = base.touched() if not written else _write(run, base, folder, embedder, settings, report)
        return run.result(facts, written, unread)


def build_index(
    settings: Settings,
    paths: Sequence[Path],
    folder: Path,
    *,
    skip: Callable[[Skipped], None],
    report: Report = lambda progress: None,
) -> dict[str, Json]:
    """:func:`update_index` for those who want the manifest only; ``skip`` gets what could not be read."""
    done = update_index(settings, paths, folder, report=report)
    for item in done.skipped:
        skip(item)
    return done.facts


def remove_documents(
    settings: Settings,
    document_ids: Sequence[str],
    folder: Path,
    *,
    library: LibrarySettings | None = None,
    embedder: Embedder | None = None,
) -> dict[str, Json]:
    """Drop documents from an index.

    A document whose file still lies below an indexed folder comes back with that folder's next update.

    Returns:
        The manifest of the index.

    Raises:
        UnknownSourceError: The index holds none of them.
        EmptyCorpusError: Nothing would be left.
        SearchIndexError: As of :func:`rag.index.Index.load` and :func:`update_index`.
    """
    library = library or load_library_settings()
    embedder = embedder or make_embedder(settings, folder / CACHE)
    with writing(folder, library.writer_wait_s):
        Index.load(folder, embedder)  # refuses with the reason
        base = _Base.open(folder, embedder, settings)
        gone = set(document_ids)
        entries = [_without(entry, gone) for entry in base.ledger.entries.values()]
        plan = Plan(tuple(entry for entry in entries if entry is not None))
        if entries == list(base.ledger.entries.values()):
            raise UnknownSourceError(
                f"색인에 {', '.join(document_ids)} 문서가 없습니다.", "rag status 로 보세요."
            )
        run = _Run(plan, base, settings, library, ())
        return _write(run, base, folder, embedder, settings, lambda progress: None)


def _without(entry: Entry, gone: set[str]) -> Entry | None:
    left = tuple(name for name in entry.documents if name not in gone)
    return None if entry.documents and not left else replace(entry, documents=left)


def _root(source: str | Path) -> str:
    return str(source) if is_address(str(source)) else str(Path(source).resolve())


def _is_there(root: str) -> bool:
    return is_address(root) or Path(root).exists()


def _check_present(given: Sequence[str], roots: Sequence[str]) -> None:
    missing = [root for root in given if not _is_there(root)]
    if missing:
        raise SourceError(f"없는 경로입니다: {', '.join(missing)}.", "경로를 확인해 주세요.")
    if not roots:
        raise SourceError("무엇을 색인할지 알 수 없습니다.", "rag index 문서폴더 처럼 경로를 적어 주세요.")


def _found(
    roots: Iterable[str],
    index: Path,
    settings: Settings,
    library: LibrarySettings,
    skip: Callable[[Skipped], None],
) -> Iterator[tuple[str, File]]:
    """Everything below the roots, once, but for the index itself where it lies among its sources."""
    seen: set[str] = set()
    for root in roots:
        items = fetch(root, settings.max_file_bytes, library) if is_address(root) else files(Path(root))
        for item in items:
            if isinstance(item, Skipped):
                skip(item)
            elif item.key not in seen and (is_address(root) or index not in Path(item.key).parents):
                seen.add(item.key)
                yield root, item


@dataclass(frozen=True, slots=True)
class _Base:
    """The index as it is: what it holds, and whether what was computed for it can be used again."""

    ledger: Ledger
    roots: list[str]
    index: Index | None
    fits: bool

    @classmethod
    def open(cls, folder: Path, embedder: Embedder, settings: Settings) -> _Base:
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


class _Run:
    """One update under way: documents in the order of the plan, entries and prints beside them."""

    def __init__(
        self, plan: Plan, base: _Base, settings: Settings, library: LibrarySettings, tags: tuple[str, ...]
    ) -> None:
        self._plan = plan
        self._base = base
        self._settings = settings
        self._tags = tags
        self._likeness = Likeness(library.near_duplicate)
        self._stored: dict[str, Document] = {}
        self._prints: dict[str, Print] = {}
        self._taken: set[str] = set()
        self._order: list[str] = []
        self.entries: list[Entry] = []
        self._remember()

    def _remember(self) -> None:
        """What is kept is known before anything new is read, so that the new repeats the old."""
        if self._base.index is None:
            return
        outlines = list(self._base.index.store.outlines())
        known = self._base.index.facts.get("prints") == PRINT_VERSION
        prints = read_prints(self._base.index.folder) if known else ()
        self._stored = {outline.id: outline for outline in outlines}
        self._prints = {one.id: row for one, row in zip(outlines, prints, strict=False)}
        for step in self._plan.steps:
            for name in step.documents if isinstance(step, Entry) else ():
                if name in self._stored:
                    self._taken.add(name)
                    self._likeness.add(name, self._stored[name].sha256, self._print(name))

    def _print(self, document_id: str) -> Print:
        if document_id in self._prints or self._base.index is None:
            return self._prints[document_id]
        return print_of(self._base.index.store.document(document_id).text)

    def documents(self) -> Iterator[Document | Kept]:
        """Everything the new index holds."""
        for step in self._plan.steps:
            if isinstance(step, Fresh):
                yield from self._read(step)
            else:
                yield from self._keep(step)

    def _keep(self, entry: Entry) -> Iterator[Document | Kept]:
        held = tuple(name for name in entry.documents if name in self._stored)
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
        same = self._base.fits and self._stored.get(document.id) == replace(document, text="")
        return Kept(document.id) if same else document

    def attach(self, work: Path) -> dict[str, Json]:
        """Write ledger and prints into the new generation."""
        Ledger(self.entries).write(work)
        write_prints(work, [self._likeness.prints[name] for name in self._order])
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


def _write(
    run: _Run, base: _Base, folder: Path, embedder: Embedder, settings: Settings, report: Report
) -> dict[str, Json]:
    try:
        return write_generation(
            folder,
            run.documents(),
            embedder,
            chunk_max_chars=settings.chunk_max_chars,
            chunk_max_tokens=settings.chunk_max_tokens,
            batch_size=settings.embed_batch_size,
            report=report,
            base=base.index,
            attach=run.attach,
        )
    except EmptyCorpusError as error:
        reasons = " ".join(message for entry in run.entries for message, _ in entry.skipped[:1])
        problem = f"{error.message} {reasons[:_REASONS_MAX_CHARS]}".strip()
        raise EmptyCorpusError(problem, error.remedy) from None
