"""A alone, B alone, both, and no model, on held-out articles: what each says, and how sure each is.

The mix of both is a softmax over A's finalists with three weights: A's score, B's log-probability, and that a
character. It is fitted twice: on training articles that B never saw (A did, so it flatters A), and on the
other held-out articles, five parts by article: no question is weighed by a mix fitted on its article.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from rag.llm.score import Scorer
from recipes.llm.finalist import Reading, Spot
from recipes.reader.data import best_overlap

PARTS = 5


@dataclass(slots=True)
class Weighed:
    """A reading with B's scores.

    Attributes:
        finalists: ``(f,)`` log-probabilities of A's finalists.
        candidates: ``(c,)`` of all candidates.
        ms: What B took for the finalists, and for all candidates, in milliseconds.
    """

    reading: Reading
    finalists: np.ndarray
    candidates: np.ndarray
    ms: tuple[float, float]


def weigh(scorer: Scorer, found: Sequence[Reading], *, all_candidates: bool) -> list[Weighed]:
    """B over every reading."""
    made = []
    for one in found:
        start = time.perf_counter()
        finalists = scorer.scores(one.question, one.texts, [spot.choice for spot in one.finalists])
        half = time.perf_counter()
        spots = one.candidates if all_candidates else ()
        rest = scorer.scores(one.question, one.plain, [spot.choice for spot in spots])
        spent = 1000 * (half - start), 1000 * (time.perf_counter() - half)
        made.append(Weighed(one, finalists, rest, spent))
    return made


def features(one: Weighed) -> np.ndarray:
    """``(f, 3)`` A's score, B's log-probability less its best, and that a character."""
    said = np.maximum(one.finalists, -60.0)
    sizes = np.array([max(1, len(spot.words)) for spot in one.reading.finalists])
    mean = said / (sizes + 1)
    scores = np.array([spot.score for spot in one.reading.finalists])
    return np.stack([scores - scores.max(), (said - said.max()) / 10, mean - mean.max()], axis=1)


def worth(reading: Reading) -> np.ndarray:
    """``(f,)`` how good each finalist is: 1 for exact, else a little by character F1."""
    pairs = [best_overlap(spot.words, reading.answers) for spot in reading.finalists]
    return np.array([1.0 if exact else max(0.0, f1 - 0.5) / 2 for exact, f1 in pairs])


def fit(found: Sequence[Weighed]) -> np.ndarray:
    """``(3,)`` weights that make good finalists probable; a little is taken off large ones."""
    tables = [(features(one), worth(one.reading)) for one in found if one.reading.finalists]
    tables = [(table, good / good.sum()) for table, good in tables if good.sum() > 0]

    def loss(weights: np.ndarray) -> float:
        total = 0.0
        for table, good in tables:
            scores = table @ weights
            top = scores.max()
            total -= float(good @ (scores - top)) - float(np.log(np.exp(scores - top).sum()))
        return total / max(1, len(tables)) + 0.002 * float(weights @ weights)

    return np.asarray(minimize(loss, np.array([1.0, 0.0, 0.0]), method="L-BFGS-B").x)


def crossed(found: Sequence[Weighed], seed: int) -> list[np.ndarray]:
    """For each reading the mix that was fitted on the articles of the other parts."""
    part = parts([one.reading.group for one in found], seed).tolist()
    mixes = [
        fit([one for one, its in zip(found, part, strict=True) if its != number]) for number in range(PARTS)
    ]
    return [mixes[its] for its in part]


def parts(of: Sequence[str], seed: int) -> np.ndarray:
    """``(n,)`` the part of each article, by its name."""
    names = sorted(set(of))
    random.Random(seed).shuffle(names)
    part = {name: number % PARTS for number, name in enumerate(names)}
    return np.array([part[name] for name in of])


def best(spots: Sequence[Spot], scores: np.ndarray) -> str:
    return spots[int(scores.argmax())].words if len(scores) else ""


PLAIN = "no model: the sentence that shares most"
A_ALONE = "A alone"
B_EVERYWHERE = "B alone, over all candidates of three sentences"
B_ALONE = "B alone, over A's finalists"
BOTH = "A + B, mix from other held-out articles"


def answers(found: Sequence[Weighed], mix: np.ndarray, mixes: Sequence[np.ndarray]) -> dict[str, list[str]]:
    """What each way of reading says, by name, in the order of the table."""
    said: dict[str, list[str]] = {}
    for one, own in zip(found, mixes, strict=True):
        read = one.reading
        table = features(one) if read.finalists else np.zeros((0, 3))
        ways = {
            PLAIN: read.sentence,
            A_ALONE: read.finalists[0].words if read.finalists else "",
            B_EVERYWHERE: best(read.candidates, one.candidates),
            B_ALONE: best(read.finalists, one.finalists),
            "A + B, mix from training articles": best(read.finalists, table @ mix),
            BOTH: best(read.finalists, table @ own),
            "the best of A's finalists (ceiling)": best(read.finalists, worth(read)),
        }
        for name, words in ways.items():
            said.setdefault(name, []).append(words)
    return said


def evidence(one: Weighed) -> np.ndarray:
    """``(5,)`` what says that there is an answer.

    A's odds, B's log-probability a character of its own best and of A's, whether they agree, and 1.
    """
    if not one.reading.finalists:
        return np.array([-7.0, -62.0, -62.0, 0.0, 1.0])  # below all others
    sure = min(max(one.reading.sure, 1e-3), 1 - 1e-3)
    sizes = np.array([len(spot.words) + 1 for spot in one.reading.finalists])
    mean = np.maximum(one.finalists, -60.0) / sizes
    chosen = int(one.finalists.argmax())
    return np.array([np.log(sure / (1 - sure)), mean[chosen], mean[0], float(chosen == 0), 1.0])


def sureness(found: Sequence[Weighed], seed: int) -> dict[str, np.ndarray]:
    """How sure each way of reading is that it has an answer, higher for surer; only its order counts.

    That of both is a logistic regression on :func:`evidence`, fitted on other held-out articles.
    """
    tables = np.stack([evidence(one) for one in found])
    has = np.array([bool(one.reading.answers) for one in found], float)
    part = parts([one.reading.group for one in found], seed)
    both = np.zeros(len(found))
    for number in range(PARTS):
        mine = part == number
        both[mine] = tables[mine] @ _logistic(tables[~mine], has[~mine])
    return {
        PLAIN: np.array([one.reading.overlap for one in found]),
        A_ALONE: tables[:, 0],
        B_ALONE: tables[:, 1],
        BOTH: both,
    }


def _logistic(table: np.ndarray, told: np.ndarray) -> np.ndarray:
    def loss(weights: np.ndarray) -> float:
        scores = table @ weights
        return float(np.mean(np.logaddexp(0, scores) - told * scores) + 0.001 * weights @ weights)

    return np.asarray(minimize(loss, np.zeros(table.shape[1]), method="L-BFGS-B").x)


def digest_of(folder: Path) -> str:
    """Names A's weights, so that kept readings are not taken for those of others."""
    from rag.manifest import NAME, file_digest

    return file_digest(folder / NAME)[:16]
