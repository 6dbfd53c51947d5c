"""Any GGUF as a reader.

An instruct model is asked through its own chat template; a grammar lets it write only sentences that end in
markers of passages it was shown, or the refusal. What it says is a draft: proofs are found in ``ground``.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock

from rag.config import Settings
from rag.errors import ModelError, SettingError
from rag.llm.engine import Engine, Written
from rag.llm.follow_up import FollowUpWriter
from rag.llm.hub import local_or_fetched
from rag.manifest import file_digest
from rag.prompt import denies, grammar, refusal, system_message, user_message
from rag.text import digest
from rag.types import Delta, Draft, Evidence

logger = logging.getLogger(__name__)

#: How long a question waits for one that is being answered in another thread.
WAIT_S = 600.0


class LlamaReader:
    """Answers with a local LLM, one question at a time; others wait.

    Args:
        engine: The loaded model.
        fingerprint: Names the weights and the settings that change an answer.
        settings: Token limits, temperature, seed.
    """

    def __init__(self, engine: Engine, fingerprint: str, settings: Settings) -> None:
        self._engine = engine
        self._fingerprint = fingerprint
        self._settings = settings
        self._turn = Lock()

    @classmethod
    def load(cls, spec: str, settings: Settings) -> LlamaReader:
        """Load ``spec``: a ``.gguf`` file, or ``owner/repo`` or ``owner/repo:file-pattern`` of a model hub.

        Raises:
            ModelMissingError: No such file, or the hub cannot give it.
            ModelKindError: Not a GGUF file, or no model that writes Korean text.
            ModelDamagedError: A GGUF file that llama.cpp cannot load.
        """
        path = local_or_fetched(spec)
        return cls(Engine.load(path, settings), _fingerprint(path, settings), settings)

    @property
    def fingerprint(self) -> str:
        """Names the weights; see :class:`rag.protocols.Reader`."""
        return self._fingerprint

    def read(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Delta | Draft]:
        """Stream the answer, then its draft; closing the iterator stops the model.

        ``Draft.confidence`` is the geometric mean of the probabilities that the model gave its own tokens:
        it orders answers of one model, and is no probability of being right. The assistant lowers it to
        what the citations support.

        Raises:
            SettingError: Not even one passage fits the context window.
            ModelError: The model failed, or is busy for :data:`WAIT_S`.
        """
        if not evidence:
            yield Draft(refusal(), (), 0.0, refused=True)
            return
        if not self._turn.acquire(timeout=WAIT_S):
            raise ModelError("모델이 다른 질문에 답하고 있습니다.", "잠시 뒤에 다시 물어 주세요.")
        try:
            yield from self._answered(question, evidence)
        finally:
            self._turn.release()

    def follow_up_writer(self) -> FollowUpWriter:
        """What makes follow-ups stand-alone with the same model, taking turns with :meth:`read`."""
        return FollowUpWriter(self._engine, self._settings, self._turn)

    def _answered(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Delta | Draft]:
        prompt, shown = self._fitted(question, evidence)
        written: list[Written] = []
        started = False
        for token in self._engine.write(
            prompt,
            grammar([item.marker for item in shown]),
            max_tokens=self._settings.llm_max_tokens,
            temperature=self._settings.llm_temperature,
            seed=self._settings.seed,
        ):
            written.append(token)
            text = token.text if started else token.text.lstrip()
            if text:
                started = True
                yield Delta(text)
        yield drafted(written)

    def _fitted(self, question: str, evidence: Sequence[Evidence]) -> tuple[list[int], list[Evidence]]:
        """The prompt and the passages in it; where not all fit, those of the lowest score are left out."""
        room = self._engine.context_tokens - self._settings.llm_max_tokens
        shown = list(evidence)
        while shown:
            prompt = self._engine.prompt(system_message(), user_message(question, shown))
            if len(prompt) <= room:
                if len(shown) < len(evidence):
                    logger.info("%d of %d passages fit the context window", len(shown), len(evidence))
                return prompt, shown
            shown.remove(min(shown, key=lambda item: (item.hit.score, -item.marker)))
        raise SettingError(
            f"문맥 창 {self._engine.context_tokens:,}토큰에 질문과 구절이 하나도 들어가지 않습니다.",
            "llm_context_tokens를 늘리거나 llm_max_tokens를 줄여 주세요.",
        )


def drafted(written: Sequence[Written]) -> Draft:
    """The draft that a sequence of tokens spells."""
    text = whole_sentences("".join(token.text for token in written).strip())
    refused = not text or denies(text)
    mean = sum(token.logprob for token in written) / max(1, len(written))
    return Draft(text, (), 0.0 if refused else math.exp(mean), refused=refused, tokens=len(written))


def whole_sentences(text: str) -> str:
    """The refusal, or the text up to its last marker: what the token limit cut off is dropped."""
    return refusal() if text.startswith(refusal()) else text[: text.rfind("]") + 1]


def _fingerprint(path: Path, settings: Settings) -> str:
    choices = (
        settings.llm_context_tokens,
        settings.llm_max_tokens,
        settings.llm_temperature,
        settings.seed,
    )
    return f"{path.stem}-{digest(_weights_digest(path) + repr(choices))[:16]}"


def _weights_digest(path: Path) -> str:
    """SHA-256 of the file; the hub's cache names large files by it, which spares reading gigabytes."""
    name = path.resolve().name
    return name if re.fullmatch(r"[0-9a-f]{64}", name) else file_digest(path)
