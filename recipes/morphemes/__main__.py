"""Kiwi's morpheme vectors from its public cosines, and idf from plain text.

    python -m recipes.morphemes --text DIR --out rag/weights/morphemes

Kiwi's language model gives the cosine of any pair of morphemes. A Nyström step over ~512 anchor rows
rebuilds all vectors exactly (Williams & Seeger 2001; the matrix has rank 256); PCA keeps 96 directions.
"""

import argparse
import json
import lzma
from collections import Counter
from pathlib import Path

import numpy as np

from rag import manifest
from rag.korean import KOREAN_VERSION, VECTOR_COUNT, analyse_many, kiwi
from rag.vector import KIND

DIM = 96
TEXTS = (("kobest_boolq_wiki_paragraphs", 5748), ("kr_laws", 600), ("ms_learn_ko", 150))


def full_vectors() -> np.ndarray:
    """(VECTOR_COUNT, 256) float32 whose inner products are Kiwi's cosines."""
    rng = np.random.default_rng(0)
    rare = rng.choice(np.arange(500, 40000), 212, replace=False)
    anchors = np.unique(np.concatenate([np.arange(200, 500), rare]))
    columns = np.zeros((VECTOR_COUNT, len(anchors)), np.float32)
    for column, anchor in enumerate(anchors):
        for similar in kiwi().most_similar_morphemes(int(anchor), top_n=VECTOR_COUNT):
            columns[similar.id, column] = similar.score if similar.score > -2 else 1.0
    square = columns[anchors]
    values, directions = np.linalg.eigh((square + square.T) / 2)
    values, directions = values[::-1][:256], directions[:, ::-1][:, :256]
    return columns @ directions / np.sqrt(values)


def reduced(full: np.ndarray) -> np.ndarray:
    """Centred, unit, projected on the first DIM principal directions of the common morphemes; int8."""
    centred = full - full[200:40000].mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True) + 1e-9
    common = centred[200:40000]
    _, directions = np.linalg.eigh(common.T @ common)
    small = centred @ directions[:, ::-1][:, :DIM]
    print(f"kept energy {np.square(small).sum() / np.square(centred).sum():.3f}")
    return np.round(small / np.abs(small).max(1, keepdims=True).clip(1e-9) * 127).astype(np.int8)


def inverse_frequency(folder: Path) -> np.ndarray:
    """(VECTOR_COUNT,) float16: log((n + 1) / (df + 0.5)) / log(n + 1)."""
    texts = []
    for name, count in TEXTS:
        with lzma.open(folder / f"{name}.jsonl.xz", "rt", encoding="utf-8") as lines:
            texts += [json.loads(line)["text"][:1500] for line, _ in zip(lines, range(count), strict=False)]
    seen: Counter[int] = Counter()
    for analysis in analyse_many(texts):
        seen.update({m.id for m in analysis.morphemes})
    frequency = np.array([seen.get(i, 0) for i in range(VECTOR_COUNT)], np.float64)
    idf = np.log((len(texts) + 1) / (frequency + 0.5)) / np.log(len(texts) + 1)
    return idf.clip(0, 1).astype(np.float16)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--text", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    np.save(options.out / "vectors.npy", reduced(full_vectors()))
    np.save(options.out / "idf.npy", inverse_frequency(options.text))
    manifest.write(options.out, KIND, 1, {"dim": DIM, "korean": KOREAN_VERSION})


if __name__ == "__main__":
    main()
