"""Any GGUF through llama.cpp as a reader. The only module that imports llama_cpp.

An instruct model is asked through its own chat template; a grammar lets it write only sentences that end in
markers of passages it was shown, or the refusal. What it says is a draft: proofs are found in ``ground``.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rag.config import Settings
from rag.errors import ModelDamagedError, ModelKindError, ModelMissingError
from rag.manifest import file_digest
from rag.prompt import grammar, refusal, system_message, user_message
from rag.text import digest
from rag.types import Delta, Draft, Evidence

if TYPE_CHECKING:
    from llama_cpp import ChatCompletionRequestMessage, Llama
    from llama_cpp.llama_grammar import LlamaGrammar

logger = logging.getLogger(__name__)

_MAGIC = b"GGUF"


class LlamaReader:
    """Answers with a local LLM.

    Args:
        model: Loaded; its context window bounds the passages shown.
        fingerprint: Names the weights and the settings that change an answer.
        settings: Token limits, temperature, seed.
    """

    def __init__(self, model: Llama, fingerprint: str, settings: Settings) -> None:
        self._model = model
        self._fingerprint = fingerprint
        self._settings = settings

    @classmethod
    def load(cls, spec: str, settings: Settings) -> LlamaReader:
        """Load ``spec``: a ``.gguf`` file, or ``owner/repo:file-pattern`` of a model hub.

        Raises:
            ModelMissingError: No such file, or the hub cannot give it.
            ModelKindError: Not a GGUF file, or none with a text model in it.
            ModelDamagedError: A GGUF file that llama.cpp cannot load.
        """
        path = Path(spec).expanduser()
        if path.suffix == ".gguf" and ":" not in spec:
            _check_file(path)
        else:
            path = _fetched(spec)
        return cls(_loaded(path, settings), _fingerprint(path, settings), settings)

    @property
    def fingerprint(self) -> str:
        """Names the weights; see :class:`rag.protocols.Reader`."""
        return self._fingerprint

    def read(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Delta | Draft]:
        """Stream the answer, then its draft; closing the iterator stops the model.

        ``Draft.confidence`` is 1 for an answer: an LLM's own certainty is no proof, and the assistant
        lowers it to what the citations support.
        """
        from llama_cpp.llama_grammar import LlamaGrammar

        shown = self._fitting(question, evidence)
        rules = LlamaGrammar.from_string(grammar([item.marker for item in shown]), verbose=False)
        pieces: list[str] = []
        for piece in self._pieces(question, shown, rules):
            pieces.append(piece)
            yield Delta(piece)
        text = whole_sentences("".join(pieces).strip())
        refused = not text or text.startswith(refusal())
        yield Draft(text, (), 0.0 if refused else 1.0, refused=refused, tokens=len(pieces))

    def _pieces(self, question: str, shown: Sequence[Evidence], rules: LlamaGrammar) -> Iterator[str]:
        stream = self._stream(question, shown, rules)
        try:
            for chunk in stream:
                choice = chunk["choices"][0]
                piece = choice["delta"].get("content") if "delta" in choice else choice["text"]
                if piece:
                    yield str(piece)
        finally:
            stream.close()

    def _stream(
        self, question: str, shown: Sequence[Evidence], rules: LlamaGrammar
    ) -> Generator[dict[str, Any], None, None]:
        settings = self._settings
        options: dict[str, Any] = {
            "grammar": rules,
            "max_tokens": settings.llm_max_tokens,
            "temperature": settings.llm_temperature,
            "seed": settings.seed,
            "stream": True,
        }
        made = (
            self._model.create_chat_completion(messages=_messages(question, shown), **options)
            if self._has_template
            else self._model.create_completion(_plain(question, shown), **options)
        )
        return cast("Generator[dict[str, Any], None, None]", made)

    @property
    def _has_template(self) -> bool:
        return "tokenizer.chat_template" in self._model.metadata

    def _fitting(self, question: str, evidence: Sequence[Evidence]) -> list[Evidence]:
        """The best passages that leave room for the answer; the last are left out first."""
        # A chat template adds role markers; 64 tokens is more than any of the known ones needs.
        room = self._model.n_ctx() - self._settings.llm_max_tokens - 64
        shown = list(evidence)
        while shown and self._count(question, shown) > room:
            shown.pop()
        if len(shown) < len(evidence):
            logger.info("%d of %d passages fit the context window", len(shown), len(evidence))
        return shown

    def _count(self, question: str, shown: Sequence[Evidence]) -> int:
        return len(self._model.tokenize(_plain(question, shown).encode(), special=False))


def whole_sentences(text: str) -> str:
    """The refusal, or the text up to its last marker: what the token limit cut off is dropped."""
    return text if text.startswith(refusal()) else text[: text.rfind("]") + 1]


def _messages(question: str, shown: Sequence[Evidence]) -> list[ChatCompletionRequestMessage]:
    return [
        {"role": "system", "content": system_message()},
        {"role": "user", "content": user_message(question, shown)},
    ]


def _plain(question: str, shown: Sequence[Evidence]) -> str:
    return f"{system_message()}\n\n{user_message(question, shown)}\n답: "


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise ModelMissingError(
            f"모델 파일 {path}이(가) 없습니다.", "경로를 확인해 주세요. rag doctor가 모델을 추천합니다."
        )
    with path.open("rb") as stream:
        if stream.read(4) != _MAGIC:
            raise ModelKindError(f"{path}은(는) GGUF 파일이 아닙니다.", "llama.cpp용 .gguf 파일을 주세요.")


def _fetched(spec: str) -> Path:
    """A hub's file on this disk: from the local cache, else downloaded."""
    repo, _, pattern = spec.partition(":")
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise ModelMissingError(
            f"리더 {spec!r}을(를) 알 수 없습니다.",
            "embedded, none, .gguf 파일 경로, 또는 owner/repo:*Q4_K_M.gguf 꼴로 적어 주세요.",
        )
    from fnmatch import fnmatch

    from huggingface_hub import HfApi, hf_hub_download

    try:
        cached = _from_cache(repo, pattern or "*.gguf")
        if cached is not None:
            return cached
        files = [name for name in HfApi().list_repo_files(repo) if fnmatch(name, pattern or "*.gguf")]
        if not files:
            raise ModelMissingError(
                f"{repo}에 {pattern!r}에 맞는 파일이 없습니다.", "파일 이름을 확인해 주세요."
            )
        return Path(hf_hub_download(repo, sorted(files)[0]))
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelMissingError(
            f"{repo}에서 모델을 받을 수 없습니다: {str(error).splitlines()[0][:200]}",
            "이름과 네트워크를 확인하거나, 받아 둔 .gguf 파일 경로를 주세요.",
        ) from error


def _from_cache(repo: str, pattern: str) -> Path | None:
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}" / "snapshots"
    found = sorted(folder.glob(f"*/{pattern}")) if folder.is_dir() else []
    return found[0] if found else None


def _loaded(path: Path, settings: Settings) -> Llama:
    from llama_cpp import Llama

    try:
        return Llama(
            str(path),
            n_ctx=settings.llm_context_tokens,
            n_threads=settings.llm_threads or None,
            seed=settings.seed,
            verbose=False,
        )
    except (ValueError, RuntimeError, OSError, AssertionError) as error:
        raise ModelDamagedError(
            f"{path}을(를) 읽을 수 없습니다: {str(error)[:200] or '형식 오류'}",
            "파일을 다시 받아 주세요. 새 구조의 모델이면 llama-cpp-python을 새로 설치해 주세요.",
        ) from error


def _fingerprint(path: Path, settings: Settings) -> str:
    choices = (
        settings.llm_context_tokens,
        settings.llm_max_tokens,
        settings.llm_temperature,
        settings.seed,
    )
    return f"{path.stem}-{digest(file_digest(path) + repr(choices))[:16]}"
