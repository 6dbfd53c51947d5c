"""Texts to unit vectors: the embedded embedder, and any sentence-transformers model.

The only module that imports sentence_transformers and torch, and only for models that need them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.config import Settings
from rag.errors import ModelKindError, ModelMissingError
from rag.korean import Analysis, analyse, analyse_many
from rag.manifest import file_digest, verify_model
from rag.protocols import Embedder, Vectors
from rag.vector import FOLDER as MORPHEMES
from rag.vector import MorphemeVectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger(__name__)

KIND = "embedder"
FOLDER = Path(__file__).parents[1] / "weights" / "embedder"


def ngrams(analysis: Analysis) -> list[str]:
    """Character bigrams inside words, and whole Latin words and numbers: what Kiwi may not know."""
    found: list[str] = []
    for word in analysis.text.lower().split():
        letters = "".join(char for char in word if char.isalnum())
        if letters.isascii():
            found += [letters] if letters else []
        else:
            found += [letters[i : i + 2] for i in range(max(1, len(letters) - 1))]
    return found


def bucket(ngram: str, buckets: int) -> int:
    """A stable hash (CRC-32) of an n-gram into ``[0, buckets)``."""
    return zlib.crc32(ngram.encode()) % buckets


Bag = tuple[NDArray[np.int64], NDArray[np.float32]]


def _bag(counts: Counter[int]) -> Bag:
    ids = np.fromiter(counts, np.int64, len(counts))
    return ids, np.sqrt(np.fromiter(counts.values(), np.float32, len(counts)))


class EmbeddedEmbedder:
    """Weighted sum of Kiwi's morpheme vectors, mapped, plus hashed character n-grams; unit length.

    ``x = normalise(Σ_m √c(m) · w(m) · V(m) · A + Σ_g √c(g) · H(g))``, with counts c in the text, V from
    Kiwi, and w, A, H learned by contrastive training (recipes/embedder). No torch: numpy only.

    Args:
        vectors: ``(VECTOR_COUNT, d)`` morpheme table V.
        weights: ``(VECTOR_COUNT,)`` float32 w.
        mapping: ``(d, dim)`` float32 A.
        table: ``(buckets, dim)`` int8 H before scaling.
        scales: ``(buckets,)`` float32 row scales of H.
        fingerprint: Names the weights.
    """

    def __init__(
        self,
        vectors: MorphemeVectors,
        weights: NDArray[np.float32],
        mapping: Vectors,
        table: NDArray[np.int8],
        scales: NDArray[np.float32],
        fingerprint: str,
    ) -> None:
        self._vectors = vectors
        self._weights = weights
        self._mapping = mapping
        self._table = table
        self._scales = scales
        self._fingerprint = fingerprint

    @classmethod
    def load(cls, folder: Path = FOLDER, morphemes: Path = MORPHEMES) -> EmbeddedEmbedder:
        """Memory-map the weights of ``folder``.

        Raises:
            ModelMissingError, ModelDamagedError: See :func:`rag.manifest.verify_model`.
        """
        verify_model(folder, KIND)
        manifests = (folder / "manifest.json", morphemes / "manifest.json")
        digest = hashlib.sha256("".join(map(file_digest, manifests)).encode()).hexdigest()
        return cls(
            MorphemeVectors.load(morphemes),
            np.load(folder / "weights.npy").astype(np.float32),
            np.load(folder / "mapping.npy").astype(np.float32),
            np.load(folder / "table.npy", mmap_mode="r"),
            np.load(folder / "scales.npy").astype(np.float32),
            f"embedded-{digest[:16]}",
        )

    @property
    def fingerprint(self) -> str:
        """Names the weights; see :class:`rag.protocols.Embedder`."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._mapping.shape[1])

    def embed_analyses(self, analyses: Sequence[Analysis]) -> Vectors:
        """``(n, dim)`` unit rows for texts that are already analysed; zero rows for empty texts."""
        sums = [self._sum(analysis) for analysis in analyses]
        rows = np.array(sums, np.float32).reshape(len(analyses), self.dim)
        norms = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
        return np.asarray(rows / np.where(norms > 0, norms, 1.0), np.float32)

    def _sum(self, analysis: Analysis) -> Vectors:
        total = np.zeros(self.dim, np.float32)
        (ids, counts), (rows, weights) = self.bags(analysis)
        if len(ids):
            total += ((counts * self._weights[ids]) @ self._vectors.rows(ids)) @ self._mapping
        if len(rows):
            total += (weights * self._scales[rows]) @ self._table[rows].astype(np.float32)
        return total

    def bags(self, analysis: Analysis) -> tuple[Bag, Bag]:
        """Morpheme ids and n-gram rows of a text, each with the square roots of their counts."""
        words = Counter(m.id for m in analysis.morphemes if m.is_content and m.id < len(self._weights))
        letters = Counter(bucket(gram, len(self._table)) for gram in ngrams(analysis))
        return _bag(words), _bag(letters)

    def arrays(self) -> tuple[Vectors, Vectors, Vectors, Vectors]:
        """V, w, A and H in full precision, for the torch path."""
        table = self._table.astype(np.float32) * self._scales[:, None]
        return self._vectors.rows(np.arange(len(self._weights))), self._weights, self._mapping, table

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """See :class:`rag.protocols.Embedder`."""
        return self.embed_analyses(list(analyse_many(texts)))

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Queries are embedded as passages are: the model is symmetric."""
        return self.embed_analyses([analyse(text) for text in texts])


class SentenceTransformerEmbedder:
    """Any sentence-transformers model: a local folder or a hub name.

    Args:
        model: Loaded model.
        fingerprint: Names weights and prompts.
        batch_size: Texts encoded at once.
        prompts: ``(query, passage)`` prefixes that the model's card asks for; empty where the model
            brings its own prompts.
    """

    def __init__(
        self, model: SentenceTransformer, fingerprint: str, batch_size: int, prompts: tuple[str, str]
    ) -> None:
        self._model = model
        self._fingerprint = fingerprint
        self._batch_size = batch_size
        self._query_prompt, self._passage_prompt = prompts

    @classmethod
    def load(cls, name: str, batch_size: int) -> SentenceTransformerEmbedder:
        """Load a folder, or a hub name (from the local cache, else by download).

        Raises:
            ModelMissingError: No such folder, or the hub cannot give it.
            ModelKindError: Not a sentence-transformers model.
        """
        from sentence_transformers import SentenceTransformer

        folder = Path(name)
        if not folder.exists() and (name.startswith((".", "/", "~")) or name.count("/") != 1):
            raise ModelMissingError(f"임베더 폴더 {name}이(가) 없습니다.", "경로를 확인해 주세요.")
        if (
            folder.exists()
            and not (folder / "modules.json").is_file()
            and not (folder / "config.json").is_file()
        ):
            raise ModelKindError(
                f"{name}은(는) sentence-transformers 모델 폴더가 아닙니다.",
                "modules.json이나 config.json이 있는 폴더를 주세요.",
            )
        try:
            model = SentenceTransformer(name, device="cpu", trust_remote_code=_is_ours(folder))
        except (OSError, ConnectionError) as error:
            raise ModelMissingError(
                f"임베더 {name}을(를) 받을 수 없습니다: {str(error).splitlines()[0][:200]}",
                "이름과 네트워크를 확인하거나, 받아 둔 폴더 경로를 주세요.",
            ) from error
        except (ValueError, KeyError, RuntimeError, ImportError, AttributeError) as error:
            raise ModelKindError(
                f"{name}을(를) 임베더로 읽을 수 없습니다: {str(error).splitlines()[0][:200]}",
                "sentence-transformers 모델인지 확인해 주세요.",
            ) from error
        return cls(model, _model_fingerprint(name, folder, model), batch_size, known_prompts(name, model))

    @property
    def fingerprint(self) -> str:
        """Names the weights; see :class:`rag.protocols.Embedder`."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """See :class:`rag.protocols.Embedder`."""
        return self._encode([self._passage_prompt + text for text in texts], query=False)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """See :class:`rag.protocols.Embedder`."""
        return self._encode([self._query_prompt + text for text in texts], query=True)

    def _encode(self, texts: list[str], *, query: bool) -> Vectors:
        encode = self._model.encode_query if query else self._model.encode_document
        vectors = encode(
            texts,
            batch_size=self._batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(vectors, np.float32).reshape(len(texts), self.dim)


def _is_ours(folder: Path) -> bool:
    """Whether a folder's only code beyond sentence-transformers' own is this package's encoder."""
    modules = folder / "modules.json"
    if not modules.is_file():
        return False
    types = {str(module.get("type")) for module in json.loads(modules.read_text("utf-8"))}
    return types == {"rag.embed.encoder.MorphemeEncoder"}


