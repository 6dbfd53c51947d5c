"""A real GGUF file small enough for tests: random weights, byte-level vocabulary, a chat template."""

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np

DIM, LAYERS, HEADS, HIDDEN, CONTEXT = 32, 2, 4, 64, 2048
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
#: Control tokens as real models spell them; documents that spell them too must not make them.
CONTROLS = [
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|im_start|>",
    "<|im_end|>",
    "<start_of_turn>",
    "[INST]",
]
CONTROLS += ["[/INST]", "[|endofturn|]", "<think>", "</think>"]
PIECES = [*"[]0123456789. ", "입니다", "년", "완공", "카카오", "문서에서", " 답을", " 찾을 수", " 없습니다."]

Tokens = list[tuple[str, int]]


def korean_tokens() -> Tokens:
    """A vocabulary that spells anything, by bytes."""
    kinds = gguf.TokenType
    return [
        *(
            (name, int(kinds.UNKNOWN if name == "<unk>" else kinds.CONTROL))
            for name in ("<unk>", "<s>", "</s>")
        ),
        *((control, int(kinds.CONTROL)) for control in CONTROLS),
        *((f"<0x{byte:02X}>", int(kinds.BYTE)) for byte in range(256)),
        *((piece.replace(" ", "▁"), int(kinds.NORMAL)) for piece in PIECES),
    ]


def latin_tokens() -> Tokens:
    """A vocabulary that cannot spell Korean: letters, no bytes."""
    return [*korean_tokens()[:3], *((letter, int(gguf.TokenType.NORMAL)) for letter in "▁abcdefgh[]1.")]


def write_tiny_gguf(
    path: Path,
    *,
    template: str | None = TEMPLATE,
    seed: int = 0,
    architecture: str = "llama",
    tokens: Tokens | None = None,
    facts: Mapping[str, str | bool | int] | None = None,
) -> Path:
    """Write a llama-shaped model with random weights; equal arguments give equal files.

    Args:
        path: Where to.
        template: Chat template; ``None`` leaves it out.
        seed: Of the weights.
        architecture: What the file says it is.
        tokens: Texts and kinds; an empty list writes a model without a vocabulary.
        facts: Further fields of the head.
    """
    tokens = korean_tokens() if tokens is None else tokens
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_name("tiny")
    for key, value in (facts or {}).items():
        add = {str: writer.add_string, bool: writer.add_bool, int: writer.add_uint32}[type(value)]
        add(key, value)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIM)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(DIM // HEADS)
    _add_vocabulary(writer, tokens)
    if template is not None:
        writer.add_chat_template(template)
    rng = np.random.default_rng(seed)
    for name, shape in _shapes(max(16, len(tokens))).items():
        weights = np.ones(shape) if name.endswith("norm.weight") else rng.normal(0, 0.3, shape)
        writer.add_tensor(name, weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer: gguf.GGUFWriter, tokens: Tokens) -> None:
    writer.add_vocab_size(max(16, len(tokens)))
    if not tokens:
        writer.add_tokenizer_model("no_vocab")
        return
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text.encode() for text, _ in tokens])
    writer.add_token_scores([-float(row) for row in range(len(tokens))])
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, DIM)}
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        shapes |= {f"{block}.{norm}.weight": (DIM,) for norm in ("attn_norm", "ffn_norm")}
        shapes |= {f"{block}.attn_{part}.weight": (DIM, DIM) for part in ("q", "k", "v", "output")}
        shapes |= {f"{block}.ffn_{part}.weight": (HIDDEN, DIM) for part in ("gate", "up")}
        shapes[f"{block}.ffn_down.weight"] = (DIM, HIDDEN)
    return shapes | {"output_norm.weight": (DIM,), "output.weight": (vocabulary, DIM)}
