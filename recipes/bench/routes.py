"""BM25 and dense search alone, at sizes whose text would take Kiwi an hour: nothing is analysed or embedded.

    python -m recipes.bench routes --passages 1000000

Term lists are drawn from the term frequencies of made text (``recipes/bench/made.py``), with new rare terms
all along; vectors are blends of two vectors of made passages, so that each has neighbours.
Questions are terms of some passage, and blends. Written, fitted and mapped by the code that an index uses.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rag.chunk import chunk
from rag.config import load_scale_settings
from rag.dense import DenseIndex, VectorWriter
from rag.embed import EmbeddedEmbedder
from rag.index import retrieval_text
from rag.korean import Analysis, terms
from rag.lexical import LexicalIndex, TermWriter
from recipes.bench.made import Maker
from recipes.bench.scale import SEED, SOURCES, by_words, exact, own_mib, p95

SAMPLE = 4000  # passages that terms and vectors are drawn from
BLOCK = 20_000
CANDIDATES = 50


def sample() -> list[Analysis]:
    documents = Maker.of(SOURCES, SEED).documents(SAMPLE)
    return list(by_words(retrieval_text(passage) for one in documents for passage in chunk(one, 400)))


def tell(name: str, kind: str, times: list[float]) -> None:
    ordered = sorted(times)
    print(
        f"  {name:14} {kind} p50 {ordered[len(ordered) // 2]:7.1f} ms, p95 {p95(ordered):7.1f} ms", flush=True
    )


def term_blocks(
    analyses: list[Analysis], passages: int
) -> Iterator[tuple[list[str], np.ndarray, np.ndarray]]:
    """As :meth:`TermWriter.add_many` takes them: a share of each list is kept, the rest drawn anew."""
    lists = [terms(analysis) for analysis in analyses]
    names = sorted({term for one in lists for term in one})
    places = {term: row for row, term in enumerate(names)}
    every = np.array([places[term] for one in lists for term in one], np.int32)
    counts = np.bincount(every)
    once = np.flatnonzero(counts == 1)  # become words of their own in each block: the vocabulary grows
    lengths = np.array([len(one) for one in lists])
    dice = np.random.default_rng(SEED)
    for number, first in enumerate(range(0, passages, BLOCK)):
        size = min(BLOCK, passages - first)
        ends = np.cumsum(dice.choice(lengths, size))
        ids = dice.choice(every, int(ends[-1]))
        mine = [*names, *(f"{names[row]}{number}" for row in once)]
        rank = np.full(len(names), -1)
        rank[once] = np.arange(len(once))
        own = (rank[ids] >= 0) & (dice.random(len(ids)) < 0.5)
        ids[own] = len(names) + rank[ids[own]]
        yield mine, ids, ends


def lexical(analyses: list[Analysis], passages: int, questions: int, folder: Path) -> None:
    folder.mkdir()
    started, writer = time.process_time(), TermWriter(folder)
    for names, ids, ends in term_blocks(analyses, passages):
        writer.add_many(names, ids, ends)
    drawn = time.process_time()
    writer.close()
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(
        f"BM25: drawn in {drawn - started:.0f} s, fitted in {time.process_time() - drawn:.0f} s of one core, "
        f"{size / passages:.0f} bytes/passage, {own_mib():.0f} MiB of its own now"
    )
    index = LexicalIndex.load(folder, passages)
    print(f"  {len(index.lexicon):,} terms")
    dice = np.random.default_rng(SEED + 1)
    asked = []
    for row in dice.integers(passages, size=questions).tolist():
        ids, _ = index.term_ids(range(row, row + 1))
        asked.append([index.lexicon[term] for term in dice.choice(ids, 24).tolist()])
    engine = index._postings.engine()
    ways = {
        "search": lambda sought: index.search(sought, CANDIDATES),
        "every passage": index.scores,
        "bm25s": lambda sought: engine.get_scores_from_ids([index.lexicon.find(term) for term in sought]),
    }
    for name, way in ways.items():
        for clock in (time.perf_counter, time.process_time):
            times = []
            for sought in asked if name == "search" else asked[:20]:
                begun = clock()
                way(sought)
                times.append((clock() - begun) * 1e3)
            kind = "wall" if clock is time.perf_counter else "core"
            tell(name, kind, times)
    best = sum(
        set(index.search(sought, 10)[0]) == set(np.flatnonzero(s >= np.sort(s)[-10]))
        for sought, s in ((sought, index.scores(sought)) for sought in asked[:20])
    )
    print(f"  the first ten are those of scoring everything in {best} of 20 questions")


class Only:
    """What :func:`recipes.bench.scale.exact` asks of an index."""

    def __init__(self, dense: DenseIndex) -> None:
        self.dense = dense


def dense(analyses: list[Analysis], passages: int, questions: int, folder: Path) -> None:
    folder.mkdir()
    base = EmbeddedEmbedder.load().embed_analyses(analyses)
    dice = np.random.default_rng(SEED + 2)

    def blends(count: int) -> np.ndarray:
        left, right = (base[dice.integers(len(base), size=count)] for _ in range(2))
        made = left * dice.uniform(0.5, 1, (count, 1)).astype(np.float32) + right
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    started, writer = time.process_time(), VectorWriter(folder, base.shape[1])
    for first in range(0, passages, BLOCK):
        writer.append(blends(min(BLOCK, passages - first)))
    drawn = time.process_time()
    writer.close()
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(
        f"dense: drawn in {drawn - started:.0f} s, encoded in {time.process_time() - drawn:.0f} s of a core, "
        f"{size / passages:.0f} bytes/passage, {own_mib():.0f} MiB of its own now"
    )
    index = DenseIndex.load(folder)
    asked = blends(questions)
    for clock in (time.perf_counter, time.process_time):
        times = []
        for query in asked:
            begun = clock()
            index.search(query, CANDIDATES)
            times.append((clock() - begun) * 1e3)
        kind = "wall" if clock is time.perf_counter else "core"
        tell("search", kind, times)
    tried = asked[:50]
    for k in (10, CANDIDATES):
        pairs = zip(tried, exact(Only(index), tried, k), strict=True)
        right = sum(len(set(index.search(query, k)[0].tolist()) & best) for query, best in pairs)
        print(
            f"  recall@{k} {right / (k * len(tried)):.3f} ({load_scale_settings().dense_rerank} scored again)"
        )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=100)
    options = parser.parse_args(arguments)
    analyses = sample()
    print(f"{options.passages:,} passages, {options.questions} questions")
    with tempfile.TemporaryDirectory() as place:
        lexical(analyses, options.passages, options.questions, Path(place) / "bm25")
        dense(analyses, options.passages, options.questions, Path(place) / "vectors")
