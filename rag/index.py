"""Passages, dense vectors and BM25 as one artefact on disk: build, publish, load, verify.

Layout of an index folder::

    CURRENT                 name of the live generation, replaced by one rename
    LOCK                    held while someone writes
    gen-<digest>/           store files, vectors.faiss, bm25/, words/, manifest.json (written last)

A reader that has opened a generation keeps its mapped files although a writer removes them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag import manifest
from rag.chunk import CHUNK_VERSION, chunk
from rag.dense import DenseIndex
from rag.embed import WordBags, words
from rag.errors import (
    EmptyCorpusError,
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexVersionError,
)
from rag.korean import KOREAN_VERSION, Analysis, analyse_many, terms
from rag.lexical import LexicalIndex
from rag.manifest import Json
from rag.protocols import Embedder, Vectors
from rag.store import Store, StoreWriter
from rag.text import TEXT_VERSION
from rag.types import Document, Passage

logger = logging.getLogger(__name__)

INDEX_VERSION = 2
CURRENT = "CURRENT"
LOCK = "LOCK"
VECTORS = "vectors.faiss"
BM25 = "bm25"
WORDS = "words"

#: Below this size every digest is compared on load (milliseconds); above, only by ``rag doctor --deep``.
DEEP_CHECK_BYTES = 64 * 2**20

_REBUILD = "rag index 로 색인을 다시 만들어 주세요."


@runtime_checkable
class AnalysisEmbedder(Protocol):
    """An embedder that works on analyses, so that text is analysed once for search and vectors."""

    def embed_analyses(self, analyses: Sequence[Analysis]) -> Vectors: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build has come: documents and passages done, characters of text read."""

    documents: int
    passages: int
    chars: int


def retrieval_text(passage: Passage) -> str:
    """What is searched: the passage under its title and section path."""
    return f"{passage.context}\n{passage.text}" if passage.context else passage.text


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise IndexBusyError(
                f"다른 프로세스가 색인 {folder}을(를) 쓰고 있습니다.", "끝난 뒤에 다시 실행해 주세요."
            ) from None
        yield


class _Build:
    """One pass over documents: store, term lists and vectors, batch by batch."""

    def __init__(self, folder: Path, embedder: Embedder, max_chars: int, batch: int) -> None:
        self._store = StoreWriter(folder)
        self._embedder = embedder
        self._max_chars = max_chars
        self._batch = batch
        self._vectors: list[Vectors] = []
        self._words: list[NDArray[np.int32]] = []
        self._chars = 0

    def _passages(
        self, documents: Iterable[Document], report: Callable[[Progress], None]
    ) -> Iterator[Passage]:
        for document in documents:
            passages = list(chunk(document, self._max_chars))
            self._store.add(document, passages)
            yield from passages
            self._chars += len(document.text)
            report(Progress(self._store.document_count, self._store.passage_count, self._chars))

    def _embed(self, texts: Sequence[str], analyses: Sequence[Analysis]) -> Vectors:
        if isinstance(self._embedder, AnalysisEmbedder):
            return self._embedder.embed_analyses(analyses)
        return self._embedder.embed_passages(texts)

    def term_lists(
        self, documents: Iterable[Document], report: Callable[[Progress], None]
    ) -> Iterator[list[str]]:
        """Terms of each passage in row order; vectors are gathered on the way."""
        passages = self._passages(documents, report)
        while group := list(islice(passages, self._batch)):
            texts = [retrieval_text(passage) for passage in group]
            analyses = list(analyse_many(texts))
            self._vectors.append(self._embed(texts, analyses))
            self._words += map(words, analyses)
            yield from map(terms, analyses)

    @property
    def words(self) -> WordBags:
        """Distinct words of each passage, in row order."""
        return WordBags.of(self._words)

    def finish(self) -> tuple[Vectors, int, int]:
        """Close the store; vectors ``(passages, dim)``, documents, passages."""
        self._store.close()
        empty = np.zeros((0, self._embedder.dim), np.float32)
        vectors = np.concatenate([empty, *self._vectors])
        return vectors, self._store.document_count, self._store.passage_count


def build(
    folder: Path,
    documents: Iterable[Document],
    embedder: Embedder,
    *,
    chunk_max_chars: int,
    batch_size: int = 64,
    sources: Sequence[str] = (),
    report: Callable[[Progress], None] = lambda progress: None,
) -> dict[str, Json]:
    """Index ``documents`` and publish the result in ``folder`` by one rename.

    Until then an older index in ``folder`` stays readable; on any failure it stays the live one.

    Args:
        folder: Made if missing.
        documents: Streamed; ids must be unique.
        embedder: Its fingerprint goes into the manifest.
        chunk_max_chars: Longest passage in code points.
        batch_size: Passages analysed and embedded at once.
        sources: Absolute paths that were indexed, kept so that ``rag ask`` can notice changes.
        report: Called after each document.

    Returns:
        The manifest of the new generation.

    Raises:
        EmptyCorpusError: No passage at all.
        IndexBusyError: Another process is writing here.
    """
    with _writing(folder):
        _sweep(folder)
        work = folder / f".building-{os.getpid()}"
        work.mkdir()
        try:
            made = _build_into(work, documents, embedder, chunk_max_chars, batch_size, sources, report)
            _publish(folder, work)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        _sweep(folder)
        return made


