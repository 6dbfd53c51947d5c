"""The tables of the causal model's recipe, as Markdown: answers, kinds of question, and what is not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipes.llm.measure import (
    A_ALONE,
    B_ALONE,
    B_EVERYWHERE,
    BOTH,
    PLAIN,
    Weighed,
    answers,
    crossed,
    fit,
    sureness,
)
from recipes.reader.data import best_overlap
from recipes.reader.report import surer

#: Share of the answerable questions that are answered where refusals are counted.
ANSWERED = 0.9
WAYS = (PLAIN, A_ALONE, B_ALONE, BOTH)


def tables(sets: dict[str, list[Weighed]], tuned: Sequence[Weighed], seed: int) -> str:
    """All tables over all sets, with the mixes below them."""
    mix = fit(tuned)
    notes = [f"Mix from {len(tuned)} questions of training articles that B never saw: {_shown(mix)}."]
    lines = [
        "| held-out set | n | read by | exact match | F1 | better than A | worse than A | ms a question |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    kinds = ["| held-out set | kind | n | " + " | ".join(f"{way}: EM / F1" for way in WAYS) + " |"]
    kinds.append("|---|---|---:" + "|---:" * len(WAYS) + "|")
    refused = [
        "| held-out set | n | without answer | read by | an answerable one is surer than one without | "
        "1 − F1 over all coverages | at half coverage | "
        f"no-answer recall where {ANSWERED:.0%} of the answerable are answered | precision |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for name, found in sets.items():
        asked = [one for one in found if one.reading.answers]
        mixes = crossed(asked, seed)
        scores = _scores(asked, answers(asked, mix, mixes))
        took = _ms(asked)
        lines += [
            f"| {name} | {len(asked)} | {way} | {_row(pairs, scores[A_ALONE])} | {took.get(way, '')} |"
            for way, pairs in scores.items()
        ]
        kinds += _by_kind(name, asked, scores)
        if len(asked) < len(found):
            every = _scores(found, answers(found, mix, crossed(found, seed)))
            refused += _refusals(name, found, every, sureness(found, seed))
        notes.append(f"{name}: mean mix from other held-out articles: {_shown(np.mean(mixes, axis=0))}.")
    return "\n".join([*lines, "", *notes, "", *kinds, "", *(refused if refused[2:] else ())]) + "\n"


def _scores(found: Sequence[Weighed], said: dict[str, list[str]]) -> dict[str, np.ndarray]:
    """``(n, 2)`` exact match and F1 of each way; B over everything is left out where it was not asked."""
    return {
        way: np.array(
            [best_overlap(w, one.reading.answers) for w, one in zip(words, found, strict=True)], float
        )
        for way, words in said.items()
        if way != B_EVERYWHERE or any(len(one.candidates) for one in found)
    }


def _row(pairs: np.ndarray, base: np.ndarray) -> str:
    exact, f1 = pairs.mean(axis=0)
    gained, lost = int((pairs[:, 0] > base[:, 0]).sum()), int((pairs[:, 0] < base[:, 0]).sum())
    return f"{exact:.3f} | {f1:.3f} | {gained} | {lost}"


def _ms(found: Sequence[Weighed]) -> dict[str, str]:
    a, finalists, _ = np.array([(one.reading.ms, *one.ms) for one in found]).mean(axis=0)
    return {A_ALONE: f"{a:.0f}", BOTH: f"{a + finalists:.0f}"}


def _by_kind(name: str, found: Sequence[Weighed], scores: dict[str, np.ndarray]) -> list[str]:
    kinds = np.array([one.reading.kind for one in found])
    lines = []
    for kind in sorted(set(kinds.tolist())):
        here = kinds == kind
        cells = (" / ".join(f"{v:.3f}" for v in scores[way][here].mean(axis=0)) for way in WAYS)
        lines.append(f"| {name} | {kind} | {here.sum()} | {' | '.join(cells)} |")
    return lines


def _refusals(
    name: str, found: Sequence[Weighed], scores: dict[str, np.ndarray], sure: dict[str, np.ndarray]
) -> list[str]:
    has = np.array([bool(one.reading.answers) for one in found])
    lines = []
    for way, values in sure.items():
        risk = 1 - scores[way][:, 1][np.argsort(-values, kind="stable")]
        risks = np.cumsum(risk) / np.arange(1, len(risk) + 1)
        least = np.quantile(values[has], 1 - ANSWERED)
        refused = values < least
        recall, precision = refused[~has].mean(), (~has)[refused].mean() if refused.any() else 0.0
        lines.append(
            f"| {name} | {len(found)} | {(~has).sum()} | {way} | {surer(values[has], values[~has]):.3f} | "
            f"{risks.mean():.3f} | {risks[len(risks) // 2]:.3f} | {recall:.3f} | {precision:.3f} |"
        )
    return lines


def _shown(mix: np.ndarray) -> str:
    return f"A {mix[0]:.2f}, B {mix[1]:.2f}, B a character {mix[2]:.2f}"
