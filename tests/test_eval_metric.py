from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metric import (
    calibration_error,
    char_f1,
    exact_match,
    holds,
    judge,
    normalise_answer,
    percentile,
    reliability,
    risk_area,
    risk_coverage,
    without_markers,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("《화성성역의궤》", "화성성역의궤"),
        ("『화성성역의궤』", "『화성성역의궤』"),  # the script knows no 『』
        ("A.B. (가)", "ab 가"),
        ("‘24년", "24년"),
        ("6·25 전쟁", "6·25 전쟁"),
        ("1,000  명", "1000 명"),
    ],
)
def test_official_normalisation(text: str, normal: str) -> None:
    assert normalise_answer(text) == normal


# Worked by hand from the script: 2·same / (|answer| + |gold|) over non-space characters.
@pytest.mark.parametrize(
    ("answer", "gold", "exact", "f1"),
    [
        ("정약용", "정약용", True, 1.0),
        ("서울특별시는", "서울특별시", False, 10 / 11),
        ("정약용이", "정약용", False, 6 / 7),
        ("공병우", "이극로", False, 0.0),
        ("가나나", "나나나다", False, 4 / 7),
        ("서울 특별시", "서울특별시", False, 1.0),  # spaces count for EM only
        ("(장안문)", "장안문", True, 1.0),
        ("", "장안문", False, 0.0),
    ],
)
def test_exact_and_f1_by_hand(answer: str, gold: str, exact: bool, f1: float) -> None:
    assert exact_match(answer, gold) is exact
    assert char_f1(answer, gold) == pytest.approx(f1)


def test_the_best_gold_answer_counts() -> None:
    verdict = judge("0.6조 원", ["많은 돈", "6,000억 원"], sentence=False)
    assert (verdict.exact, verdict.quantity, verdict.right) == (False, True, True)
    assert verdict.f1 == pytest.approx(2 * 3 / (4 + 6))  # "06조원", "6000억원" share 0, 6, 원


@pytest.mark.parametrize(
    ("answer", "gold", "sentence", "right"),
    [
        ("정약용이", "정약용", False, True),
        ("제2공장 부지", "제3공장 부지", False, False),  # F1 0.83, but another number
        ("설계는 정약용이 맡았다.", "정약용", False, False),
        ("설계는 정약용이 맡았다.", "정약용", True, True),
        ("길이는 15.7km다.", "5.7km", True, False),
        ("2029년", "‘29년", False, True),
    ],
)
def test_right(answer: str, gold: str, sentence: bool, right: bool) -> None:
    assert judge(answer, [gold], sentence=sentence).right is right


def test_holds_ignores_spaces_and_signs() -> None:
    assert holds("『화성 성역의궤』에 남았다", "화성성역의궤")
    assert not holds("1925년", "25년")
    assert not holds("무엇이든", "")


def test_markers_go() -> None:
    assert without_markers("2029년입니다. [1] [12]") == "2029년입니다."


def test_risk_coverage_by_hand() -> None:
    points = risk_coverage([(0.9, True), (0.8, False), (0.8, True), (0.5, False)], total=5)
    assert [(p.confidence, p.coverage, p.risk) for p in points] == [
        (0.9, 0.2, 0.0),
        (0.8, 0.6, pytest.approx(1 / 3)),
        (0.5, 0.8, 0.5),
    ]
    assert risk_area(points) == pytest.approx((0.2 * 0 + 0.4 / 3 + 0.2 * 0.5) / 0.8)
    assert risk_area(()) is None


def test_calibration_by_hand() -> None:
    bins = reliability([(0.95, True), (0.95, False), (1.0, True), (0.2, False)])
    assert [(b.low, b.n, b.accuracy) for b in bins] == [(0.2, 1, 0.0), (0.9, 3, pytest.approx(2 / 3))]
    assert calibration_error(bins) == pytest.approx((0.2 + 3 * abs(2.9 / 3 - 2 / 3)) / 4)
    assert calibration_error(()) is None


def test_percentile() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([0.0, 10.0], 0.95) == pytest.approx(9.5)
    assert percentile([], 0.5) is None


@given(st.text(max_size=20), st.text(max_size=20))
def test_f1_is_symmetric_and_bounded(left: str, right: str) -> None:
    assert char_f1(left, right) == pytest.approx(char_f1(right, left))
    assert 0.0 <= char_f1(left, right) <= 1.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_risk_at_full_coverage_is_the_error_rate(answered: list[tuple[float, bool]]) -> None:
    last = risk_coverage(answered, len(answered))[-1]
    assert last.coverage == 1.0
    assert last.risk == pytest.approx(sum(not right for _, right in answered) / len(answered))
