"""Updates of an index: only what is new or changed is read, cut and embedded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rag.assemble import CACHE, make_embedder
from rag.config import LibrarySettings, Settings, load_library_settings
from rag.errors import EmptyCorpusError, SourceError, UnknownSourceError
from rag.index import Index, Progress, write_generation, writing
from rag.library.base import Base
from rag.library.ledger import Entry
from rag.library.plan import Plan, planned
from rag.library.run import Run, Update
from rag.load import File, Skipped, files
from rag.load.fact import tags_of
from rag.load.web import fetch
from rag.manifest import Json
from rag.protocols import Embedder
from rag.text import is_address

_REASONS_MAX_CHARS = 500
Report = Callable[[Progress], None]


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
        base = Base.open(folder, embedder, settings)
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
        run = Run(plan, base, settings, library, words)
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
        base = Base.open(folder, embedder, settings)
        gone = set(document_ids)
        entries = [_without(entry, gone) for entry in base.ledger.entries.values()]
        plan = Plan(tuple(entry for entry in entries if entry is not None))
        if entries == list(base.ledger.entries.values()):
            raise UnknownSourceError(
                f"색인에 {', '.join(document_ids)} 문서가 없습니다.", "rag status 로 보세요."
            )
        run = Run(plan, base, settings, library, ())
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


def _write(
    run: Run, base: Base, folder: Path, embedder: Embedder, settings: Settings, report: Report
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
