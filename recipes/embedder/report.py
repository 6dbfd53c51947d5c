"""Figures: BM25, the embedder, their weighted sum, and late interaction on top, over one pool of passages."""

from dataclasses import dataclass

import numpy as np

from rag.embed import EmbeddedEmbedder, MaxSim, WordBags, words
from rag.korean import analyse_many, terms
from rag.lexical import LexicalIndex
from recipes.embedder.data import Corpus, Question

CANDIDATES = 50
#: Shares (dense, late) of the weighted sum; BM25 over its maximum has the rest.
SHARES = (
    (0.1, 0.0),
    (0.3, 0.0),
    (0.0, 0.3),
    (0.1, 0.3),
    (0.0, 0.5),
    (0.1, 0.4),
    (0.1, 0.5),
    (0.2, 0.4),
    (0.0, 0.6),
)


@dataclass
class Pool:
    """All that does not depend on the question: analyses are made once for several sets."""

    passages: list[str]

    def __post_init__(self) -> None:
        analyses = list(analyse_many(self.passages))
        self.analyses = analyses
        self.lexical = LexicalIndex.build(map(terms, analyses))
        self.bags = WordBags.of(map(words, analyses))


def ranks(scores: np.ndarray, gold: tuple[int, ...]) -> int:
    """How many wrong passages stand at or above the best right one: ties count against us."""
    best = scores[list(gold)].max()
    return int((scores >= best).sum() - (scores[list(gold)] >= best).sum())


def figures(found: list[int]) -> str:
    """recall@1, @5, @10, MRR@10 and nDCG@10 of the first right passage."""
    rank = np.array(found)
    top = rank < 10
    recall = [f"{(rank < k).mean():.3f}" for k in (1, 5, 10)]
    mrr = np.where(top, 1 / (rank + 1), 0).mean()
    ndcg = np.where(top, 1 / np.log2(rank + 2), 0).mean()
    return f"{' '.join(recall)} | {mrr:.3f} | {ndcg:.3f}"


def report(name: str, pool: Pool, questions: list[Question], embedder: EmbeddedEmbedder) -> None:
    """Print the table of one question set."""
    asked = list(analyse_many([q.text for q in questions]))
    dense = embedder.embed_analyses(asked) @ embedder.embed_analyses(pool.analyses).T
    late = MaxSim.load()
    rows: dict[str, list[int]] = {}
    for row, (question, analysis) in enumerate(zip(questions, asked, strict=True)):
        bm25 = pool.lexical.scores(terms(analysis))
        bm25 = bm25 / max(float(bm25.max()), 1e-9)
        rows.setdefault("BM25", []).append(ranks(bm25, question.gold))
        rows.setdefault("dense", []).append(ranks(dense[row], question.gold))
        near = np.union1d(_top(bm25), _top(dense[row]))
        close = np.zeros(len(bm25), np.float32)
        close[near] = late.scores(words(analysis), pool.bags.take(near))
        for share, late_share in SHARES:
            total = np.full(len(bm25), -1.0)
            total[near] = ((1 - share - late_share) * bm25 + share * dense[row] + late_share * close)[near]
            rows.setdefault(f"fused {share} late {late_share}", []).append(ranks(total, question.gold))
    print(f"\n{name}: {len(questions)} questions, {len(pool.passages)} passages")
    print(f"{'':20}recall@1 @5 @10 | MRR@10 | nDCG@10")
    for route, found in rows.items():
        print(f"{route:20}{figures(found)}", flush=True)


def _top(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, kind="stable")[:CANDIDATES]


def split(corpus: Corpus, first: int, last: int) -> list[Question]:
    """Questions on articles ``first`` … ``last - 1``."""
    return [q for q in corpus.questions if first <= q.article < last]
