"""One prompt, many ways to go on: log-probabilities of each, with the prompt computed once.

llama.cpp keeps one copy of the prompt's keys and values; every continuation is a sequence that shares it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError

if TYPE_CHECKING:
    from llama_cpp import Llama

#: Continuations that are computed at once.
BRANCHES = 31
#: Tokens of continuations that are computed at once, at most.
ROOM = 256

Floats = NDArray[np.float64]


class Continuations:
    """Computes continuations on a loaded model. Not safe for two threads at once.

    Args:
        model: Loaded; must outlive this.
        prompt_tokens: Longest prompt.
        threads: How many to use.

    Raises:
        ModelError: There is not enough memory.
    """

    def __init__(self, model: Llama, prompt_tokens: int, threads: int) -> None:
        import llama_cpp

        choice = llama_cpp.llama_context_default_params()
        choice.n_ctx = choice.n_batch = prompt_tokens + ROOM
        choice.n_seq_max = BRANCHES + 1
        choice.kv_unified = True
        choice.n_threads = choice.n_threads_batch = threads
        context = llama_cpp.llama_init_from_model(model.model, choice)
        if not context:
            raise ModelError("답을 견줄 메모리가 모자랍니다.", "llm_context_tokens를 줄여 주세요.")
        self._context = context
        self._model = model
        self._memory = llama_cpp.llama_get_memory(context)
        self._batch = llama_cpp.llama_batch_init(prompt_tokens + ROOM, 0, 1)
        self._prompt_tokens = prompt_tokens
        weakref.finalize(self, _free, context, self._batch, model)

    @property
    def prompt_tokens(self) -> int:
        """Longest prompt."""
        return self._prompt_tokens

    def logprobs(self, prompt: Sequence[int], tails: Sequence[Sequence[int]]) -> list[Floats]:
        """Natural log-probabilities of each token of each tail, given prompt and the tokens before it.

        Args:
            prompt: At least one id, at most :attr:`prompt_tokens`.
            tails: Each with one to :data:`ROOM` ids. Cost grows with their number of distinct beginnings.

        Raises:
            ValueError: A prompt or tail is empty or too long.
            ModelError: llama.cpp failed on the way.
        """
        import llama_cpp

        if not 0 < len(prompt) <= self._prompt_tokens:
            raise ValueError(f"a prompt of {len(prompt)} ids; 1 to {self._prompt_tokens} fit")
        if not all(0 < len(tail) <= ROOM for tail in tails):
            raise ValueError(f"a continuation has 1 to {ROOM} ids")
        llama_cpp.llama_memory_clear(self._memory, True)
        self._decode([(token, at, 0) for at, token in enumerate(prompt)], only_last=True)
        first = self._row(len(prompt) - 1)
        found: list[Floats] = [np.array([first[tail[0]]]) for tail in tails]
        for rows in _packed(tails):
            self._grow(rows, len(prompt), tails, found)
        return found

    def _grow(
        self, rows: Sequence[int], at: int, tails: Sequence[Sequence[int]], found: list[Floats]
    ) -> None:
        """Compute what comes after the first token of some tails, each in a sequence of its own."""
        import llama_cpp

        entries: list[tuple[int, int, int]] = []
        for branch, row in enumerate(rows, 1):
            llama_cpp.llama_memory_seq_cp(self._memory, 0, branch, -1, -1)
            entries += [(token, at + number, branch) for number, token in enumerate(tails[row][:-1])]
        self._decode(entries, only_last=False)
        entry = 0
        for row in rows:
            after = tails[row][1:]
            values = [self._row(entry + number)[token] for number, token in enumerate(after)]
            found[row] = np.concatenate([found[row], values])
            entry += len(after)
        for branch in range(1, len(rows) + 1):
            llama_cpp.llama_memory_seq_rm(self._memory, branch, -1, -1)

    def _decode(self, entries: Sequence[tuple[int, int, int]], *, only_last: bool) -> None:
        import llama_cpp

        batch = self._batch
        batch.n_tokens = len(entries)
        for row, (token, position, sequence) in enumerate(entries):
            batch.token[row], batch.pos[row] = token, position
            batch.n_seq_id[row], batch.seq_id[row][0] = 1, sequence
            batch.logits[row] = not only_last or row + 1 == len(entries)
        status = llama_cpp.llama_decode(self._context, batch)
        if status != 0:
            raise ModelError(
                f"모델이 계산하다 멈추었습니다({status}).",
                "llm_context_tokens를 줄이거나 더 작은 모델을 써 주세요.",
            )

    def _row(self, entry: int) -> Floats:
        """``(n,)`` log-probabilities of what follows an entry of the last batch."""
        import llama_cpp

        pointer = llama_cpp.llama_get_logits_ith(self._context, entry)
        logits = np.ctypeslib.as_array(pointer, shape=(self._model.n_vocab(),)).astype(np.float64)
        logits -= logits.max()
        return np.asarray(logits - np.log(np.exp(logits).sum()), np.float64)


def _packed(tails: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Rows of tails that go on after their first token, in groups that are computed at once."""
    group: list[int] = []
    size = 0
    for row, tail in enumerate(tails):
        more = len(tail) - 1
        if not more:
            continue
        if group and (len(group) == BRANCHES or size + more > ROOM):
            yield group
            group, size = [], 0
        group.append(row)
        size += more
    if group:
        yield group


def _free(context: object, batch: object, _model: object) -> None:
    """Free what llama.cpp holds; the model is named so that it lives until then."""
    import llama_cpp

    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
