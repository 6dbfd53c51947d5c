"""How probable a local model finds given answers: for models of our own, and for any instruct model.

Nothing is written, so nothing can be made up: the answers are stretches of the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.config import Settings
from rag.errors import ModelKindError, SettingError
from rag.llm.continuation import ROOM, Continuations
from rag.llm.engine import Engine, cores, loaded, texts_of_vocabulary
from rag.llm.header import read_header
from rag.llm.hub import local_or_fetched
from rag.llm.morpheme import END, FIELD, SCHEME, Layout, Vocabulary, answer, prompt
from rag.prompt import scoring_message, scoring_system_message
from rag.types import Span

if TYPE_CHECKING:
    from llama_cpp import Llama


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate answer: ``span`` of the ``text``-th text (0-based), in code points of that text."""

    text: int
    span: Span


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as ids: what comes before the answer, and each answer with its end."""

    prompt: tuple[int, ...]
    tails: tuple[tuple[int, ...], ...]


class Asking(Protocol):
    """Turns a question into ids for one kind of model."""

    def asked(self, question: str, texts: Sequence[str], choices: Sequence[Choice]) -> Asked:
        """See :meth:`Scorer.scores`."""
        ...


class MorphemeAsking:
    """For our own models: ids of morphemes.

    Args:
        vocabulary: As in the file.
        layout: As in the file.
    """

    def __init__(self, vocabulary: Vocabulary, layout: Layout) -> None:
        self._vocabulary = vocabulary
        self._layout = layout

    def asked(self, question: str, texts: Sequence[str], choices: Sequence[Choice]) -> Asked:
        """Texts that do not fit are not shown; answers in them can be weighed all the same."""
        made = prompt(self._vocabulary, self._layout, question, texts)
        end, room = self._vocabulary[END], self._layout.answer - 1
        told = [answer(self._vocabulary, made.texts[c.text], texts[c.text], c.span) for c in choices]
        return Asked(made.ids, tuple((*ids[:room], end) for ids in told))


class ChatAsking:
    """For any instruct model: its chat template around the texts, the answer as text.

    Args:
        engine: The loaded model.
        prompt_tokens: Longest prompt.
    """

    def __init__(self, engine: Engine, prompt_tokens: int) -> None:
        self._engine = engine
        self._prompt_tokens = prompt_tokens

    def asked(self, question: str, texts: Sequence[str], choices: Sequence[Choice]) -> Asked:
        """The last texts, which matter least, are left out as far as the prompt is too long.

        Raises:
            SettingError: Not even the first text fits.
        """
        tails = tuple(
            (*self._engine.answer(texts[c.text][c.span.start : c.span.end])[: ROOM - 1], self._engine.end)
            for c in choices
        )
        for count in range(len(texts), 0, -1):
            ids = self._engine.prompt(scoring_system_message(), scoring_message(question, texts[:count]))
            if len(ids) <= self._prompt_tokens:
                return Asked(tuple(ids), tails)
        raise SettingError(
            f"문맥 창 {self._prompt_tokens:,}토큰에 질문과 글이 들어가지 않습니다.",
            "llm_context_tokens를 늘려 주세요.",
        )


class Scorer:
    """Weighs answers with one model. Not safe for two threads at once.

    Args:
        asking: Makes ids for the model.
        continuations: Computes them.
    """

    def __init__(self, asking: Asking, continuations: Continuations) -> None:
        self._asking = asking
        self._continuations = continuations

    @classmethod
    def load(cls, spec: str, settings: Settings) -> Scorer:
        """Load ``spec`` as :meth:`rag.llm.LlamaReader.load` does; models of our own are known by their head.

        Raises:
            ModelMissingError: No such file, or the hub cannot give it.
            ModelKindError: Not a GGUF file, or no model that writes Korean text.
            ModelDamagedError: A GGUF file that cannot be loaded, or whose vocabulary or layout is broken.
        """
        path = local_or_fetched(spec)
        trained = read_header(path).context_tokens
        model = loaded(path, settings, _LEAST)
        threads = settings.llm_threads or cores()
        if FIELD in model.metadata:
            asking, longest = _morphemes(path, model)
            return cls(asking, Continuations(model, longest, threads))
        window = trained or settings.llm_context_tokens + ROOM
        longest = min(settings.llm_context_tokens, max(1, window - ROOM))
        engine = Engine.of(path, model)
        return cls(ChatAsking(engine, longest), Continuations(model, longest, threads))

    def scores(self, question: str, texts: Sequence[str], choices: Sequence[Choice]) -> NDArray[np.float64]:
        """``(n,)`` natural log-probability that the model answers exactly so, and then stops; at most 0.

        Args:
            question: As asked.
            texts: What the answers stand in, best first; what does not fit is left out from the end.
            choices: Answers. One without any token (only spaces) is -inf.

        Raises:
            SettingError: The question and a text do not fit the model's window.
            ModelError: The model failed.
        """
        if not choices or not texts:
            return np.zeros(len(choices))
        asked = self._asking.asked(question, texts, choices)
        unique = list(dict.fromkeys(tail for tail in asked.tails if len(tail) > 1))
        logs = self._continuations.logprobs(asked.prompt, unique)
        sums = {tail: float(values.sum()) for tail, values in zip(unique, logs, strict=True)}
        return np.array([sums.get(tail, -np.inf) for tail in asked.tails])


#: Window of the context that a loaded model brings along; texts are turned into ids in it, nothing more.
_LEAST = 256


def _morphemes(path: Path, model: Llama) -> tuple[MorphemeAsking, int]:
    if model.metadata[FIELD] != SCHEME:
        raise ModelKindError(
            f"{path}의 어휘 {model.metadata[FIELD]!r}을(를) 모릅니다.",
            f"이 판의 프로그램이 만든 모델({SCHEME})을 주세요.",
        )
    layout = Layout.of(model.metadata)
    return MorphemeAsking(Vocabulary(texts_of_vocabulary(model)), layout), layout.prompt
