"""Kinds of dense index on the same vectors: recall, time of a question, time to build, bytes.

    python -m recipes.bench kinds [--passages 30000]

Vectors are those of the embedded embedder for made text (``recipes/bench/made.py``). Times are processor
times of one thread. Every kind proposes ``rerank`` rows, which are scored by their vectors.
"""

import argparse
import time
from collections.abc import Callable

import faiss
import numpy as np

from rag.config import load_scale_settings
from rag.embed import EmbeddedEmbedder
from recipes.bench.made import Maker, questions
from recipes.bench.scale import SEED, SOURCES, by_words

QUERIES = 100


def vectors_of(passages: int) -> tuple[np.ndarray, np.ndarray]:
    """``(passages, dim)`` and ``(QUERIES, dim)``."""
    maker, embedder = Maker.of(SOURCES, SEED), EmbeddedEmbedder.load()
    texts = (
        f"{d.title}\n{d.text[s.span.start : s.span.end]}"
        for d in maker.documents(passages)
        for s in d.sections
    )
    analyses = by_words(texts)
    blocks = []
    while block := [one for _, one in zip(range(1024), analyses, strict=False)]:
        blocks.append(embedder.embed_analyses(block))
    asked = embedder.embed_analyses(list(by_words(questions(maker, passages, QUERIES))))
    return np.concatenate(blocks), asked


def trials(passages: int) -> list[tuple[str, str, Callable[[faiss.Index], None]]]:
    """Name, factory string and what to set before searching."""
    lists = int(4 * passages**0.5)

    def probes(share: float) -> Callable[[faiss.Index], None]:
        return lambda index: setattr(faiss.extract_index_ivf(index), "nprobe", max(1, int(share * lists)))

    def depth(ef: int) -> Callable[[faiss.Index], None]:
        return lambda index: setattr(index.hnsw, "efSearch", ef)

    return [
        *((f"IVF-SQ8, {share:.0%} of lists", f"IVF{lists},SQ8", probes(share)) for share in (0.02, 0.1, 0.3)),
        *((f"HNSW-SQ8, efSearch {ef}", "HNSW32_SQ8", depth(ef)) for ef in (64, 256)),
        ("PQ 4 bits, 8 dimensions", "PQ128x4fs", lambda index: None),
        ("PQ 4 bits, 4 dimensions", "PQ256x4fs", lambda index: None),
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=30_000)
    options = parser.parse_args(arguments)
    faiss.omp_set_num_threads(1)
    vectors, asked = vectors_of(options.passages)
    _, nearest = faiss.knn(asked, vectors, 10, faiss.METRIC_INNER_PRODUCT)
    rerank = load_scale_settings().dense_rerank
    print(f"{len(vectors)} vectors, {rerank} rows scored again, {QUERIES} questions")
    made: dict[str, tuple[faiss.Index, float]] = {}
    for name, factory, prepare in trials(options.passages):
        if factory not in made:
            started = time.process_time()
            index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
            index.train(vectors)
            index.add(vectors)
            made[factory] = (index, time.process_time() - started)
        index, built = made[factory]
        prepare(index)
        started, right = time.process_time(), 0
        for query, best in zip(asked, nearest, strict=True):
            rows = index.search(query[None], rerank)[1][0]
            rows = rows[rows >= 0]
            again = rows[np.argsort(-np.einsum("ij,j->i", vectors[rows], query))[:10]]
            right += len(set(again.tolist()) & set(best.tolist()))
        each = (time.process_time() - started) / QUERIES * 1e3
        size = len(faiss.serialize_index(index)) / len(vectors)
        found = right / (10 * QUERIES)
        print(
            f"{name:26} recall@10 {found:.3f}  {each:6.2f} ms  built in {built:6.1f} s  {size:6.0f} bytes",
            flush=True,
        )
