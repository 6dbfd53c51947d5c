"""What is computed from passages: vectors, words and terms, on all cores, in order.

Kiwi's own threads use all cores for its part only; the rest (terms, words, vectors) is Python and numpy and
would leave all cores but one idle. So batches go to processes once there is enough to do.
"""

from __future__ import annotations

import logging
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag.embed import words
from rag.korean import Analysis, analyse_many, terms
from rag.protocols import Embedder, Vectors

if TYPE_CHECKING:
    from concurrent.futures import Future

    from loky import ProcessPoolExecutor

logger = logging.getLogger(__name__)

#: Batches under way for each process: one at work, two ready.
_AHEAD = 3
#: Seconds without work after which a process ends: it outlives a killed parent by no more than this.
_IDLE_S = 20
#: Each process has a core; threads of their own would only wait for each other.
_ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@runtime_checkable
class AnalysisEmbedder(Protocol):
    """An embedder that works on analyses, so that text is analysed once for search and vectors."""

    def embed_analyses(self, analyses: Sequence[Analysis]) -> Vectors: ...


@dataclass(frozen=True, slots=True)
class Features:
    """What a batch of texts gives.

    Attributes:
        vectors: ``(n, dim)`` float32; ``None`` where the embedder wants the texts themselves.
        names: The distinct search terms of the batch.
        terms: Rows of ``names``, text after text.
        term_ends: ``(n,)``: where each text ends in ``terms``.
        words: Distinct words, text after text; see :class:`rag.embed.WordBags`.
        word_ends: ``(n,)``: where each text ends in ``words``.
    """

    vectors: Vectors | None
    names: tuple[str, ...]
    terms: NDArray[np.int32]
    term_ends: NDArray[np.int64]
    words: NDArray[np.int32]
    word_ends: NDArray[np.int64]


def _cores() -> int:
    """Cores that this process may use; macOS and Windows tell only how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def features(texts: Sequence[str], embedder: AnalysisEmbedder | None) -> Features:
    """Analyse texts, and embed the analyses if an embedder is given."""
    analyses = list(analyse_many(texts))
    found = [terms(analysis) for analysis in analyses]
    places: dict[str, int] = {}
    ids = (places.setdefault(term, len(places)) for term in chain.from_iterable(found))
    bags = [words(analysis) for analysis in analyses]
    return Features(
        vectors=None if embedder is None else embedder.embed_analyses(analyses),
        terms=np.fromiter(ids, np.int32),
        names=tuple(places),
        term_ends=_ends(found),
        words=np.concatenate([np.zeros(0, np.int32), *bags]),
        word_ends=_ends(bags),
    )


def _ends(parts: Sequence[Sequence[str]] | Sequence[NDArray[np.int32]]) -> NDArray[np.int64]:
    return np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), dtype=np.int64)


#: The embedder of a worker process, set once when it starts.
_embedder: AnalysisEmbedder | None = None


def _begin(embedder: AnalysisEmbedder | None) -> None:
    global _embedder  # noqa: PLW0603  # a process has no other place for what all its tasks share
    _embedder = embedder
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle


def _work(texts: Sequence[str]) -> Features:
    return features(texts, _embedder)


class FeatureStream:
    """Batches in, features out in the same order.

    Texts up to ``processes_from`` are worked on here; then processes are started. Should one die (out of
    memory, say), its batches and all later ones are worked on here.

    Args:
        embedder: Any; one that is no :class:`AnalysisEmbedder` is asked here, with the texts.
        processes: At most so many; 1 starts none, 0 means one for each core.
        processes_from: Texts after which they are started.
    """

    def __init__(self, embedder: Embedder, processes: int, processes_from: int) -> None:
        self._embedder = embedder
        self._shared = embedder if isinstance(embedder, AnalysisEmbedder) else None
        self._processes = processes or _cores()
        self._from = processes_from
        self._seen = 0
        self._pool: ProcessPoolExecutor | None = None
        self._under_way: deque[tuple[Sequence[str], Future[Features] | None]] = deque()

    def put(self, texts: Sequence[str]) -> Iterator[Features]:
        """Take a batch; gives what is complete, oldest first, once enough is under way."""
        self._seen += len(texts)
        if self._pool is None and self._processes > 1 and self._seen > self._from:
            self._pool = self._started()
        future = self._submitted(texts)
        self._under_way.append((texts, future))
        while len(self._under_way) > (_AHEAD * self._processes if self._pool is not None else 0):
            yield self._next()

    def _submitted(self, texts: Sequence[str]) -> Future[Features] | None:
        """The batch on its way to a process, or ``None`` where it is to be worked on here."""
        if self._pool is None:
            return None
        from loky.process_executor import BrokenProcessPool

        try:
            future: Future[Features] = self._pool.submit(_work, texts)
        except BrokenProcessPool as error:  # one died while none was waited for
            self._go_on_alone(error)
            return None
        return future

    def _go_on_alone(self, error: Exception) -> None:
        logger.warning("a process of indexing ended (%s); going on with one", error)
        self.close()
        self._processes = 1
        self._under_way = deque((waiting, None) for waiting, _ in self._under_way)

    def drain(self) -> Iterator[Features]:
        """What is still under way, oldest first."""
        while self._under_way:
            yield self._next()

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None

    def _started(self) -> ProcessPoolExecutor:
        from loky import ProcessPoolExecutor

        logger.info("analysing with %d processes", self._processes)
        return ProcessPoolExecutor(
            self._processes, timeout=_IDLE_S, initializer=_begin, initargs=(self._shared,), env=_ALONE
        )

    def _next(self) -> Features:
        texts, future = self._under_way.popleft()
        if future is None:
            return self._whole(texts, features(texts, self._shared))
        from loky.process_executor import BrokenProcessPool

        try:
            return self._whole(texts, future.result())
        except BrokenProcessPool as error:
            self._go_on_alone(error)
            return self._whole(texts, features(texts, self._shared))

    def _whole(self, texts: Sequence[str], made: Features) -> Features:
        if made.vectors is not None:
            return made
        parts = (made.names, made.terms, made.term_ends, made.words, made.word_ends)
        return Features(self._embedder.embed_passages(texts), *parts)
