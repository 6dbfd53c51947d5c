from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.stats import Term, compare, estimate


def terms(values: list[float], clusters: str) -> list[Term]:
    return [Term(value, 1.0, cluster) for value, cluster in zip(values, clusters, strict=True)]


def test_the_value_is_the_ratio_of_sums() -> None:
    found = estimate([Term(1, 2, "a"), Term(0, 1, "b"), Term(5, 0, "c")])
    assert found is not None
    assert found.value == pytest.approx(1 / 3)
    assert (found.n, found.clusters) == (2, 2)
    assert estimate([Term(1, 0, "a")]) is None


def test_clustering_widens_the_interval() -> None:
    values = [1.0] * 20 + [0.0] * 20
    alone = estimate([Term(v, 1.0, str(n)) for n, v in enumerate(values)])
    grouped = estimate([Term(v, 1.0, str(n // 10)) for n, v in enumerate(values)])
    assert alone is not None
    assert grouped is not None
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_interval_is_that_of_the_binomial() -> None:
    # 400 independent cases at 0.8: normal theory gives 0.8 ± 1.96·0.02.
    found = estimate([Term(float(n % 5 != 0), 1.0, str(n)) for n in range(400)])
    assert found is not None
    assert found.low == pytest.approx(0.8 - 0.0392, abs=0.006)
    assert found.high == pytest.approx(0.8 + 0.0392, abs=0.006)


def test_equal_seeds_give_equal_intervals() -> None:
    some = terms([1.0, 0.0, 1.0, 1.0], "abcd")
    assert estimate(some) == estimate(some)


def test_permutation_by_hand() -> None:
    # Three clusters that all gain 1: |sum| >= 3 in 2 of 8 sign patterns.
    found = compare([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], ["a", "b", "c"])
    assert found is not None
    assert (found.left, found.right, found.difference.value) == (0.0, 1.0, 1.0)
    assert found.p == pytest.approx(2 / 8)


def test_cases_of_a_cluster_flip_together() -> None:
    found = compare([0.0] * 4, [1.0] * 4, ["a", "a", "b", "b"])
    assert found is not None
    assert found.p == pytest.approx(2 / 4)


def test_no_difference_is_certain() -> None:
    found = compare([1.0, 0.0], [1.0, 0.0], ["a", "b"])
    assert found is not None
    assert (found.difference.value, found.p) == (0.0, 1.0)
    assert compare([], [], []) is None


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=6))
def test_exact_test_against_brute_force(differences: list[float]) -> None:
    found = compare([0.0] * len(differences), differences, [str(n) for n in range(len(differences))])
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    assert found is not None
    assert found.p == pytest.approx(sum(s >= abs(sum(differences)) for s in sums) / len(sums))


def test_random_patterns_agree_with_theory() -> None:
    # 20 clusters, 15 up and 5 down: two-sided binomial sign test gives 0.0414.
    found = compare([0.0] * 20, [1.0] * 15 + [-1.0] * 5, [str(n) for n in range(20)])
    assert found is not None
    assert found.p == pytest.approx(0.0414, abs=0.008)


def test_no_failure_seen_is_not_certainty() -> None:
    # Wilson, by hand: 24 of 24 gives 24 / (24 + 1.96²) = 0.862.
    found = estimate([Term(1.0, 1.0, str(n)) for n in range(24)])
    assert found is not None
    assert found.low == pytest.approx(0.862, abs=0.001)
    assert found.high == 1.0
    one = estimate([Term(0.0, 1.0, "a"), Term(0.0, 1.0, "a")])
    assert one is not None
    assert (one.low, one.high) == (0.0, pytest.approx(0.658, abs=0.001))
