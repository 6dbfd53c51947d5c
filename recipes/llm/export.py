"""Weights to GGUF files, their quantisation by llama.cpp, and how far its logits are from PyTorch's."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import gguf
import numpy as np
import torch

from rag.llm.morpheme import BEGIN, BYTES, CONTROLS, END, FIELD, LAYOUT_FIELD, SCHEME, Layout
from recipes.llm.model import EPSILON, ROPE_BASE, Llama, Shape, tensors

#: llama.cpp's number of the type F32.
WHOLE = 0
#: Window that the file names: many answers are weighed at once, each beside the prompt.
CONTEXT = 2048
FLOATS = {"F32": np.float32, "F16": np.float16}


def write(
    path: Path, model: Llama, tokens: Sequence[str], layout: Layout, kind: str, notes: dict[str, str]
) -> Path:
    """A GGUF of the llama architecture with vocabulary and layout in its head.

    Args:
        path: Where to.
        model: Trained.
        tokens: Spellings by id.
        layout: Of its prompts.
        kind: "F32" or "F16"; vectors of one dimension stay F32, as llama.cpp wants them.
        notes: Fields of the head for people: licence, sources.
    """
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("geungeo-reader")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32 if kind == "F32" else gguf.LlamaFileType.MOSTLY_F16)
    _add_shape(writer, model.shape, len(tokens), layout)
    _add_vocabulary(writer, tokens)
    writer.add_string(FIELD, SCHEME)
    for field in fields(layout):
        writer.add_string(LAYOUT_FIELD + field.name, str(getattr(layout, field.name)))
    for name, value in notes.items():
        writer.add_string(name, value)
    for name, value in tensors(model).items():
        writer.add_tensor(name, value if value.ndim == 1 else value.astype(FLOATS[kind]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_shape(writer: gguf.GGUFWriter, shape: Shape, count: int, layout: Layout) -> None:
    writer.add_vocab_size(count)
    writer.add_context_length(max(CONTEXT, layout.total))
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads_kv)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(ROPE_BASE)


def _add_vocabulary(writer: gguf.GGUFWriter, tokens: Sequence[str]) -> None:
    """Prompts go in as ids; llama.cpp still wants a tokenizer: by bytes it can spell any text."""
    kinds = gguf.TokenType
    known = {
        **dict.fromkeys(CONTROLS, kinds.CONTROL),
        **dict.fromkeys(BYTES, kinds.BYTE),
        "<unk>": kinds.UNKNOWN,
    }
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token.encode("utf-8", "surrogatepass") for token in tokens])
    writer.add_token_scores([-float(row) for row in range(len(tokens))])
    writer.add_token_types([int(known.get(token, kinds.NORMAL)) for token in tokens])
    writer.add_bos_token_id(tokens.index(BEGIN))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)


def quantise(source: Path, target: Path) -> Path:
    """The model in 8 bits (Q8_0), by llama.cpp itself.

    Raises:
        RuntimeError: llama.cpp refused.
    """
    import llama_cpp
    from llama_cpp._logger import set_verbose

    set_verbose(False)  # else llama.cpp lists every tensor
    choice = llama_cpp.llama_model_quantize_default_params()
    choice.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    choice.nthread = 2
    status = llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(choice))
    if status != 0:
        raise RuntimeError(f"llama_model_quantize returned {status}")
    return target


@dataclass(frozen=True, slots=True)
class Apart:
    """How far llama.cpp is from PyTorch over ``n`` positions: logits, and what is read from them.

    Attributes:
        largest, mean: Absolute difference of logits.
        spread: Standard deviation of PyTorch's logits, to weigh the two above.
        logprob: Largest difference of the log-probability of the token that comes next.
        same_best: Share of positions with the same most probable token.
    """

    name: str
    n: int
    largest: float
    mean: float
    spread: float
    logprob: float
    same_best: float


def apart(path: Path, model: Llama, sequences: Sequence[Sequence[int]]) -> Apart:
    """llama.cpp's logits of ``path`` against PyTorch's in float32, at every position of the sequences."""
    model = model.float().eval()
    differences, logs, best, spreads = [], [], [], []
    for ids, theirs in zip(sequences, logits(path, sequences), strict=True):
        with torch.no_grad():
            ours = model.cpu()(torch.tensor([list(ids)]))[0].numpy()
        differences.append(np.abs(ours - theirs))
        spreads.append(ours.std())
        best.append(ours.argmax(-1) == theirs.argmax(-1))
        after = np.array(ids[1:])
        logs.append(np.abs(_logprobs(ours[:-1], after) - _logprobs(theirs[:-1], after)))
    apart_by = np.concatenate(differences)
    return Apart(
        path.name,
        len(apart_by),
        float(apart_by.max()),
        float(apart_by.mean()),
        float(np.mean(spreads)),
        float(np.concatenate(logs).max()),
        float(np.concatenate(best).mean()),
    )


def logits(path: Path, sequences: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """``(t, n)`` logits of llama.cpp at every position of each sequence."""
    from llama_cpp import Llama as Engine

    engine = Engine(
        str(path),
        n_ctx=max(map(len, sequences)),
        logits_all=True,
        n_threads=1,
        n_threads_batch=1,
        type_k=WHOLE,  # keys and values unrounded too: what is left is the file's doing
        type_v=WHOLE,
        verbose=False,
    )
    found = []
    for ids in sequences:
        engine.reset()
        engine.eval(list(ids))
        found.append(np.array(engine.scores[: len(ids)], np.float32))
    engine.close()
    return found


def _logprobs(scores: np.ndarray, told: np.ndarray) -> np.ndarray:
    top = scores.max(-1, keepdims=True)
    normal = top[:, 0] + np.log(np.exp(scores - top).sum(-1))
    return scores[np.arange(len(told)), told] - normal


def table(found: Sequence[Apart]) -> str:
    """The differences as Markdown."""
    lines = [
        "| file | positions | largest difference of a logit | mean | spread of logits "
        "| largest difference of the next token's log-probability | same best token |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.name} | {one.n} | {one.largest:.2g} | {one.mean:.2g} | {one.spread:.3f} "
        f"| {one.logprob:.2g} | {one.same_best:.3f} |"
        for one in found
    ]
    return "\n".join(lines) + "\n"
