"""Uncertainty: intervals by cluster bootstrap, and paired permutation tests. Deterministic by seed.

Every figure is a ratio of sums over cases (a mean is one with denominators 1), so one bootstrap serves
all: clusters are drawn with replacement, and both sums are taken over the draw.
Sources: Efron & Tibshirani 1993 (percentile interval); Field & Welsh 2007 (cluster bootstrap).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
SEED = 20_240_601
#: Up to this many clusters every sign pattern is tried, and the test is exact.
EXACT_CLUSTERS = 12
Z = 1.959963984540054  # 97.5 % quantile of the normal distribution
NO_SPREAD = 1e-12


@dataclass(frozen=True, slots=True)
class Term:
    """One case's share of a ratio: what it adds above and below, and its cluster."""

    above: float
    below: float
    cluster: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A ratio with its 95 % interval.

    Attributes:
        value: Sum above over sum below.
        low: 2.5 % quantile of the bootstrap; see :func:`estimate` for shares without spread.
        high: 97.5 % quantile.
        n: Cases that count (their denominator is not 0).
        clusters: Independent articles among them.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int


def _sums(terms: Sequence[Term]) -> NDArray[np.float64]:
    """``(clusters, 2)``: sums above and below by cluster, in order of first appearance."""
    rows: dict[str, int] = {}
    for term in terms:
        rows.setdefault(term.cluster, len(rows))
    sums = np.zeros((len(rows), 2))
    for term in terms:
        sums[rows[term.cluster]] += (term.above, term.below)
    return sums


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share seen in ``n`` cases (Wilson 1927)."""
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def estimate(
    terms: Sequence[Term], draws: int = DRAWS, seed: int = SEED, *, share: bool = True
) -> Estimate | None:
    """The ratio over all cases with its clustered interval; ``None`` where nothing counts.

    Args:
        terms: What each case adds.
        draws: Bootstrap draws.
        seed: Of the draws.
        share: Whether the ratio lies in [0, 1]. Then, where all clusters agree and the bootstrap
            sees no spread at all ("24 of 24"), Wilson's interval over cases stands in.
    """
    counted = [term for term in terms if term.below]
    if not counted:
        return None
    sums = _sums(counted)
    size = len(sums)
    value = float(sums[:, 0].sum() / sums[:, 1].sum())
    weights = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), draws)
    totals = weights @ sums
    low, high = (float(x) for x in np.quantile(totals[:, 0] / totals[:, 1], (0.025, 0.975)))
    if share and high - low < NO_SPREAD:
        low, high = _wilson(min(1.0, max(0.0, value)), len(counted))
    return Estimate(value, low, high, len(counted), size)


@dataclass(frozen=True, slots=True)
class Comparison:
    """B minus A on the same cases.

    Attributes:
        left: Mean of A.
        right: Mean of B.
        difference: ``right - left``, with its clustered interval.
        p: Two-sided probability of a difference at least this large if A and B were exchangeable
            within each cluster.
    """

    left: float
    right: float
    difference: Estimate
    p: float


def compare(
    left: Sequence[float],
    right: Sequence[float],
    clusters: Sequence[str],
    draws: int = 10_000,
    seed: int = SEED,
) -> Comparison | None:
    """Paired comparison by flipping signs of whole clusters; ``None`` without cases.

    Args:
        left: Figure of A by case.
        right: Figure of B for the same cases in the same order.
        clusters: Cluster of each case.
        draws: Random sign patterns; with few clusters all patterns are tried instead.
        seed: Of the random patterns.
    """
    differences = [b - a for a, b in zip(left, right, strict=True)]
    terms = [Term(d, 1.0, c) for d, c in zip(differences, clusters, strict=True)]
    difference = estimate(terms, share=False)
    if difference is None:
        return None
    return Comparison(
        left=sum(left) / len(left),
        right=sum(right) / len(right),
        difference=difference,
        p=_sign_test(_sums(terms)[:, 0], draws, seed),
    )


def _sign_test(sums: NDArray[np.float64], draws: int, seed: int) -> float:
    observed = abs(sums.sum()) - 1e-9  # ties count as at least as large
    if len(sums) <= EXACT_CLUSTERS:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(sums))))
        return float(np.mean(np.abs(signs @ sums) >= observed))
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (draws, len(sums)))
    return float((1 + np.sum(np.abs(signs @ sums) >= observed)) / (1 + draws))
