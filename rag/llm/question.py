"""Questions that an instruct model asks of a text, with answers that stand in it."""

from __future__ import annotations

from pathlib import Path

from rag.config import Settings
from rag.errors import SettingError
from rag.llm.engine import Engine
from rag.llm.hub import local_or_fetched
from rag.prompt import QUESTION_GRAMMAR, question_message, question_system_message


class QuestionWriter:
    """Drafts one question and answer a text; a person reviews them.

    Args:
        engine: The loaded model.
        settings: Token limits, temperature, seed.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    @classmethod
    def load(cls, spec: str, settings: Settings) -> QuestionWriter:
        """As :meth:`rag.llm.LlamaReader.load`."""
        path: Path = local_or_fetched(spec)
        return cls(Engine.load(path, settings), settings)

    def __call__(self, text: str) -> tuple[str, str] | None:
        """``(question, answer)``, the answer verbatim in ``text``; ``None`` where the model gave no such.

        Raises:
            SettingError: The text does not fit the context window.
            ModelError: The model failed.
        """
        prompt = self._engine.prompt(question_system_message(), question_message(text))
        room = self._engine.context_tokens - self._settings.llm_max_tokens
        if len(prompt) > room:
            raise SettingError(
                f"글이 {len(prompt):,}토큰이라 문맥 창에 들어가지 않습니다(자리 {room:,}).",
                "llm_context_tokens를 늘리거나 글을 나누어 주세요.",
            )
        tokens = self._engine.write(
            prompt,
            QUESTION_GRAMMAR,
            max_tokens=self._settings.llm_max_tokens,
            temperature=self._settings.llm_temperature,
            seed=self._settings.seed,
        )
        return pair("".join(token.text for token in tokens), text)


def pair(written: str, text: str) -> tuple[str, str] | None:
    """The question and answer of two written lines, if the answer stands in ``text``."""
    first, _, second = written.strip().partition("\n")
    question = first.removeprefix("질문:").strip()
    answer = second.removeprefix("답:").strip().rstrip(".")
    return (question, answer) if question and answer and answer in text else None
