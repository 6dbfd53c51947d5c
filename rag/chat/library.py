"""The documents of the chat: listed, added and removed while people ask.

One worker indexes, in the order in which jobs come; answers go on from the older index until the new one
is published. An index is rebuilt from its own texts, so originals are not needed.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from rag.chat.parts import Parts
from rag.chat.upload import take
from rag.config import ChatSettings
from rag.errors import EmptyCorpusError, GeungeoError, SourceError
from rag.index import Progress, build
from rag.load import Skipped, load
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
    """

    def __init__(self, parts: Parts, limits: ChatSettings) -> None:
        self._parts = parts
        self._limits = limits
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
        folder = Path(tempfile.mkdtemp(prefix="geungeo-"))
        taken, refused = take(uploads, folder, self._limits)
        job = Job(tuple(path.name for path in taken), notes=refused)
        if taken:
            self._worker.submit(self._run, job, folder, taken, ())
        else:
            job.stage = Stage.FAILED
            shutil.rmtree(folder)
        return job

    def remove(self, document_ids: Collection[str]) -> Job:
        """Begin to take documents out of the index."""
        job = Job(tuple(document_ids))
        self._worker.submit(self._run, job, None, (), frozenset(document_ids))
        return job

    def close(self) -> None:
        """Finish what was begun."""
        self._worker.shutdown()

    def _run(self, job: Job, folder: Path | None, paths: Sequence[Path], dropped: Collection[str]) -> None:
        self.current = job
        try:
            job.stage = Stage.READING
            self._rebuild(job, self._read(job, paths), dropped)
            job.stage = Stage.DONE
        except GeungeoError as error:
            job.notes.append(str(error))
            job.stage = Stage.FAILED
        except Exception as error:  # the worker must outlive a parser's or a disk's fault
            logger.warning("library job failed", exc_info=True)
            job.notes.append(f"색인하지 못했습니다({type(error).__name__}).")
            job.stage = Stage.FAILED
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def _read(self, job: Job, paths: Sequence[Path]) -> list[Document]:
        """The new documents, under ids that are free; those that are here already are noted."""
        here = {document.sha256: document.title for document in self.documents()}
        taken = {document.id for document in self.documents()}
        found: list[Document] = []
        for item in load(paths, self._limits.max_upload_bytes):
            if isinstance(item, Skipped):
                job.notes.append(str(item.error))
            elif item.sha256 in here:
                job.notes.append(f"{item.id}: 같은 글이 이미 있습니다({here[item.sha256]}).")
            else:
                made = replace(item, id=_free(item.id, taken))
                taken.add(made.id)
                here[made.sha256] = made.title
                found.append(made)
        if paths and not found:
            raise SourceError("새로 색인할 글이 없습니다.")
        return found

    def _kept(self, dropped: Collection[str]) -> Iterator[Document]:
        for outline in self.documents():
            if outline.id not in dropped and (whole := self.document(outline.id)) is not None:
                yield whole

    def _rebuild(self, job: Job, added: list[Document], dropped: Collection[str]) -> None:
        kept = list(self._kept(dropped))
        if not kept and not added:
            raise EmptyCorpusError("마지막 문서는 지울 수 없습니다.", "다른 문서를 올린 뒤에 지워 주세요.")
        job.total = len(kept) + len(added)
        job.stage = Stage.INDEXING

        def report(progress: Progress) -> None:
            job.done = progress.documents

        settings = self._parts.settings
        build(
            self._parts.folder,
            [*kept, *added],
            self._parts.embedder,
            chunk_max_chars=settings.chunk_max_chars,
            batch_size=settings.embed_batch_size,
            sources=self._sources(),
            report=report,
        )
        self._parts.reopen()
        job.added = tuple(document.id for document in added)

    def _sources(self) -> list[str]:
        index = self._parts.index
        listed = index.facts.get("sources") if index is not None else None
        return [str(source) for source in listed] if isinstance(listed, list) else []


def _free(document_id: str, taken: Collection[str]) -> str:
    number = 2
    free = document_id
    while free in taken:
        path = Path(document_id)
        free = str(path.with_stem(f"{path.stem} ({number})"))
        number += 1
    return free
