"""A number is told with the words that qualify it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.extract.qualifier import qualified
from rag.types import Span


def told(text: str, number: str) -> str | None:
    start = text.index(number)
    found = qualified(text, Span(start, start + len(number)), Span(0, len(text)))
    return text[found.start : found.end] if found else None


@pytest.mark.parametrize(
    ("text", "number", "whole"),
    [
        ("건축에 약 6,000억 원이 든다.", "6,000억 원", "약 6,000억 원"),
        ("지난 4월부터 꾸렸다.", "4월", "지난 4월"),
        ("하루 평균 300명이 왔다.", "300명", "하루 평균 300명"),
        ("월 30만 원을 낸다.", "30만 원", "월 30만 원"),
        ("9월 30일까지 낸다.", "30일", "30일"),
        ("공연은 저녁 7시에 한다.", "7시", "저녁 7시"),
        ("밤 3시간을 걸었다.", "3시간", "3시간"),
        ("아침 기온은 영하 10도였다.", "10도", "영하 10도"),
        ("만 19세 이상이어야 한다.", "19세", "만 19세 이상"),
        ("비가 오는 3일 동안 쉬었다.", "3일", "3일"),
        ("지난해 86일 내렸다.", "86일", "86일"),
        ("오는 27일 연다.", "27일", "오는 27일"),
        ("올해 934억 원을 들인다.", "934억 원", "934억 원"),
        ("방은 11인당 5만 원을 낸다.", "5만 원", "5만 원"),
        ("1200개가 넘는 기업에 보급했다.", "1200개", "1200개가 넘는"),
        ("1200개가넘는 기업에 보급했다.", "1200개", "1200개가넘는"),
        ("10년 넘게 걸렸다.", "10년", "10년 넘게"),
        ("합격률은 5%에 못 미치는 수준이다.", "5%", "5%에 못 미치는"),
        ("300명도 안 되는 마을이다.", "300명", "300명도 안 되는"),
        ("기업은 1,200개를 넘었다.", "1,200개", None),
        ("1,200개가 넘는다.", "1,200개", None),
        ("1,200개가 넘는지 살핀다.", "1,200개", None),
        ("300명을 훌쩍 넘었다.", "300명", None),
        ("300명을 크게 웃도는 사람이 왔다.", "300명", None),
        ("300명에 육박한다.", "300명", None),
        ("300명이 안 됐다.", "300명", None),
        ("300명 가까이 모였다.", "300명", "300명 가까이"),
        ("610명 남짓한 사람이 산다.", "610명", "610명 남짓"),
        ("30명 정도였다.", "30명", "30명 정도"),
        ("500자 이내로 쓴다.", "500자", "500자 이내"),
        ("7급 이상 공무원이 낸다.", "7급", "7급 이상"),
        ("2024년 이상 기온이 잦았다.", "2024년", "2024년"),
        ("환자 3명이 넘어져 다쳤다.", "3명", "3명"),
        ("30억 원을 넘겨받았다.", "30억 원", "30억 원"),
        ("문을 연 3개 점포가 있다.", "3개", "3개"),
        ("상담을 연 12회 한다.", "12회", "연 12회"),
        ("대회를 연 2019년에 이겼다.", "2019년", "2019년"),
        ("그 주 3일을 쉬었다.", "3일", "3일"),
        ("주 3일을 일한다.", "3일", "주 3일"),
        ("300명이 채 안 되는 마을이다.", "300명", None),
        ("면적은 330㎡ 이상이다.", "330㎡", "330㎡ 이상"),
        ("불량률을 5% 이하로 낮춘다.", "5%", "5% 이하"),
        ("걸어서 30분 정도다.", "30분", "30분 정도"),
        ("300명 이상하다고 여겼다.", "300명", "300명"),
        ("2024년 서울 이상 기온을 다룬다.", "2024년 서울", "2024년 서울"),
        ("1번 환자 이상 반응이 있다.", "1번 환자", "1번 환자"),
        ("지난 G20 정상회의에서 만났다.", "G20 정상회의", "G20 정상회의"),
        ("계약 6,000건을 맺었다.", "6,000건", "6,000건"),
        ("총 10곳을 뽑는다.", "10곳", "총 10곳"),
        ("약 ① 해솔도서관이다.", "① 해솔도서관", "① 해솔도서관"),
        ("2029년에 완공한다.", "2029년", "2029년"),
    ],
)
def test_a_number_keeps_what_qualifies_it(text: str, number: str, whole: str | None) -> None:
    assert told(text, number) == whole


def test_no_further_than_the_sentence() -> None:
    text = "비용은 약 300억 원 이상이다."
    assert qualified(text, Span(6, 12), Span(6, 12)) == Span(6, 12)
    assert qualified(text, Span(6, 12), Span(0, len(text))) == Span(4, 15)


PIECES = (
    "약 ",
    "지난 ",
    "하루 ",
    "최대 ",
    "3",
    "1,200",
    "월",
    "명",
    "시",
    " 이상",
    "이 넘는",
    "을 넘었다",
    "\n",
    "나",
)


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join), st.data())
def test_never_less_and_never_outside(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    first = data.draw(st.integers(start, end - 1))
    span = Span(first, data.draw(st.integers(first + 1, end)))
    found = qualified(text, span, Span(start, end))
    if found is not None:
        assert start <= found.start <= span.start < span.end <= found.end <= end
        assert "\n" not in text[found.start : span.start] + text[span.end : found.end]