def known_prompts(name: str, model: SentenceTransformer) -> tuple[str, str]:
    """Prefixes for families whose folders do not bring them; ``("", "")`` where the model has its own."""
    if any(model.prompts.values()):
        return "", ""
    families = tomllib.loads(Path(__file__).with_name("prefixes.toml").read_text("utf-8"))
    for family in families["family"]:
        if family["match"] in name.lower():
            return family["query"], family["passage"]
    return "", ""


def _model_fingerprint(name: str, folder: Path, model: SentenceTransformer) -> str:
    prompts = json.dumps(model.prompts, sort_keys=True)
    if not folder.is_dir():
        revision = getattr(getattr(model[0], "auto_model", None), "config", None)
        commit = getattr(revision, "_commit_hash", None) or "unknown"
        return f"{name}@{commit}"
    digest = hashlib.sha256(prompts.encode())
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in _WEIGHT_SUFFIXES):
        digest.update(f"{path.relative_to(folder)}\x1f{file_digest(path)}".encode())
    return f"{folder.resolve().name}-{digest.hexdigest()[:16]}"


_WEIGHT_SUFFIXES = {".safetensors", ".bin", ".npy", ".json", ".txt", ".model"}


class CachedEmbedder:
    """Any embedder, with passage vectors kept on disk by content digest.

    One SQLite file per fingerprint; a damaged file is set aside and begun anew, since all of it can be
    computed again. Queries are not kept.

    Args:
        inner: The embedder that computes what is missing.
        folder: Where the cache file goes; made if missing.
    """

    def __init__(self, inner: Embedder, folder: Path) -> None:
        self._inner = inner
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(inner.fingerprint.encode()).hexdigest()[:16]
        self._path = folder / f"{name}.sqlite"
        self._rows = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            rows = sqlite3.connect(self._path)
            rows.execute("CREATE TABLE IF NOT EXISTS vectors (digest BLOB PRIMARY KEY, vector BLOB)")
            rows.execute("SELECT 1 FROM vectors LIMIT 1").fetchall()
        except sqlite3.DatabaseError:
            logger.warning("embedding cache %s is damaged and begun anew", self._path)
            self._path.replace(self._path.with_suffix(".damaged"))
            return self._open()
        return rows

    @property
    def fingerprint(self) -> str:
        """That of the inner embedder: the cache changes nothing."""
        return self._inner.fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._inner.dim

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """See :class:`rag.protocols.Embedder`; computes each distinct text once, ever."""
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        found = self._look_up(set(keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            made = self._inner.embed_passages(list(missing.values()))
            found |= dict(zip(missing, made, strict=True))
            with self._rows:
                self._rows.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                    [(key, found[key].astype(np.float32).tobytes()) for key in missing],
                )
        return np.array([found[key] for key in keys], np.float32).reshape(len(keys), self.dim)

    def _look_up(self, keys: Iterable[bytes]) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        for key in keys:
            row = self._rows.execute("SELECT vector FROM vectors WHERE digest = ?", (key,)).fetchone()
            if row is not None and len(row[0]) == 4 * self.dim:
                found[key] = np.frombuffer(row[0], np.float32)
        return found

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """As the inner embedder."""
        return self._inner.embed_queries(texts)


def load_embedder(settings: Settings, cache: Path | None = None) -> Embedder:
    """The embedder that the settings name; slow ones are cached in ``cache`` if it is given.

    Raises:
        ModelError: Missing, damaged, or not an embedding model.
    """
    if settings.embedder == "embedded":
        return EmbeddedEmbedder.load()
    made = SentenceTransformerEmbedder.load(settings.embedder, settings.embed_batch_size)
    return CachedEmbedder(made, cache) if cache is not None else made
