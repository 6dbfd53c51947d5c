"""Copied pages: golden files whose lines carry the role that a person gave them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.load.line import Mark, dateline_date, find_date, is_closed, is_dateline, lines, mark_of
from rag.load.page import parse
from rag.text import normalise
from rag.types import Role, Section

PAGES = sorted((Path(__file__).parent / "golden" / "pages").glob("*.page"))


@dataclass(frozen=True)
class Golden:
    """A page and what a person says of it.

    Line roles: ``B`` article, ``H`` article line that opens a section under its own name, ``A`` aside,
    ``I`` headline of another article, ``J`` its lead. ``¶`` inside a line starts a new role without a line
    break.
    """

    facts: dict[str, str]
    text: str
    roles: list[tuple[str, str]]  # (role letter, line)


def read(path: Path) -> Golden:
    head, _, page = path.read_text("utf-8").partition("---\n")
    facts = {key: value.strip() for key, _, value in (line.partition(":") for line in head.splitlines())}
    parts = [part for part in re.split(r"[\n¶]", page) if part.strip()]
    text = re.sub(r"^[BHAIJ]\|", "", page.replace("¶", ""), flags=re.MULTILINE)
    text = re.sub(r"(?<=\S)[BHAIJ]\|", "", text)
    return Golden(facts, normalise(text), [(part[0], part[2:].strip()) for part in parts])


def section_at(sections: tuple[Section, ...], position: int) -> Section | None:
    return next((s for s in sections if s.span.start <= position < s.span.end), None)


def judged(text: str, roles: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The parser's view of each line, in the golden files' letters."""
    sections = parse(text).sections
    made: list[tuple[str, str]] = []
    position = 0
    for expected, line in roles:
        position = text.index(line, position)
        section = section_at(sections, position)
        letter = "A"
        if section is not None and section.role is Role.BODY:
            opens = section.span.start == position and bool(section.heading)
            letter = "H" if opens and section.heading.split(" > ")[-1] in line else "B"
        elif section is not None and section.own_title and section.heading and expected in "IJ":
            letter = "I" if section.span.start == position and section.heading == line else "J"
        made.append((letter, line))
        position += len(line)
    return made


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_each_line_has_the_role_that_a_person_gave_it(path: Path) -> None:
    golden = read(path)
    assert judged(golden.text, golden.roles) == golden.roles


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_facts_that_the_page_states(path: Path) -> None:
    golden = read(path)
    page = parse(golden.text)
    assert {"title": page.title, "published": page.published, "publisher": page.publisher} == golden.facts


def assert_sound(text: str) -> None:
    sections = parse(text).sections
    end = 0
    for section in sections:
        assert section.span.start >= end
        end = section.span.end
    assert end <= len(text)
    for position, char in enumerate(text):
        if char.isalnum():
            assert section_at(sections, position) is not None, (position, char)


FRAGMENTS = [
    *(
        "댓글 0",
        "댓글쓰기",
        "-",
        "·",
        "관련기사",
        "최신 기사",
        "기자",
        "이우진",
        "홍가람 기자",
        "승인 2024.05.06",
        "로그인",
        "1",
        "50%",
    ),
    *(
        "첫째 문장입니다.둘째 제목일까?",
        "▲ 사진 설명",
        "제1장 총칙",
        "제2조(정의) 이 말은 다음과 같다.",
        "- 항목 하나",
        "#꼬리 #표",
    ),
    *(
        "무단전재 및 재배포 금지",
        "가람시가 새 다리를 놓는다",
        "가람시는 새 다리를 2026년 봄까지 놓기로 했다고 3일 밝혔다. 길이는 410m이다.",
    ),
    *(
        "목차",
        "",
        "",
        "Q. 얼마인가요?",
        "다리는 강 위아래를 잇고, 자전거 길과 사람 길이 따로 있으며 밤에도 밝게 비추는 등이 놓인다. 값은",
    ),
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=30), max_size=40))
def test_sections_ascend_and_hold_every_letter(parts: list[str]) -> None:
    assert_sound(normalise("\n".join(parts)))


@given(st.text(max_size=300))
def test_any_text_is_parsed(text: str) -> None:
    assert_sound(normalise(text))


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("승인 2021.09.27", "2021-09-27"),
        ("2024년 5월 6일", "2024-05-06"),
        ("2024. 5. 6. 21:07", "2024-05-06"),
        ("2024-13-40", ""),
        ("2024-13-40 2024/02/29", "2024-02-29"),
        ("12024-01-01", ""),
        ("어제", ""),
    ],
)
def test_dates(text: str, date: str) -> None:
    assert find_date(text) == date


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("등록일 25.08.25", "2025-08-25"),
        ("입력 : 2024-01-02 11:00 | 수정 : 2024-01-03 09:00", "2024-01-02"),
        ("2024. 5. 6.(월) 오후 2:31", "2024-05-06"),
        ("by 감자 2023. 12. 4.", "2023-12-04"),
        ("일시: 2025-09-10 14:00", None),
        ("접수 기간 2025. 3. 1. ~ 3. 9.", None),
        ("1945년 8월 15일 광복", None),
        ("2025년 3월 4일 문을 열었다.", None),
    ],
)
def test_datelines(text: str, date: str | None) -> None:
    assert (dateline_date(text) if is_dateline(text) else None) == date


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("문을 열었다.", True),
        ('문을 열 것"이라고 말했다.', True),
        ("다녀왔어요ㅎㅎ", True),
        ("가람시, 새 다리 놓는다", False),
        ("2025.09.27.", False),
        ("새 다리는 어디에?", False),
    ],
)
def test_sentence_ends(text: str, closed: bool) -> None:
    assert is_closed(text) is closed


def test_a_glued_heading_is_a_line_of_its_own() -> None:
    text = "가람시는 다리를 놓기로 했습니다. 값은 90억 원입니다.그래서 언제 끝나는 거야?"
    assert [line.text for line in lines(text)][1:] == ["그래서 언제 끝나는 거야?"]


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("홈 > 알림 마당 > 공지 사항", Mark.WEAK),
        ("홈 >> 알림 >> 공지", Mark.WEAK),
        ("처음으로|시정소식|보도자료", Mark.WEAK),
        ("가람시 > 소식", Mark.SHORT),
        ("|" * 34 + " 합계 1 2 3 4", Mark.SHORT),  # once exponential in the bars
        ("가나다라마 바사 > " * 4 + "합계 1 2 3 4", Mark.SHORT),
        ("가나>" * 17 + "하 파 타", Mark.SHORT),
    ],
)
def test_the_way_from_the_front_page(text: str, mark: Mark) -> None:
    assert mark_of(text) is mark
