"""A alone, B alone, both, and no model, on held-out articles, in one table.

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
    groups = sorted({one.reading.group for one in found})
    random.Random(seed).shuffle(groups)
    part = {group: number % PARTS for number, group in enumerate(groups)}
    mixes = [fit([one for one in found if part[one.reading.group] != number]) for number in range(PARTS)]
    return [mixes[part[one.reading.group]] for one in found]


def best(spots: Sequence[Spot], scores: np.ndarray) -> str:
    return spots[int(scores.argmax())].words if len(spots) else ""


def per_character(spots: Sequence[Spot], scores: np.ndarray) -> np.ndarray:
    return np.array([value / (len(spot.words) + 1) for value, spot in zip(scores, spots, strict=True)])


def answers(found: Sequence[Weighed], mix: np.ndarray, mixes: Sequence[np.ndarray]) -> dict[str, list[str]]:
    """What each way of reading says, by name, in the order of the table."""
    said: dict[str, list[str]] = {}
    for one, own in zip(found, mixes, strict=True):
        read = one.reading
        table = features(one) if read.finalists else np.zeros((0, 3))
        ways = {
            "no model: the sentence that shares most": read.sentence,
            "A alone": read.finalists[0].words if read.finalists else "",
            "B alone, over all candidates of three sentences": best(read.candidates, one.candidates),
            "B alone, over A's finalists": best(read.finalists, one.finalists),
            "A + B, mix from training articles": best(read.finalists, table @ mix),
            "A + B, mix from other held-out articles": best(read.finalists, table @ own),
            "the best of A's finalists (ceiling)": best(read.finalists, worth(read)),
        }
        for name, words in ways.items():
            said.setdefault(name, []).append(words)
    return said


def table(sets: dict[str, list[Weighed]], tuned: Sequence[Weighed], seed: int) -> str:
    """One Markdown table over all sets, with the mixes and the cost below it."""
    mix = fit(tuned)
    lines = [
        "| held-out set | n | read by | exact match | F1 | better than A | worse than A |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    notes = [f"Mix from {len(tuned)} questions of training articles that B never saw: {_shown(mix)}."]
    for name, found in sets.items():
        mixes = crossed(found, seed)
        said = answers(found, mix, mixes)
        scores = {
            way: [best_overlap(w, one.reading.answers) for w, one in zip(words, found, strict=True)]
            for way, words in said.items()
        }
        base = [float(exact) for exact, _ in scores["A alone"]]
        for way, pairs in scores.items():
            exact, f1 = (np.array(column, float) for column in zip(*pairs, strict=True))
            gained, lost = int((exact > base).sum()), int((exact < base).sum())
            cells = f"{exact.mean():.3f} | {f1.mean():.3f} | {gained} | {lost}"
            lines.append(f"| {name} | {len(found)} | {way} | {cells} |")
        took = np.array([(one.reading.ms, *one.ms) for one in found]).mean(0)
        notes.append(
            f"{name}: {took[0]:.0f} ms a question for A, {took[1]:.0f} ms for B over A's finalists, "
            f"{took[2]:.0f} ms for B over all candidates; mean mix from other held-out articles: "
            f"{_shown(np.mean(mixes, axis=0))}."
        )
    return "\n".join([*lines, "", *notes]) + "\n"


def _shown(mix: np.ndarray) -> str:
    return f"A {mix[0]:.2f}, B {mix[1]:.2f}, B a character {mix[2]:.2f}"


def digest_of(folder: Path) -> str:
    """Names A's weights, so that kept readings are not taken for those of others."""
    from rag.manifest import NAME, file_digest

    return file_digest(folder / NAME)[:16]
