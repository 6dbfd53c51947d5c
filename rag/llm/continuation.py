"""One prompt, many ways to go on: log-probabilities of each, with the prompt computed once.

llama.cpp keeps one copy of the prompt's keys and values, which every continuation shares; so do
continuations with one beginning.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError

if TYPE_CHECKING:
    from llama_cpp import Llama

#: Continuations that are computed at once.
BRANCHES = 63
#: Tokens of continuations that are computed at once, at most.
ROOM = 256

Floats = NDArray[np.float64]
#: Ids that follow the prompt.
Path = tuple[int, ...]


class _Entry(NamedTuple):
    """One token of a batch, and the sequences it belongs to."""

    token: int
    position: int
    sequences: tuple[int, ...]


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
        self._batch = llama_cpp.llama_batch_init(prompt_tokens + ROOM, 0, BRANCHES)
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
        self._decode([_Entry(token, at, (0,)) for at, token in enumerate(prompt)], only_last=True)
        first = self._row(len(prompt) - 1)
        wanted: dict[Path, set[int]] = {}
        for tail in tails:
            for at, token in enumerate(tail):
                wanted.setdefault(tuple(tail[:at]), set()).add(token)
        logs: dict[tuple[Path, int], float] = {
            ((), token): float(first[token]) for token in wanted.get((), ())
        }
        for paths in _packed(sorted({tuple(tail[:-1]) for tail in tails if len(tail) > 1})):
            logs |= self._grown(paths, len(prompt), wanted)
        return [np.array([logs[tuple(tail[:at]), token] for at, token in enumerate(tail)]) for tail in tails]

    def _grown(
        self, paths: Sequence[Path], at: int, wanted: Mapping[Path, set[int]]
    ) -> dict[tuple[Path, int], float]:
        """Log-probabilities of the wanted tokens after every beginning of some paths.

        Beginnings that paths share are computed once, in all of their sequences.
        """
        import llama_cpp

        leaves = [path for path, after in pairwise([*paths, ()]) if after[: len(path)] != path]
        branches: dict[Path, list[int]] = {}
        for branch, leaf in enumerate(leaves, 1):
            llama_cpp.llama_memory_seq_cp(self._memory, 0, branch, -1, -1)
            for size in range(1, len(leaf) + 1):
                branches.setdefault(leaf[:size], []).append(branch)
        self._decode(
            [_Entry(path[-1], at + len(path) - 1, tuple(own)) for path, own in branches.items()],
            only_last=False,
        )
        found: dict[tuple[Path, int], float] = {}
        for entry, path in enumerate(branches):
            row = self._row(entry)
            found |= {(path, token): float(row[token]) for token in wanted.get(path, ())}
        for branch in range(1, len(leaves) + 1):
            llama_cpp.llama_memory_seq_rm(self._memory, branch, -1, -1)
        return found

    def _decode(self, entries: Sequence[_Entry], *, only_last: bool) -> None:
        import llama_cpp

        batch = self._batch
        batch.n_tokens = len(entries)
        for row, entry in enumerate(entries):
            batch.token[row], batch.pos[row] = entry.token, entry.position
            batch.n_seq_id[row] = len(entry.sequences)
            for number, sequence in enumerate(entry.sequences):
                batch.seq_id[row][number] = sequence
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
        logits = np.ctypeslib.as_array(pointer, shape=(self._model.n_vocab(),))
        raised = logits - logits.max()
        return np.asarray(raised - np.log(np.exp(raised).sum()), np.float64)


def _packed(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Sorted paths in groups that are computed at once: few enough ends, few enough tokens."""
    group: list[Path] = []
    size = 0
    for path in paths:
        more = len(path) - (_shared(group[-1], path) if group else 0)
        if group and (len(group) == BRANCHES or size + more > ROOM):
            yield group
            group, size, more = [], 0, len(path)
        group.append(path)
        size += more
    if group:
        yield group


def _shared(one: Path, other: Path) -> int:
    """How many first ids two paths have in common."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _free(context: object, batch: object, _model: object) -> None:
    """Free what llama.cpp holds; the model is named so that it lives until then."""
    import llama_cpp

    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