def _build_into(
    work: Path,
    documents: Iterable[Document],
    embedder: Embedder,
    chunk_max_chars: int,
    batch_size: int,
    sources: Sequence[str],
    report: Callable[[Progress], None],
) -> dict[str, Json]:
    run = _Build(work, embedder, chunk_max_chars, batch_size)
    lexical = LexicalIndex.build(run.term_lists(documents, report))
    vectors, document_count, passage_count = run.finish()
    if passage_count == 0:
        raise EmptyCorpusError(
            "색인할 글이 하나도 없습니다.", "글이 든 .txt·.md·.html·.jsonl 파일이나 폴더를 주세요."
        )
    (work / BM25).mkdir()
    lexical.save(work / BM25)
    DenseIndex.build(vectors).save(work / VECTORS)
    (work / WORDS).mkdir()
    run.words.save(work / WORDS)
    return manifest.write(
        work,
        "index",
        INDEX_VERSION,
        {
            "documents": document_count,
            "passages": passage_count,
            "embedder": embedder.fingerprint,
            "dim": embedder.dim,
            "korean": KOREAN_VERSION,
            "text": TEXT_VERSION,
            "chunk": CHUNK_VERSION,
            "chunk_max_chars": chunk_max_chars,
            "sources": list(sources),
        },
    )


def _publish(folder: Path, work: Path) -> None:
    for path in work.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
    name = f"gen-{manifest.file_digest(work / manifest.NAME)[:16]}"
    if (folder / name).exists():  # the same content again: keep what readers have open
        shutil.rmtree(work)
    else:
        work.rename(folder / name)
    pointer = folder / f".{CURRENT}-{os.getpid()}"
    pointer.write_text(name + "\n")
    os.replace(pointer, folder / CURRENT)


def _sweep(folder: Path) -> None:
    """Remove generations that are not live and remains of killed builds. Caller holds the lock."""
    live = _current(folder)
    for path in folder.iterdir():
        if path.name.startswith((".building-", f".{CURRENT}-")) or (
            path.name.startswith("gen-") and path.name != live
        ):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _current(folder: Path) -> str | None:
    try:
        return (folder / CURRENT).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


class Index:
    """An open generation: passages by row, dense and lexical scores. Read-only."""

    def __init__(
        self,
        folder: Path,
        facts: dict[str, Json],
        store: Store,
        lexical: LexicalIndex,
        dense: DenseIndex,
        words: WordBags,
    ) -> None:
        self.folder = folder
        self.facts = facts
        self.store = store
        self.lexical = lexical
        self.dense = dense
        self.words = words
        self.aside = store.roles()

    @property
    def digest(self) -> str:
        """Names the content: the end of the generation's folder name."""
        return self.folder.name.removeprefix("gen-")

    @classmethod
    def load(cls, folder: Path, embedder: Embedder | None = None, *, deep: bool = False) -> Index:
        """Open the live generation of ``folder``.

        Args:
            folder: As given to :func:`build`.
            embedder: Refuse an index whose vectors came from another; ``None`` skips that check.
            deep: Compare every digest however large the index is.

        Raises:
            IndexMissingError, IndexDamagedError, IndexVersionError, IndexMismatchError.
        """
        generation = _generation(folder)
        facts = _checked_manifest(generation, deep=deep)
        if embedder is not None and facts["embedder"] != embedder.fingerprint:
            raise IndexMismatchError(
                f"색인 {folder}은(는) 임베더 {facts['embedder']}(으)로 만들었는데, "
                f"지금 설정은 {embedder.fingerprint}입니다.",
                "설정을 되돌리거나 rag index 로 색인을 다시 만들어 주세요.",
            )
        try:
            store = Store.load(generation)
            lexical = LexicalIndex.load(generation / BM25, store.passage_count)
            dense = DenseIndex.load(generation / VECTORS)
            bags = WordBags.load(generation / WORDS)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise IndexDamagedError(f"색인 {folder}을(를) 읽을 수 없습니다: {error}.", _REBUILD) from error
        if store.passage_count != facts["passages"]:
            raise IndexDamagedError(f"색인 {folder}의 구절 수가 목록과 다릅니다.", _REBUILD)
        return cls(generation, facts, store, lexical, dense, bags)


def _generation(folder: Path) -> Path:
    name = _current(folder)
    if name is None:
        raise IndexMissingError(
            f"{folder}에 색인이 없습니다.", f"먼저 rag index 문서폴더 --index {folder} 를 실행해 주세요."
        )
    generation = folder / name
    if not name.startswith("gen-") or not generation.is_dir():
        raise IndexDamagedError(f"색인 {folder}이(가) 가리키는 {name!r}이(가) 없습니다.", _REBUILD)
    return generation


def _checked_manifest(generation: Path, *, deep: bool) -> dict[str, Json]:
    try:
        facts = manifest.read(generation)
    except (OSError, ValueError) as error:
        raise IndexDamagedError(f"색인 목록을 읽을 수 없습니다: {error}.", _REBUILD) from error
    expected = {
        "version": INDEX_VERSION,
        "korean": KOREAN_VERSION,
        "text": TEXT_VERSION,
        "chunk": CHUNK_VERSION,
    }
    for name, value in expected.items():
        if facts.get(name) != value:
            raise IndexVersionError(
                f"색인의 {name} 판은 {facts.get(name)}인데, 이 프로그램은 {value} 판을 씁니다.", _REBUILD
            )
    size = sum(path.stat().st_size for path in generation.rglob("*") if path.is_file())
    wrong = manifest.faults(generation, facts, deep=deep or size <= DEEP_CHECK_BYTES)
    if wrong:
        raise IndexDamagedError(f"색인이 손상되었습니다: {'; '.join(wrong)}.", _REBUILD)
    return facts
