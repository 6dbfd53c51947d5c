"""A number is told with the words that qualify it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.extract.qualifier import qualified
from rag.types import Span


def told(text: str, number: str) -> str:
    start = text.index(number)
    found = qualified(text, Span(start, start + len(number)), Span(0, len(text)))
    return text[found.start : found.end]


@pytest.mark.parametrize(
    ("text", "number", "whole"),
    [
        ("건축에 약 6,000억 원이 든다.", "6,000억 원", "약 6,000억 원"),
        ("지난 4월부터 꾸렸다.", "4월", "지난 4월"),
        ("지난해 약 300명이 왔다.", "300명", "지난해 약 300명"),
        ("1200개가 넘는 기업에 보급했다.", "1200개", "1200개가 넘는"),
        ("면적은 330㎡ 이상이다.", "330㎡", "330㎡ 이상"),
        ("계약 6,000건을 맺었다.", "6,000건", "6,000건"),
        ("총 10곳을 뽑는다.", "10곳", "총 10곳"),
        ("300명 이상하다고 여겼다.", "300명", "300명"),
        ("약 해솔도서관이다.", "해솔도서관", "해솔도서관"),
        ("2029년에 완공한다.", "2029년", "2029년"),
    ],
)
def test_a_number_keeps_what_qualifies_it(text: str, number: str, whole: str) -> None:
    assert told(text, number) == whole


def test_no_further_than_the_sentence() -> None:
    text = "비용은 약 300억 원. 이상이다."
    assert qualified(text, Span(6, 11), Span(6, 11)) == Span(6, 11)


@given(st.text(max_size=30), st.data())
def test_never_less_and_never_outside(text: str, data: st.DataObject) -> None:
    text = f"가{text}나"
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    first = data.draw(st.integers(start, end - 1))
    span = Span(first, data.draw(st.integers(first + 1, end)))
    found = qualified(text, span, Span(start, end))
    assert start <= found.start <= span.start < span.end <= found.end <= end
