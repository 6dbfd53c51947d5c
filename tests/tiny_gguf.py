"""A real GGUF file small enough for tests: random weights, byte-level vocabulary, a chat template."""

from pathlib import Path

import gguf
import numpy as np

DIM, LAYERS, HEADS, HIDDEN, CONTEXT = 32, 2, 4, 64, 2048
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PIECES = [*"[]0123456789. ", "입니다", "년", "완공", "카카오", "문서에서", " 답을", " 찾을 수", " 없습니다."]


def _vocabulary() -> tuple[list[bytes], list[float], list[int]]:
    kinds = gguf.TokenType
    tokens: list[tuple[bytes, int]] = [
        (b"<unk>", kinds.UNKNOWN),
        (b"<s>", kinds.CONTROL),
        (b"</s>", kinds.CONTROL),
        *((f"<|{role}|>".encode(), kinds.CONTROL) for role in ("system", "user", "assistant")),
        *((f"<0x{byte:02X}>".encode(), kinds.BYTE) for byte in range(256)),
        *((piece.replace(" ", "▁").encode(), kinds.NORMAL) for piece in PIECES),
    ]
    scores = [-float(row) for row in range(len(tokens))]
    return [token for token, _ in tokens], scores, [int(kind) for _, kind in tokens]


def write_tiny_gguf(path: Path, *, template: bool = True, seed: int = 0) -> Path:
    """Write a llama-architecture model with random weights; equal seeds give equal files."""
    rng = np.random.default_rng(seed)
    tokens, scores, kinds = _vocabulary()
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIM)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(DIM // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if template:
        writer.add_chat_template(TEMPLATE)
    for name, shape in _shapes(len(tokens)).items():
        weights = np.ones(shape) if name.endswith("norm.weight") else rng.normal(0, 0.3, shape)
        writer.add_tensor(name, weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, DIM)}
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        shapes |= {f"{block}.{norm}.weight": (DIM,) for norm in ("attn_norm", "ffn_norm")}
        shapes |= {f"{block}.attn_{part}.weight": (DIM, DIM) for part in ("q", "k", "v", "output")}
        shapes |= {f"{block}.ffn_{part}.weight": (HIDDEN, DIM) for part in ("gate", "up")}
        shapes[f"{block}.ffn_down.weight"] = (DIM, HIDDEN)
    return shapes | {"output_norm.weight": (DIM,), "output.weight": (vocabulary, DIM)}
