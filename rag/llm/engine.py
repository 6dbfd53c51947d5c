"""llama.cpp as a thing that continues token sequences under a grammar. Only this folder imports llama_cpp."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.config import Settings
from rag.errors import ModelDamagedError, ModelError, ModelKindError
from rag.llm.chat import Chat, unusable
from rag.llm.header import read_header
from rag.llm.morpheme import FIELD

if TYPE_CHECKING:
    from llama_cpp import Llama
    from llama_cpp.llama_grammar import LlamaGrammar

_PROBE = "문서에서 답을 찾을 수 없습니다. [1]"


@dataclass(frozen=True, slots=True)
class Written:
    """One generated token.

    Attributes:
        text: What it adds to the answer; empty while a character is incomplete.
        logprob: Natural logarithm of the probability that the model itself gave it, before the grammar
            and the temperature; at most 0.
    """

    text: str
    logprob: float


class Engine:
    """One loaded model. Not safe for two threads at once.

    Args:
        model: Loaded, with a vocabulary that can spell Korean.
        chat: Its chat template.
    """

    def __init__(self, model: Llama, chat: Chat) -> None:
        self._model = model
        self._chat = chat

    @classmethod
    def load(cls, path: Path, settings: Settings) -> Engine:
        """Load a GGUF file; memory and time grow with the file and with ``llm_context_tokens``.

        Raises:
            ModelMissingError: No such file.
            ModelKindError: Not a GGUF file, no model that writes text, or no usable vocabulary.
            ModelDamagedError: A GGUF file that llama.cpp cannot load.
        """
        header = read_header(path)
        wanted = settings.llm_context_tokens
        return cls.of(path, loaded(path, settings, min(wanted, header.context_tokens or wanted)))

    @classmethod
    def of(cls, path: Path, model: Llama) -> Engine:
        """A model that :func:`loaded` gave.

        Raises:
            ModelKindError: No usable vocabulary or chat template, or one of ours that only weighs answers.
        """
        if FIELD in model.metadata:
            raise ModelKindError(
                f"{path}은(는) 주어진 답을 견줄 뿐, 글을 쓰지 못합니다.",
                "instruct(대화) 모델의 .gguf를 주세요.",
            )
        _check_vocabulary(path, model)
        template = model.metadata.get("tokenizer.chat_template")
        return cls(
            model, Chat(template, _spelled(model, model.token_bos()), _spelled(model, model.token_eos()))
        )

    @property
    def context_tokens(self) -> int:
        """Room for prompt and answer together."""
        return int(self._model.n_ctx())

    def prompt(self, system: str, user: str) -> list[int]:
        """Token ids of a question, up to where the answer begins."""
        import llama_cpp

        text = self._chat.render(system, user)
        tokens = self._model.tokenize(text.encode(), add_bos=False, special=not self._chat.is_plain)
        bos = self._model.token_bos()
        if llama_cpp.llama_vocab_get_add_bos(_vocabulary(self._model)) and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return [int(token) for token in tokens]

    def answer(self, text: str) -> tuple[int, ...]:
        """Token ids of a text as it follows a prompt; it can spell no control token."""
        return tuple(
            int(t)
            for t in self._model.tokenize(text.encode("utf-8", "replace"), add_bos=False, special=False)
        )

    @property
    def end(self) -> int:
        """Id of the token that ends a turn, else of the one that ends a sequence."""
        import llama_cpp

        turn = int(llama_cpp.llama_vocab_eot(_vocabulary(self._model)))
        return turn if turn >= 0 else int(self._model.token_eos())

    def write(
        self, prompt: Sequence[int], grammar: str, *, max_tokens: int, temperature: float, seed: int
    ) -> Iterator[Written]:
        """Continue ``prompt`` within ``grammar``; closing the iterator stops the model.

        Equal arguments give equal tokens, whatever was asked before.

        Args:
            prompt: Token ids; with ``max_tokens`` they must fit :attr:`context_tokens`.
            grammar: GBNF with a rule ``root``.
            max_tokens: Longest answer.
            temperature: 0 is greedy.
            seed: Of the sampler, where the temperature is above 0.

        Raises:
            ValueError: llama.cpp cannot parse the grammar.
            ModelError: llama.cpp failed on the way.
        """
        rules = self._rules(grammar)
        # What an earlier question left in the cache would change the batches, and with them the last digits.
        self._model.reset()  # type: ignore[no-untyped-call]  # llama_cpp leaves it untyped
        self._model.set_seed(seed)
        tokens = self._model.generate(prompt, temp=temperature, grammar=rules)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        try:
            for token in islice(tokens, max_tokens):
                if self._ends(token):
                    return
                piece = self._model.detokenize([token])
                yield Written(decoder.decode(piece), self._logprob(token))
        except RuntimeError as error:
            raise ModelError(
                f"모델이 계산하다 멈추었습니다: {error}.",
                "llm_context_tokens를 줄이거나 더 작은 모델을 써 주세요.",
            ) from error
        finally:
            tokens.close()

    def _rules(self, grammar: str) -> LlamaGrammar:
        """The grammar, tried first: a generator given one that does not parse crashes the process."""
        import llama_cpp
        from llama_cpp.llama_grammar import LlamaGrammar

        tried = llama_cpp.llama_sampler_init_grammar(_vocabulary(self._model), grammar.encode(), b"root")
        if not tried:
            raise ValueError("not a grammar")
        llama_cpp.llama_sampler_free(tried)
        return LlamaGrammar.from_string(grammar, verbose=False)

    def _ends(self, token: int) -> bool:
        import llama_cpp

        return bool(llama_cpp.llama_vocab_is_eog(_vocabulary(self._model), token))

    def _logprob(self, token: int) -> float:
        import llama_cpp

        pointer = llama_cpp.llama_get_logits_ith(self._model.ctx, -1)
        logits = np.ctypeslib.as_array(pointer, shape=(self._model.n_vocab(),))
        top = float(logits.max())
        return min(0.0, float(logits[token]) - top - float(np.log(np.exp(logits - top).sum())))


def loaded(path: Path, settings: Settings, context_tokens: int) -> Llama:
    """A GGUF file in memory, with a context of so many tokens.

    Raises:
        ModelDamagedError: A file that llama.cpp cannot load.
        ModelError: There is not enough memory.
    """
    from jinja2 import TemplateError
    from llama_cpp import Llama

    threads = settings.llm_threads or cores()
    try:
        return Llama(
            str(path),
            n_ctx=context_tokens,
            n_threads=threads,
            n_threads_batch=threads,
            seed=settings.seed,
            chat_format="chatml",  # unused: the template is rendered in ``chat``
            verbose=False,
        )
    except TemplateError as error:
        raise unusable(error) from error
    except (ValueError, RuntimeError, OSError, AssertionError) as error:
        raise _unloadable(path, str(error)) from error


def _unloadable(path: Path, cause: str) -> ModelError:
    if "llama_context" in cause:
        return ModelError(
            f"{path}에 쓸 메모리가 모자랍니다.", "llm_context_tokens를 줄이거나 더 작은 모델을 써 주세요."
        )
    return ModelDamagedError(
        f"{path}을(를) 읽을 수 없습니다.",
        "파일을 다시 받아 주세요. 새 구조의 모델이면 llama-cpp-python을 새로 설치해 주세요.",
    )


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _vocabulary(model: Llama) -> object:
    """llama.cpp's pointer to the vocabulary."""
    import llama_cpp

    return llama_cpp.llama_model_get_vocab(model.model)


