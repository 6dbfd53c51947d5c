"""Any sentence-transformers model as an embedder: a local folder or a hub name."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rag.errors import ModelError, ModelKindError, ModelMissingError
from rag.korean import analyse
from rag.manifest import file_digest
from rag.protocols import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PREFIXES = Path(__file__).with_name("prefixes.toml")
#: The one class outside sentence-transformers that a model folder may name: our own.
ENCODER = "rag.embed.encoder.MorphemeEncoder"

#: Limits from here on mean that there is none.
_ENDLESS = 2**20
#: Prompts that encode_query and encode_document look for by these names; others are of no use here.
_OWN_PROMPTS = ("query", "document", "passage", "corpus")
_WEIGHT_SUFFIXES = {".safetensors", ".bin", ".npy", ".json", ".txt", ".model"}


class Prefixes(NamedTuple):
    """What is put before a question and before a passage."""

    query: str
    passage: str


class SentenceTransformerEmbedder:
    """A sentence-transformers model; texts longer than ``max_tokens`` are truncated by it.

    Args:
        model: Loaded model.
        fingerprint: Names weights and prompts.
        batch_size: Texts encoded at once.
        prefixes: What the model's card asks for; empty where the model brings its own prompts.
    """

    def __init__(
        self, model: SentenceTransformer, fingerprint: str, batch_size: int, prefixes: Prefixes
    ) -> None:
        self._model = model
        self._fingerprint = fingerprint
        self._batch_size = batch_size
        self._prefixes = prefixes

    @classmethod
    def load(cls, name: str, batch_size: int) -> SentenceTransformerEmbedder:
        """Load a folder, or a hub name (from the local cache, else by download).

        Raises:
            ModelMissingError: No such folder, or the hub cannot give it.
            ModelKindError: Not a sentence-transformers model.
        """
        from sentence_transformers import SentenceTransformer

        folder = Path(name).expanduser()
        _check_place(name, folder)
        source = str(folder) if folder.exists() else name
        try:
            model = SentenceTransformer(source, device="cpu", trust_remote_code=_is_ours(folder))
        except Exception as error:  # vendors raise anything: say in Korean what it means
            raise _explained(name, error) from error
        prefixes = known_prefixes(name, model)
        return cls(model, _fingerprint(name, folder, model, prefixes), batch_size, prefixes)

    @property
    def fingerprint(self) -> str:
        """Names the weights; see :class:`rag.protocols.Embedder`."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        """Tokens left for a passage beside the special ones and the model's prefix; 0 for no limit."""
        most = self._model.max_seq_length
        if not isinstance(most, int) or most >= _ENDLESS:
            return 0
        prompts = self._model.prompts
        prefix = self._prefixes.passage or prompts.get("document") or prompts.get("passage") or ""
        return max(1, most - _encoded(self._model.tokenizer, prefix))

    def count_tokens(self, text: str) -> int:
        """Tokens of the model's own tokenizer, without special ones; morphemes where it has none."""
        tokenizer = getattr(self._model[0], "tokenizer", None)
        if not hasattr(tokenizer, "encode"):
            return len(analyse(text).morphemes)
        return _encoded(tokenizer, text) - _encoded(tokenizer, "")

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """See :class:`rag.protocols.Embedder`."""
        return self._encode([self._prefixes.passage + text for text in texts], query=False)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """See :class:`rag.protocols.Embedder`."""
        return self._encode([self._prefixes.query + text for text in texts], query=True)

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


def _encoded(tokenizer: Any, text: str) -> int:
    """Tokens with the special ones; a vendor's tokenizer gives ids or an object that holds them."""
    found = tokenizer.encode(text)
    return len(getattr(found, "ids", found))


def _check_place(name: str, folder: Path) -> None:
    if not folder.exists():
        if name.startswith((".", "/", "~")) or name.count("/") != 1:
            raise ModelMissingError(
                f"임베더 폴더 {name}이(가) 없습니다.",
                "경로를 확인하거나, 허브 모델이라면 이름을 '소유자/모델' 꼴로 적어 주세요.",
            )
    elif not any((folder / file).is_file() for file in ("modules.json", "config.json")):
        raise ModelKindError(
            f"{name}은(는) sentence-transformers 모델 폴더가 아닙니다.",
            "modules.json이나 config.json이 있는 폴더를 주세요.",
        )


def _is_ours(folder: Path) -> bool:
    """Whether a folder's only code beyond sentence-transformers' own is this package's encoder."""
    modules = folder / "modules.json"
    if not modules.is_file():
        return False
    try:
        types = {str(module.get("type")) for module in json.loads(modules.read_text("utf-8"))}
    except (ValueError, AttributeError):
        return False
    return types == {ENCODER}


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _explained(name: str, error: Exception) -> ModelError:
    """Wrong name, no permission, no network, or not an embedding model: told by the chain of causes."""
    kinds = {type(cause).__name__ for cause in _causes(error)}
    said = next(iter(str(error).splitlines()), "")[:200]
    if "GatedRepoError" in kinds:
        return ModelMissingError(
            f"임베더 {name}은(는) 허락을 받아야 하는 모델입니다.",
            "모델 페이지에서 사용 조건에 동의하고 허브에 로그인해 주세요.",
        )
    if kinds & {"RepositoryNotFoundError", "RevisionNotFoundError", "HFValidationError"}:
        return ModelMissingError(
            f"허브에 임베더 {name}이(가) 없습니다.", "이름의 철자를 확인해 주세요. 예: nlpai-lab/KURE-v1"
        )
    if isinstance(error, OSError | ConnectionError):
        return ModelMissingError(
            f"임베더 {name}을(를) 받을 수 없습니다: {said}",
            "네트워크와 이름을 확인하거나, 미리 받아 둔 모델 폴더의 경로를 주세요.",
        )
    return ModelKindError(
        f"{name}을(를) 임베더로 읽을 수 없습니다: {said}",
        "sentence-transformers 모델인지 확인해 주세요. 딸린 코드를 실행해야 하는 모델은 쓰지 않습니다.",
    )


def known_prefixes(name: str, model: SentenceTransformer) -> Prefixes:
    """Prefixes of families whose files do not bring them; empty where the model has prompts of its own."""
    if any(model.prompts.get(kind) for kind in _OWN_PROMPTS):
        return Prefixes("", "")
    path = Path(name)
    known = (path.name if path.exists() else name).lower()
    for family in tomllib.loads(PREFIXES.read_text("utf-8"))["family"]:
        if family["match"] in known:
            return Prefixes(family["query"], family["passage"])
    return Prefixes("", "")


def _fingerprint(name: str, folder: Path, model: SentenceTransformer, prefixes: Prefixes) -> str:
    """Name and commit of a hub model, or name and digest of a folder's files; prompts count too."""
    said = json.dumps([model.prompts, list(prefixes)], sort_keys=True)
    digest = hashlib.sha256(said.encode())
    if not folder.is_dir():
        config = getattr(getattr(model[0], "auto_model", None), "config", None)
        commit = getattr(config, "_commit_hash", None) or "unknown"
        return f"{name}@{commit}-{digest.hexdigest()[:8]}"
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in _WEIGHT_SUFFIXES):
        digest.update(f"{path.relative_to(folder)}\x1f{file_digest(path)}".encode())
    return f"{folder.resolve().name}-{digest.hexdigest()[:16]}"
