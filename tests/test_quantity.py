from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.quantity import Amount, Date, agree, conflict, find, worded


def amounts(text: str) -> list[tuple[Fraction, str]]:
    return [(q.value, q.unit) for q in find(text) if isinstance(q, Amount)]


def dates(text: str) -> list[tuple[int | None, int | None, int | None]]:
    return [(q.year, q.month, q.day) for q in find(text) if isinstance(q, Date)]


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("6,000억 원", 6 * 10**11, "원"),
        ("0.6조 원", 6 * 10**11, "원"),
        ("600,000,000,000원", 6 * 10**11, "원"),
        ("육천억 원", 6 * 10**11, "원"),
        ("1조 2천500억 3만원", 1_250_000_030_000, "원"),
        ("5백만 명", 5_000_000, "명"),
        ("3만 5천 개", 35_000, "개"),
        ("63억원의", 63 * 10**8, "원"),
        ("100여 명", 100, "명"),
        ("12.5%", Fraction(25, 2), "%"),
        ("5.7km", 5700, "m"),
        ("1.2ha", 12_000, "㎡"),
        ("3톤", 3000, "kg"),
        ("2년 8개월", 32, "개월"),
        ("1시간 30분", 5400, "초"),
        ("90분", 5400, "초"),
        ("만 원", 10_000, "원"),
        ("스물다섯 명", 25, "명"),
        ("두 곳", 2, "곳"),
        ("한 달", 1, "개월"),
        ("3분의 1", Fraction(1, 3), ""),
        ("오후 3시 30분", 930, "시각"),
        ("15:30", 930, "시각"),
        ("3분기", 3, "분기"),
        ("1990년대", 1990, "년대"),
        ("제10조", 10, ""),
    ],
)
def test_amount(text: str, value: Fraction, unit: str) -> None:
    assert amounts(text) == [(Fraction(value), unit)]
    assert dates(text) == []


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2029년", (2029, None, None)),
        ("‘29년", (2029, None, None)),
        ("'98년", (1998, None, None)),
        ("2029년도", (2029, None, None)),
        ("2024. 2. 14.", (2024, 2, 14)),
        ("2024-02-14", (2024, 2, 14)),
        ("’24.2.14.", (2024, 2, 14)),
        ("2024년 2월 14일", (2024, 2, 14)),
        ("24년 2월", (2024, 2, None)),
        ("2월 14일", (None, 2, 14)),
    ],
)
def test_date(text: str, date: tuple[int | None, int | None, int | None]) -> None:
    assert dates(text) == [date]
    assert amounts(text) == []


@pytest.mark.parametrize(
    "text", ["이 사람은 세대 차이를 한시적으로 느꼈다", "만약 천천히 조사하면", "오만과 편견", ""]
)
def test_words_are_no_quantities(text: str) -> None:
    assert find(text) == ()


def test_a_range_is_two_dates() -> None:
    assert dates("(’24~‘26)") == [(2024, None, None), (2026, None, None)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("6,000억 원", "0.6조 원"),
        ("약 6000억원", "600,000,000,000원"),
        ("2029년", "‘29년"),
        ("2029년입니다", "2029"),
        ("63억", "63억 원 규모"),
        ("32개월", "2년 8개월"),
        ("3시간", "180분"),
        ("15일 동안", "15일"),
        ("140억 원씩", "평균 140억 원"),
        ("2024년 2월 14일", "2024.2.14."),
        ("성인 200명", "성인 이백 명"),
    ],
)
def test_agree(left: str, right: str) -> None:
    assert agree(left, right)
    assert agree(right, left)
    assert not conflict(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("6,000억 원", "6,000만 원"),
        ("6,000억 원", "6,000억 달러"),
        ("2029년", "2029년 3월"),
        ("2029년", "2028년"),
        ("200명 이상", "200명 이하"),
        ("성인 200명", "어린이 200명"),
        ("정약용", "정약용"),
        ("29년", "2029년"),
    ],
)
def test_disagree(left: str, right: str) -> None:
    assert not agree(left, right)


def test_conflict() -> None:
    assert conflict("제2공장", "제3공장")
    assert not conflict("제2공장", "공장")


@given(st.integers(1, 10**15))
def test_grouping_and_scale_do_not_matter(number: int) -> None:
    big, rest = divmod(number, 10**8)
    middle, small = divmod(rest, 10**4)
    written = " ".join(f"{n}{unit}" for n, unit in ((big, "억"), (middle, "만"), (small, "")) if n)
    assert agree(f"{number:,}원", f"{written}원")


@given(st.text(alphabet="0123456789년월일시분조억만천백십 .,'‘-/:약여원명한두세열스물%제의가", max_size=30))
def test_spans_are_ordered_and_inside(text: str) -> None:
    last = 0
    for quantity in find(text):
        assert last <= quantity.span.start < quantity.span.end <= len(text)
        last = quantity.span.end


def test_amounts_in_words_alone() -> None:
    found = worded("벌금 삼백만 원, 3명과 열두 명, 과태료 오십만 원")
    assert [(one.value, one.unit) for one in found] == [(3_000_000, "원"), (500_000, "원"), (12, "명")]