def texts_of_vocabulary(model: Llama) -> list[str]:
    """Spellings of all tokens, in the order of their ids."""
    import llama_cpp

    vocabulary = _vocabulary(model)
    texts = (llama_cpp.llama_vocab_get_text(vocabulary, token) for token in range(model.n_vocab()))
    return [text.decode("utf-8", "surrogatepass") for text in texts]


def _check_vocabulary(path: Path, model: Llama) -> None:
    if not _can_tokenise(model) or not _comes_back(model, _PROBE):
        raise ModelKindError(
            f"{path}의 어휘로는 한국어를 쓸 수 없습니다.", "한국어를 아는 instruct 모델의 .gguf를 주세요."
        )


def _can_tokenise(model: Llama) -> bool:
    """Whether text can be given to llama.cpp, which ends the process where a vocabulary lacks bytes."""
    import llama_cpp

    vocabulary = _vocabulary(model)
    kind = llama_cpp.llama_vocab_type(vocabulary)
    if kind != llama_cpp.LLAMA_VOCAB_TYPE_SPM:
        return bool(kind != llama_cpp.LLAMA_VOCAB_TYPE_NONE)
    byte = llama_cpp.LLAMA_TOKEN_ATTR_BYTE
    ids = range(model.n_vocab())
    spelled = (token for token in ids if llama_cpp.llama_vocab_get_attr(vocabulary, token) & byte)
    return sum(1 for _ in islice(spelled, 256)) == 256


def _comes_back(model: Llama, text: str) -> bool:
    tokens = model.tokenize(text.encode(), add_bos=False, special=False)
    return model.detokenize(tokens).decode("utf-8", "replace").strip() == text


def _spelled(model: Llama, token: int) -> str:
    return model._model.token_get_text(token) if token >= 0 else ""
