"""The documents of the chat: listed, added and removed while people ask.

One worker indexes, in the order in which jobs come; answers go on from the older index until the new one
is published. Uploaded files are kept, so that the index can be made again from them.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from rag.chat.parts import Parts
from rag.chat.upload import free, take
from rag.config import ChatSettings
from rag.errors import EmptyCorpusError, GeungeoError, SourceError
from rag.index import Progress
from rag.library import Entry, Ledger, Update, remove_documents, update_index
from rag.text import normalise
from rag.types import Document

logger = logging.getLogger(__name__)


class Stage(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    READING = "reading"
    INDEXING = "indexing"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class Job:
    """A change of the documents under way; written by the worker, read by the page.

    Attributes:
        files: Names added or removed, as shown.
        done: Documents indexed so far, of ``total``.
        added: Ids of the new documents, once they can be asked.
        notes: What was refused or skipped, in Korean.
    """

    files: tuple[str, ...]
    stage: Stage = Stage.WAITING
    done: int = 0
    total: int = 0
    added: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will change."""
        return self.stage in {Stage.DONE, Stage.FAILED}


class Library:
    """Adds and removes documents of the shared index.

    Args:
        parts: Whose index; reopened after each change.
        limits: Of uploads.
        folder: Where uploaded files are kept; made when the first one comes.
    """

    def __init__(self, parts: Parts, limits: ChatSettings, folder: Path) -> None:
        self._parts = parts
        self._limits = limits
        self._folder = folder.resolve()  # as the index names its files
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="library")
        self.current: Job | None = None

    def documents(self, words: str = "") -> list[Document]:
        """Outlines (no text) whose title, name or publisher holds every word, by title."""
        index = self._parts.index
        wanted = normalise(words).casefold().split()
        found = [
            document
            for document in (index.store.outlines() if index is not None else ())
            if all(w in f"{document.title}\n{document.id}\n{document.publisher}".casefold() for w in wanted)
        ]
        return sorted(found, key=lambda document: (document.title, document.id))

    def document(self, document_id: str) -> Document | None:
        """The whole document, or ``None`` where it is no longer here."""
        index = self._parts.index
        return index.store.document(document_id) if index and document_id in index.store else None

    @property
    def passage_count(self) -> int:
        """Passages that can be found now."""
        return self._parts.index.store.passage_count if self._parts.index is not None else 0

    def add(self, uploads: Sequence[Path]) -> Job:
        """Begin to index files that were uploaded; they are moved away at once.

        Args:
            uploads: Files that belong to the caller no longer.
        """
        waiting = Path(tempfile.mkdtemp(prefix="geungeo-"))
        taken, refused = take(uploads, waiting, self._limits)
        job = Job(tuple(path.name for path in taken), notes=refused)
        if taken:
            self._worker.submit(self._run, job, lambda: self._add(job, taken), waiting)
        else:
            job.stage = Stage.FAILED
            shutil.rmtree(waiting)
        return job

    def remove(self, document_ids: Collection[str]) -> Job:
        """Begin to take documents out of the index, and what was uploaded for them out of its folder."""
        job = Job(tuple(document_ids))
        self._worker.submit(self._run, job, lambda: self._remove(job), None)
        return job

    def close(self) -> None:
        """Finish what was begun."""
        self._worker.shutdown()

    def _run(self, job: Job, work: Callable[[], None], waiting: Path | None) -> None:
        self.current = job
        try:
            job.stage = Stage.READING
            work()
            job.stage = Stage.DONE
        except GeungeoError as error:
            job.notes.append(str(error))
            job.stage = Stage.FAILED
        except Exception as error:  # the worker must outlive a parser's or a disk's fault
            logger.warning("library job failed", exc_info=True)
            job.notes.append(f"색인하지 못했습니다({type(error).__name__}).")
            job.stage = Stage.FAILED
        finally:
            if waiting is not None:
                shutil.rmtree(waiting, ignore_errors=True)

    def _add(self, job: Job, taken: Sequence[Path]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        moved = [Path(shutil.move(path, free(self._folder / path.name))) for path in taken]
        try:
            done = self._updated(job)
        except BaseException:
            _discard(moved)
            raise
        self._parts.reopen()
        names = {path.name for path in moved}
        entries = [entry for entry in self._entries().values() if Path(entry.key) in moved]
        job.added = tuple(name for entry in entries for name in entry.documents)
        job.notes += [str(item.error) for item in done.skipped if item.path in names]
        titles = {document.id: document.title for document in self.documents()}
        job.notes += [
            f"{one.id}: 같은 글이 이미 있습니다({titles.get(one.of, one.of)})."
            for entry in entries
            for one in entry.duplicates
        ]
        _discard([Path(entry.key) for entry in entries if not entry.documents])
        if not job.added:
            raise SourceError("새로 색인할 글이 없습니다.")

    def _updated(self, job: Job) -> Update:
        """The index with all that lies in the folder of uploads."""

        def planned(files: int) -> None:
            job.total = files
            job.stage = Stage.INDEXING

        def report(progress: Progress) -> None:
            job.done = progress.documents

        parts = self._parts
        return update_index(
            parts.settings,
            [self._folder],
            parts.folder,
            prune=True,
            embedder=parts.embedder,
            report=report,
            plan_ready=planned,
        )

    def _remove(self, job: Job) -> None:
        entries = self._entries().values()
        gone = set(job.files)
        try:
            remove_documents(
                self._parts.settings, job.files, self._parts.folder, embedder=self._parts.embedder
            )
        except EmptyCorpusError:
            raise EmptyCorpusError("마지막 문서는 뺄 수 없습니다.", "다른 문서를 먼저 올려 주세요.") from None
        files = [Path(entry.key) for entry in entries if entry.documents and gone.issuperset(entry.documents)]
        _discard([path for path in files if path.is_relative_to(self._folder)])
        self._parts.reopen()

    def _entries(self) -> dict[str, Entry]:
        """What the live index remembers of its files, by path."""
        index = self._parts.index
        return Ledger.read(index.folder).entries if index is not None else {}


def _discard(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
