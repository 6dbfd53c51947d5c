"""An open index: passages by row, dense and lexical scores, checked before anything is trusted."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

from rag import manifest
from rag.chunk import CHUNK_VERSION
from rag.dense import DenseIndex
from rag.embed import WordBags
from rag.errors import IndexDamagedError, IndexMismatchError, IndexVersionError, SearchIndexError
from rag.index.generation import REBUILD, current, live, named
from rag.korean import KOREAN_VERSION
from rag.lexical import LexicalIndex
from rag.manifest import Json
from rag.protocols import Embedder
from rag.store import Store
from rag.text import TEXT_VERSION
from rag.types import Passage

logger = logging.getLogger(__name__)

INDEX_VERSION = 5
VECTORS = "vectors"
BM25 = "bm25"
WORDS = "words"

#: Below this size every digest is compared on load (milliseconds); above, only by ``rag doctor --deep``.
DEEP_CHECK_BYTES = 64 * 2**20
_TRIES = 5  # a writer may take a generation away between reading its name and opening it


def retrieval_text(passage: Passage) -> str:
    """What is searched: the passage under its title and section path."""
    return f"{passage.context}\n{passage.text}" if passage.context else passage.text


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
        """Open the live generation of ``folder``; a writer may replace it meanwhile and afterwards.

        Args:
            folder: As given to :func:`rag.index.build`.
            embedder: Refuse an index whose vectors came from another; ``None`` skips that check.
            deep: Compare every digest however large the index is.

        Raises:
            IndexMissingError, IndexDamagedError, IndexVersionError, IndexMismatchError.
        """
        for _ in range(_TRIES):
            generation = live(folder)
            try:
                return cls._open(folder, generation, embedder, deep=deep)
            except SearchIndexError:
                if current(folder) == generation.name:
                    raise
            except OSError as error:
                if current(folder) == generation.name:
                    raise IndexDamagedError(
                        f"색인 {folder}을(를) 읽을 수 없습니다: {error}.", REBUILD
                    ) from error
        raise IndexDamagedError(f"색인 {folder}이(가) 여는 동안 계속 바뀝니다.", "잠시 뒤에 다시 해 주세요.")

    @classmethod
    def _open(cls, folder: Path, generation: Path, embedder: Embedder | None, *, deep: bool) -> Index:
        facts = checked_manifest(folder, generation, deep=deep)
        if embedder is not None and facts["embedder"] != embedder.fingerprint:
            raise IndexMismatchError(
                f"색인 {folder}은(는) 임베더 {facts['embedder']}(으)로 만들었는데, "
                f"지금 설정은 {embedder.fingerprint}입니다.",
                f"설정을 되돌리거나 {mending(folder, facts)} 로 색인을 다시 만들어 주세요.",
            )
        try:
            store = Store.load(generation)
            lexical = LexicalIndex.load(generation / BM25, store.passage_count)
            dense = DenseIndex.load(generation / VECTORS)
            bags = WordBags.load(generation / WORDS)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise IndexDamagedError(f"색인 {folder}을(를) 읽을 수 없습니다: {error}.", REBUILD) from error
        if {store.passage_count, dense.count, len(bags)} != {facts["passages"]}:
            raise IndexDamagedError(f"색인 {folder}의 구절 수가 목록과 다릅니다.", REBUILD)
        return cls(generation, facts, store, lexical, dense, bags)


def mending(folder: Path, facts: dict[str, Json]) -> str:
    """The command that makes an index anew from the paths that it was made from."""
    listed = facts.get("sources")
    sources = [str(source) for source in listed] if isinstance(listed, list) else []
    shown = [*sources[:3], "…"] if len(sources) > 3 else sources
    return shlex.join(["rag", "index", *(shown or ["문서폴더"]), "--index", str(folder)]).replace("'…'", "…")


def checked_manifest(folder: Path, generation: Path, *, deep: bool) -> dict[str, Json]:
    """The manifest of a generation whose versions and files hold.

    Raises:
        IndexDamagedError, IndexVersionError.
    """
    try:
        facts = manifest.read(generation)
    except (OSError, ValueError) as error:
        raise IndexDamagedError(
            f"색인 목록({manifest.NAME})을 읽을 수 없습니다: {error}.", REBUILD
        ) from error
    expected = {
        "version": INDEX_VERSION,
        "korean": KOREAN_VERSION,
        "text": TEXT_VERSION,
        "chunk": CHUNK_VERSION,
    }
    for name, value in expected.items():
        if facts.get(name) != value:
            raise IndexVersionError(
                f"색인의 {name} 판은 {facts.get(name)}인데, 이 프로그램은 {value} 판을 씁니다.",
                f"{mending(folder, facts)} 로 색인을 다시 만들어 주세요.",
            )
    if generation.name != named(generation):
        raise IndexDamagedError(f"색인 {folder}의 목록({manifest.NAME})이 손상되었습니다.", REBUILD)
    size = sum(path.stat().st_size for path in generation.rglob("*") if path.is_file())
    wrong = manifest.faults(generation, facts, deep=deep or size <= DEEP_CHECK_BYTES)
    if wrong:
        raise IndexDamagedError(f"색인이 손상되었습니다: {'; '.join(wrong)}.", REBUILD)
    return facts
