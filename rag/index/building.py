"""Writing an index: documents stream through chunking, analysis and embedding into growing files.

Memory does not grow with the corpus until, at the end, codes of one bit a dimension of each passage are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag import manifest
from rag.chunk import CHUNK_VERSION, TokenLimit, chunk
from rag.config import load_scale_settings
from rag.dense import VectorWriter
from rag.embed import WordBagWriter
from rag.errors import EmptyCorpusError
from rag.index.features import Features, FeatureStream
from rag.index.generation import publish, sweep, unwritable, work_folder, writing
from rag.index.opened import BM25, INDEX_VERSION, VECTORS, WORDS, Index, retrieval_text
from rag.korean import KOREAN_VERSION
from rag.lexical import TermWriter
from rag.manifest import Json
from rag.protocols import Embedder
from rag.store import StoreWriter
from rag.text import TEXT_VERSION
from rag.types import Document, Passage

Cut = Callable[[Document, int, TokenLimit | None], Iterator[Passage]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build has come: documents and passages done, characters of text read.

    ``finished`` is the share done of what follows the last document: fitting BM25, codes of many vectors.
    """

    documents: int
    passages: int
    chars: int
    finished: float = 0.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A document of the base index that goes into the new one as it is: nothing is computed again."""

    document_id: str


#: Batches analysed together: what goes to a process and back is worth the way.
_BATCHES = 4
#: Share of the time after the last document that the codes take, at a million passages.
_OF_CODES = 0.3


def token_limit(embedder: Embedder, most: int) -> TokenLimit | None:
    """The smaller of ``most`` and what ``embedder`` reads, where 0 means no limit."""
    limits = [limit for limit in (most, embedder.max_tokens) if limit]
    return TokenLimit(min(limits), embedder.count_tokens) if limits else None


class _Build:
    """One pass over documents: store, terms, words and vectors, batch by batch."""

    def __init__(
        self, folder: Path, embedder: Embedder, max_chars: int, max_tokens: int, batch: int, cut: Cut
    ) -> None:
        for name in (BM25, VECTORS, WORDS):
            (folder / name).mkdir()
        self._store = StoreWriter(folder)
        self._terms = TermWriter(folder / BM25)
        self._vectors = VectorWriter(folder / VECTORS, embedder.dim)
        self._words = WordBagWriter(folder / WORDS)
        scale = load_scale_settings()
        self._stream = FeatureStream(embedder, scale.index_processes, scale.processes_from)
        self._max_chars = max_chars
        self._tokens = token_limit(embedder, max_tokens)
        self._batch = batch * _BATCHES
        self._cut = cut
        self._pending: list[Passage] = []
        self.chars = 0

    def add(self, document: Document) -> None:
        """Cut, analyse and embed a document."""
        passages = list(self._cut(document, self._max_chars, self._tokens))
        self._store.add(document, passages)
        self._pending += passages
        self.chars += len(document.text)
        while len(self._pending) >= self._batch:
            self._flush(self._batch)

    def copy(self, document_id: str, base: Index) -> None:
        """Take a document over from ``base`` with all that was computed for it."""
        self._settle()
        rows = base.store.rows(document_id)
        document = base.store.document(document_id)
        self._store.add(document, [base.store.passage(row) for row in rows])
        self._terms.copy(base.lexical, rows)
        self._vectors.append(base.dense.vectors[rows.start : rows.stop])
        self._words.copy(base.words, rows)
        self.chars += len(document.text)

    def _flush(self, count: int) -> None:
        """Send passages to be analysed, and take in what is ready."""
        group, self._pending = self._pending[:count], self._pending[count:]
        if group:
            self._take(self._stream.put([retrieval_text(passage) for passage in group]))

    def _take(self, ready: Iterable[Features]) -> None:
        for made in ready:
            if made.vectors is not None:
                self._vectors.append(made.vectors)
            self._terms.add_many(made.names, made.terms, made.term_ends)
            self._words.add_many(made.words, made.word_ends)

    def _settle(self) -> None:
        """Take in everything that was added."""
        self._flush(len(self._pending))
        self._take(self._stream.drain())

    @property
    def progress(self) -> Progress:
        """What has been taken in so far."""
        return Progress(self._store.document_count, self._store.passage_count, self.chars)

    def finish(self, report: Callable[[Progress], None]) -> None:
        """Complete all files; fit BM25 and, for many passages, the approximate dense index."""
        self._settle()
        self.close()
        self._store.close()
        self._words.close()
        done = self.progress
        self._vectors.close(lambda share: report(replace(done, finished=_OF_CODES * share)))
        self._terms.close(lambda share: report(replace(done, finished=_OF_CODES + (1 - _OF_CODES) * share)))

    def close(self) -> None:
        """End what helps; :meth:`finish` does, so this is for builds that fail."""
        self._stream.close()


def build(
    folder: Path,
    documents: Iterable[Document],
    embedder: Embedder,
    *,
    chunk_max_chars: int,
    chunk_max_tokens: int = 0,
    batch_size: int = 64,
    sources: Sequence[str] = (),
    report: Callable[[Progress], None] = lambda progress: None,
    cut: Cut = chunk,
) -> dict[str, Json]:
    """Index ``documents`` and publish the result in ``folder`` by one rename.

    Until then an older index in ``folder`` stays readable; on any failure it stays the live one.

    Args:
        folder: Made if missing.
        documents: Streamed; ids must be unique.
        embedder: Its fingerprint goes into the manifest.
        chunk_max_chars: Longest passage in code points.
        chunk_max_tokens: Longest passage in the embedder's tokens, its title included; 0: as it can read.
        batch_size: Passages analysed and embedded at once.
        sources: Absolute paths that were indexed, kept so that ``rag ask`` can notice changes.
        report: Called after each document, and while the index is completed.
        cut: Documents to passages of at most so many code points, in text order; for experiments.

    Returns:
        The manifest of the new generation.

    Raises:
        EmptyCorpusError: No passage at all.
        IndexBusyError: Another process is writing here.
        IndexWriteError: The disk is full, or the folder cannot be written.
    """
    with writing(folder):
        return write_generation(
            folder,
            documents,
            embedder,
            chunk_max_chars=chunk_max_chars,
            chunk_max_tokens=chunk_max_tokens,
            batch_size=batch_size,
            sources=sources,
            report=report,
            cut=cut,
        )


def write_generation(
    folder: Path,
    documents: Iterable[Document | Kept],
    embedder: Embedder,
    *,
    chunk_max_chars: int,
    chunk_max_tokens: int = 0,
    batch_size: int,
    sources: Sequence[str] = (),
    report: Callable[[Progress], None] = lambda progress: None,
    base: Index | None = None,
    attach: Callable[[Path], dict[str, Json]] = lambda work: {},
    cut: Cut = chunk,
) -> dict[str, Json]:
    """As :func:`build`, for a caller that holds the lock (:func:`rag.index.generation.writing`).

    ``base`` is where :class:`Kept` documents come from: same embedder, passage length and versions.
    ``attach`` writes further files into the new generation, once all documents are read, and gives
    further facts for its manifest.
    """
    run: _Build | None = None
    try:
        with work_folder(folder) as work:
            run = _Build(work, embedder, chunk_max_chars, chunk_max_tokens, batch_size, cut)
            for _ in _taken(run, documents, base):
                report(run.progress)
            made = _finished(
                work, run, embedder, (chunk_max_chars, chunk_max_tokens), sources, report, attach
            )
            publish(folder, work)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        if run is not None:
            run.close()
    sweep(folder)
    return made


def _taken(run: _Build, documents: Iterable[Document | Kept], base: Index | None) -> Iterator[None]:
    for item in documents:
        if not isinstance(item, Kept):
            run.add(item)
        elif base is not None:
            run.copy(item.document_id, base)
        yield


def _finished(
    work: Path,
    run: _Build,
    embedder: Embedder,
    longest: tuple[int, int],
    sources: Sequence[str],
    report: Callable[[Progress], None],
    attach: Callable[[Path], dict[str, Json]],
) -> dict[str, Json]:
    if run.progress.passages == 0:
        raise EmptyCorpusError("색인할 글이 하나도 없습니다.", "글이 든 파일이나 폴더를 주세요.")
    run.finish(report)
    facts: dict[str, Json] = {
        "documents": run.progress.documents,
        "passages": run.progress.passages,
        "chars": run.chars,
        "embedder": embedder.fingerprint,
        "dim": embedder.dim,
        "korean": KOREAN_VERSION,
        "text": TEXT_VERSION,
        "chunk": CHUNK_VERSION,
        "chunk_max_chars": longest[0],
        "chunk_max_tokens": longest[1],
        "sources": list(sources),
    }
    return manifest.write(work, "index", INDEX_VERSION, {**facts, **attach(work)})
