"""PDF: wrapped lines, pages, headings by size, running titles; and files that cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import SourceError
from rag.load.pdf import PdfLoader
from rag.types import Document, Role
from tests.makers import make_pdf
from tests.test_load import assert_sound

WRAPPED = [
    (72, 740, 20, "가람시 물 계획"),
    (72, 700, 10, "가람시는 내년에 정수장을 새로 짓기로 했다. 하루 9만 톤을 거르는 크기이"),
    (72, 686, 10, "다. 공사비는 410억 원이고 정수장은 한빛동에 들어선다. 시는 공사 동안에도"),
    (72, 672, 10, "물을 끊지 않는다."),
    (72, 640, 14, "예산"),
    (72, 620, 10, "- 토목: 210억 원"),
    (72, 606, 10, "- 기계: 200억 원"),
]


def load(data: bytes) -> list[Document | SourceError]:
    return list(PdfLoader().load(data, "a.pdf"))


def document(data: bytes) -> Document:
    found = load(data)[0]
    assert isinstance(found, Document)
    assert_sound(found)
    return found


def test_wrapped_lines_are_joined_and_large_lines_are_headings() -> None:
    found = document(make_pdf([WRAPPED]))
    assert found.title == "가람시 물 계획"
    assert "하루 9만 톤을 거르는 크기이다. 공사비는" in found.text
    assert "시는 공사 동안에도 물을 끊지 않는다." in found.text
    assert "- 토목: 210억 원\n- 기계: 200억 원" in found.text
    assert [section.heading for section in found.sections] == ["1쪽", "1쪽 > 예산"]


def test_a_word_broken_over_lines_is_mended_where_it_stands_whole_elsewhere() -> None:
    lines = [
        "둘레길은 모두 네 구간이고 길이는 31km이며 표지판은",
        "둘레길 어귀마다 새로 세웠고 길잡이는 모두 열 명이 둘",
        "레길은 봄에 연다.",
    ]
    found = document(make_pdf([[(72, 700 - 14 * row, 10, line) for row, line in enumerate(lines)]]))
    assert found.text.split("이며 ")[1] == (
        "표지판은 둘레길 어귀마다 새로 세웠고 길잡이는 모두 열 명이 둘레길은 봄에 연다."
    )


def test_running_titles_and_page_numbers_are_asides() -> None:
    pages = [
        [
            (72, 800, 9, "가람시 백서"),
            (72, 700, 10, f"{word} 이야기를 적은 쪽이다."),
            (290, 30, 9, f"- {number} -"),
        ]
        for number, word in enumerate(("물", "불", "흙", "바람"), 1)
    ]
    found = document(make_pdf(pages, title="백서"))
    asides = [found.text[s.span.start : s.span.end] for s in found.sections if s.role is Role.ASIDE]
    assert asides == ["가람시 백서\n- 1 -\n- 2 -\n- 3 -\n- 4 -"]
    bodies = [s.heading for s in found.sections if s.role is Role.BODY]
    assert bodies == ["1쪽", "2쪽", "3쪽", "4쪽"]
    assert found.title == "백서"


def test_pages_without_text_are_reported() -> None:
    found, problem = load(make_pdf([[(72, 700, 10, "첫 쪽이다.")], []]))
    assert isinstance(found, Document)
    assert isinstance(problem, SourceError)
    assert "2쪽" in problem.message


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (make_pdf([[], []]), "글자가 없는 PDF"),
        (make_pdf([[(72, 700, 10, "글")]], encrypt=True), "암호"),
        (make_pdf([[(72, 700, 10, "글")]])[:400], "깨졌거나"),
        (b"PK\x03\x04", "PDF가 아닙니다"),
        (make_pdf([[(72, 700, 10, "\ue001\ue002\ue003")]]), "글꼴"),
    ],
)
def test_unreadable_files_are_named(data: bytes, word: str) -> None:
    with pytest.raises(SourceError, match=word) as caught:
        load(data)
    assert caught.value.remedy


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=20))
@settings(max_examples=60)
def test_damaged_files_give_text_or_a_source_error(place: int, noise: bytes) -> None:
    data = make_pdf([WRAPPED])
    try:
        found = load(data[:place] + noise + data[place + len(noise) :])
    except SourceError:
        return
    assert isinstance(found[0], Document)
    assert_sound(found[0])
