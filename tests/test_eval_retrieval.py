from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.retrieval import Level, Place, average_precision, ndcg, ranks, recall, reciprocal_rank

HITS = [Place("b", 0, 50), Place("a", 0, 40), Place("a", 40, 90), Place("c", 0, 10)]


def test_ranks_by_level() -> None:
    gold = [(Place("a", 30, 60),), (Place("a", 70, 80), Place("c", 2, 5)), (Place("d", 0, 5),)]
    assert ranks(HITS, gold, Level.PASSAGE) == (2, 3, None)
    assert ranks(HITS, gold, Level.SENTENCE) == (None, 3, None)
    assert ranks(HITS, gold, Level.DOCUMENT) == (2, None)


def test_ends_are_exclusive() -> None:
    assert ranks([Place("a", 0, 5)], [(Place("a", 5, 9),)], Level.PASSAGE) == (None,)


def test_by_hand() -> None:
    found = (1, 3, None)
    assert recall(found, 1) == pytest.approx(1 / 3)
    assert recall(found, 3) == pytest.approx(2 / 3)
    assert reciprocal_rank(found) == 1.0
    assert average_precision(found) == pytest.approx((1 + 2 / 3) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg(found, 10) == pytest.approx((1 + 1 / 2) / ideal)
    assert ndcg(found, 2) == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert (reciprocal_rank((None,)), average_precision((None,)), ndcg((None,), 5)) == (0.0, 0.0, 0.0)


def test_one_hit_may_cover_two_units() -> None:
    assert average_precision((1, 1)) == 1.0
    assert ndcg((1, 1), 10) == 1.0


def brute(relevant: list[bool], total: int) -> tuple[float, float, float]:
    """Textbook reciprocal rank, average precision and nDCG of a 0/1 list."""
    first = next((1 / n for n, hit in enumerate(relevant, 1) if hit), 0.0)
    precision = sum(sum(relevant[:n]) / n for n, hit in enumerate(relevant, 1) if hit) / total
    gain = sum(1 / math.log2(n + 1) for n, hit in enumerate(relevant, 1) if hit)
    return first, precision, gain / sum(1 / math.log2(n + 1) for n in range(1, total + 1))


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 3))
def test_against_brute_force(relevant: list[bool], missing: int) -> None:
    placed = tuple(n for n, hit in enumerate(relevant, 1) if hit)
    found = placed + (None,) * missing
    if not found:
        return
    first, precision, gain = brute(relevant, len(found))
    assert reciprocal_rank(found) == pytest.approx(first)
    assert average_precision(found) == pytest.approx(precision)
    assert ndcg(found, 1000) == pytest.approx(gain)


@given(st.lists(st.booleans(), min_size=1, max_size=15), st.integers(0, 3))
def test_against_ir_measures(relevant: list[bool], missing: int) -> None:
    """Where each hit covers one unit, our figures are trec_eval's, as ir-measures computes them."""
    import ir_measures
    from ir_measures import AP, RR, R, nDCG

    found = tuple(n for n, hit in enumerate(relevant, 1) if hit) + (None,) * missing
    if not found:
        return
    judged = {f"d{n}": 1 for n, hit in enumerate(relevant, 1) if hit} | {f"m{n}": 1 for n in range(missing)}
    run = {"q": {f"d{n}": float(-n) for n in range(1, len(relevant) + 1)}}
    theirs = ir_measures.calc_aggregate([RR, AP, nDCG @ 5, nDCG @ 100, R @ 3], {"q": judged}, run)
    assert reciprocal_rank(found) == pytest.approx(theirs[RR])
    assert average_precision(found) == pytest.approx(theirs[AP])
    assert ndcg(found, 5) == pytest.approx(theirs[nDCG @ 5])
    assert ndcg(found, 100) == pytest.approx(theirs[nDCG @ 100])
    assert recall(found, 3) == pytest.approx(theirs[R @ 3])
