"""A tiny model of our own kind, with random weights: its PyTorch form and its GGUF files."""

from pathlib import Path

import numpy as np
import torch

from rag.korean import analyse
from rag.llm.morpheme import BYTES, CONTROLS, Layout, by_characters, spelled
from recipes.llm.export import quantise, write
from recipes.llm.model import Llama, Shape

QUESTION = "카카오 디지털 허브의 완공 시점은 언제인가?"
TEXTS = (
    "카카오는 남양주 왕숙에 디지털 허브를 짓고 2029년에 완공한다.",
    "공사에는 4,200억 원이 들고, 일하는 사람은 1,500명이다.",
)
LAYOUT = Layout(question=24, evidence=64, answer=12, repeats=1)


def tokens() -> list[str]:
    """Controls, bytes, digits, and the words of :data:`TEXTS` but 왕숙, which is spelled by bytes."""
    words = {
        spelled(m)
        for text in (QUESTION, *TEXTS)
        for m in analyse(text).morphemes
        if not by_characters(m) and m.form != "왕숙"
    }
    return [*CONTROLS, *BYTES, *"0123456789,.?", *sorted(words)]


def tiny_llama(repeats: int = 1, heads_kv: int = 2) -> Llama:
    """Random weights with norms away from 1, so that none can be left out unseen."""
    torch.manual_seed(0)
    count = len(tokens())
    first = np.random.default_rng(0).normal(size=(count, 48))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    first[: len(CONTROLS) + len(BYTES) + 12] = 0
    model = Llama(Shape(width=64, layers=3, heads=4, heads_kv=heads_kv, hidden=96), first).eval()
    for name, weights in model.named_parameters():
        if name.endswith("norm.weight"):
            torch.nn.init.uniform_(weights, 0.5, 2.0)
    return model


def write_files(folder: Path, model: Llama, layout: Layout = LAYOUT) -> dict[str, Path]:
    """F32, F16 and Q8_0 files of a model."""
    found = {
        kind: write(folder / f"tiny-{kind}.gguf", model, tokens(), layout, kind, {})
        for kind in ("F32", "F16")
    }
    return found | {"Q8_0": quantise(found["F32"], folder / "tiny-Q8_0.gguf")}
