"""Settings to an assistant: the one place that chooses parts, and imports them only when chosen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rag.assistant import Assistant, Limits, Rewriter
from rag.config import Settings
from rag.embed import MaxSim
from rag.errors import SettingError
from rag.index import Index
from rag.korean import kiwi
from rag.prompt import prompt_digest
from rag.protocols import Embedder, Reader
from rag.retrieve import FusedRetriever
from rag.text import is_address
from rag.types import Provenance

WEIGHTS = Path(__file__).with_name("weights")
EMBEDDED = "embedded"
#: Inside an index folder: vectors of slow embedders by content, so that a rebuild embeds only what is new.
CACHE = "cache"
NONE = "none"

#: Packages whose version can change an answer or a vector.
VERSIONED = (
    "bm25s",
    "faiss-cpu",
    "geungeo",
    "kiwipiepy",
    "kiwipiepy_model",
    "lightgbm",
    "llama-cpp-python",
    "numpy",
    "sentence-transformers",
    "tokenizers",
    "torch",
)


def installed() -> tuple[tuple[str, str], ...]:
    """``(package, version)`` of everything in :data:`VERSIONED`, in name order; "" if absent."""

    def found(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return ""

    return tuple((name, found(name)) for name in VERSIONED)


def make_embedder(settings: Settings, cache: Path | None = None) -> Embedder:
    """The configured embedder; a slow one keeps its passage vectors in the folder ``cache``.

    Raises:
        ModelError: Missing, damaged, or not an embedding model.
    """
    from rag.embed import load_embedder

    return load_embedder(settings, cache)


def make_reader(settings: Settings) -> Reader:
    """The configured reader: embedded spans, best sentence, or any GGUF.

    Raises:
        ModelError: Missing, damaged, or not a GGUF model.
    """
    if settings.reader == EMBEDDED:
        from rag.extract import SpanReader

        return SpanReader.load(WEIGHTS / "reader")
    if settings.reader == NONE:
        from rag.evidence import SentenceReader

        return SentenceReader()
    from rag.llm import LlamaReader

    return LlamaReader.load(settings.reader, settings)


def load_question_writer(settings: Settings) -> Callable[[str], tuple[str, str] | None]:
    """What drafts a question and a verbatim answer from a text, with the configured GGUF.

    Raises:
        SettingError: The configured reader is no language model.
        ModelError: Missing, damaged, or not a GGUF model.
    """
    if settings.reader in {EMBEDDED, NONE}:
        raise SettingError(
            f"리더 {settings.reader}은(는) 글을 짓지 못합니다.", "GGUF 모델을 리더로 정해 주세요."
        )
    from rag.llm.question import QuestionWriter

    return QuestionWriter.load(settings.reader, settings)


def load_assistant(settings: Settings, index_folder: Path) -> Assistant:
    """Everything needed to answer, loaded, Kiwi included.

    Raises:
        SearchIndexError: No index, or one that does not fit.
        ModelError: A model that cannot be used.
    """
    embedder = make_embedder(settings)
    index = Index.load(index_folder, embedder)
    reader = make_reader(settings)
    kiwi()
    return make_assistant(settings, index, embedder, reader)


def make_retriever(settings: Settings, index: Index, embedder: Embedder) -> FusedRetriever:
    """Retrieval as the settings weigh it, over an open index."""
    return FusedRetriever(
        index,
        embedder,
        candidates=settings.candidates,
        dense_weight=settings.dense_weight,
        aside_factor=settings.aside_factor,
        late=MaxSim.load() if settings.late_weight > 0 else None,
        late_weight=settings.late_weight,
    )


def make_assistant(settings: Settings, index: Index, embedder: Embedder, reader: Reader) -> Assistant:
    """An assistant of loaded parts, which several assistants may share; costs nothing."""
    limits = Limits(settings.top_k, settings.abstain_below, settings.max_question_chars)
    provenance = _provenance(settings, index, embedder, reader)
    retriever = make_retriever(settings, index, embedder)
    return Assistant(index, retriever, reader, limits, provenance, _rewriter(reader))


def _rewriter(reader: Reader) -> Rewriter | None:
    """A language model makes follow-ups stand-alone itself; rules do it for the embedded readers."""
    writer = getattr(reader, "follow_up_writer", None)
    return writer() if writer is not None else None


def _provenance(settings: Settings, index: Index, embedder: Embedder, reader: Reader) -> Provenance:
    return Provenance(
        settings=settings.digest,
        index=index.digest,
        embedder=embedder.fingerprint,
        reader=reader.fingerprint,
        prompt=prompt_digest(),
        seed=settings.seed,
        versions=installed(),
    )


def stale_sources(index: Index) -> list[str]:
    """Indexed paths that changed or vanished since the index was built; looks at 2,000 files at most.

    What a page of the web says now is not asked.
    """
    built = (index.folder / "manifest.json").stat().st_mtime
    sources = index.facts.get("sources")
    changed: list[str] = []
    own = index.folder.parent.resolve()
    budget = 2000
    for source in map(str, sources if isinstance(sources, list) else []):
        if is_address(source):
            continue
        if not Path(source).exists():
            changed.append(source)
            continue
        for paths in _listed(Path(source), own):
            budget -= len(paths)
            changed += [str(path) for path in paths if path.is_file() and path.stat().st_mtime > built]
            if budget < 0:
                return changed
    return changed


def _listed(source: Path, own: Path) -> Iterator[list[Path]]:
    """Paths of each folder below ``source``, or itself; without hidden ones and the index's ``own``."""
    if not source.is_dir():
        yield [source]
        return
    for parent, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not name.startswith(".") and Path(parent, name) != own]
        yield [Path(parent, name) for name in names if not name.startswith(".")]
