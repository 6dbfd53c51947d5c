"""Follow-up questions made stand-alone by an instruct model, and held to the words of the conversation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from threading import Lock

from rag.config import Settings
from rag.korean import analyse
from rag.llm.engine import Engine
from rag.prompt import FOLLOW_UP_GRAMMAR, follow_up_message, follow_up_system_message
from rag.types import Turn

logger = logging.getLogger(__name__)

#: Earlier turns that the model is shown, oldest left out first.
SHOWN_TURNS = 6
#: Longest question it may write, in tokens.
MAX_TOKENS = 96
_NAMES = frozenset({"NNG", "NNP", "SL", "SN", "SH"})


class FollowUpWriter:
    """Writes the question that a follow-up means.

    Args:
        engine: The loaded model.
        settings: Temperature and seed.
        turn: Held while the model writes; shared with whoever else uses the engine.
    """

    def __init__(self, engine: Engine, settings: Settings, turn: Lock) -> None:
        self._engine = engine
        self._settings = settings
        self._turn = turn

    def __call__(self, question: str, history: Sequence[Turn]) -> str | None:
        """The stand-alone question, or ``None`` where the model gave none that can be trusted.

        Raises:
            ModelError: The model failed.
        """
        shown = list(history[-SHOWN_TURNS:])
        prompt = self._prompt(question, shown)
        while shown and len(prompt) > self._engine.context_tokens - MAX_TOKENS:
            shown = shown[1:]
            prompt = self._prompt(question, shown)
        if not shown:
            return None
        with self._turn:
            tokens = self._engine.write(
                prompt,
                FOLLOW_UP_GRAMMAR,
                max_tokens=MAX_TOKENS,
                temperature=self._settings.llm_temperature,
                seed=self._settings.seed,
            )
            written = "".join(token.text for token in tokens)
        made = trusted(written, question, shown)
        if made is None:
            logger.info("the model's stand-alone question was not used")
        return made

    def _prompt(self, question: str, history: Sequence[Turn]) -> list[int]:
        return self._engine.prompt(follow_up_system_message(), follow_up_message(question, history))


def trusted(written: str, question: str, history: Sequence[Turn]) -> str | None:
    """The written question, if it is whole, names nothing new, and keeps what was asked.

    A model may fill in names from the conversation; a noun from elsewhere is invented, or an instruction
    that a document smuggled in was followed.
    """
    made = written.strip().removeprefix("질문:").strip()
    if not made.endswith("?") or len(made) < 3:
        return None
    said = " ".join([question, *(f"{turn.question} {turn.answer}" for turn in history)])
    kept = {form for form in _names(question) if form not in _pointed(question)}
    return made if _names(made) <= _names(said) and kept <= _names(made) else None


def _names(text: str) -> set[str]:
    return {m.form.lower() for m in analyse(text).morphemes if m.tag in _NAMES}


def _pointed(question: str) -> set[str]:
    """Nouns right after 그/이/저 ("그 사람"): a name may stand in their place."""
    morphemes = analyse(question).morphemes
    pairs = pairwise(morphemes)
    return {noun.form for word, noun in pairs if word.tag == "MM" and word.form in {"그", "이", "저", "해당"}}
