"""Proof: every citation is verbatim source at its span, whatever a reader says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.ground import LEAST_SUPPORT, claims, ground, support
from rag.korean import analyse
from rag.text import normalise
from rag.types import Draft, Evidence, Hit, Located, Passage, Route, Span

DOCUMENT = normalise(
    "머리말이다.\n카카오는 남양주에 디지털 허브를 짓는다. 연면적은 약 92,000㎡이다. 완공은 2029년이다.\n"
    "애플은 포항에 개발자 아카데미를 연다. 교육은 9개월 동안 이어진다."
)


def evidence() -> list[Evidence]:
    cut = DOCUMENT.index("애플")
    spans = [Span(7, cut - 1), Span(cut, len(DOCUMENT))]
    passages = [Passage(f"p{s.start}", "d.txt", s, DOCUMENT[s.start : s.end], "제목") for s in spans]
    return [Evidence(n, Hit(passage, 1.0, Route.FUSED)) for n, passage in enumerate(passages, 1)]


def grounded(text: str):  # a Grounded
    return ground(Draft(text, (), 1.0, refused=False), evidence(), {"d.txt": "출처"})


def test_a_claim_is_proven_by_its_sentence() -> None:
    made = grounded("디지털 허브는 2029년에 완공됩니다. [1] 아카데미 교육은 9개월입니다. [2]")
    assert [(c.marker, c.quote, c.source) for c in made.citations] == [
        (1, "완공은 2029년이다.", "출처"),
        (2, "교육은 9개월 동안 이어진다.", "출처"),
    ]
    assert made.unsupported == made.stray_markers == ()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("연면적은 약 92,000㎡이다.", "연면적은 약 95,000㎡이다."),
        ("연면적은 약 9만 2천㎡이다.", "연면적은 약 2,000㎡이다."),
        ("디지털 허브의 완공은 2029년이다.", "디지털 허브의 완공은 2031년이다."),
        ("교육은 9개월 동안 이어진다.", "교육은 9만 개월 동안 이어진다."),
    ],
)
def test_a_wrong_number_is_no_proof(right: str, wrong: str) -> None:
    assert grounded(f"{right} [1][2]").citations
    made = grounded(f"{wrong} [1][2]")
    assert (made.citations, made.unsupported) == ((), (wrong,))


@pytest.mark.parametrize(
    ("claim", "sentence", "holds"),
    [
        ("회원은 50명이다", "회원은 150명이다", False),
        ("값은 5원이다", "값은 5만 원이다", False),
        ("값은 3,000,000원이다", "값은 삼백만 원이다", True),
        ("값은 1,500원이다.", "값은 1500원, 세금은 없다", True),
        ("2029년에 연다", "2029년 3월 2일에 연다", True),
        ("2029. 3. 2. 연다", "2029년 3월 2일에 연다", True),
        ("비율은 3.5%이다", "비율은 5%이다", False),
    ],
)
def test_numbers_are_whole(claim: str, sentence: str, holds: bool) -> None:
    made = analyse(sentence)
    assert (support(analyse(claim), sentence, made, made.bounds[0]) > 0) is holds


def test_numbers_of_a_list_are_no_claims() -> None:
    made = grounded("1. 완공은 2029년이다. [1]\n2) 교육은 9개월 동안 이어진다. [2]")
    assert (len(made.citations), made.unsupported) == (2, ())


def test_markers_without_a_citation_leave_the_text() -> None:
    made = grounded("완공은 2029년이다. [1] 교육은 8개월 동안 이어진다. [2]")
    assert [citation.marker for citation in made.citations] == [1]
    assert "[1]" in made.text
    assert "[2]" not in made.text
    assert made.unsupported == ("교육은 8개월 동안 이어진다.",)
    assert made.stray_markers == ()


def test_invented_and_stray() -> None:
    made = grounded("본사는 제주도 첨단로에 있습니다. [1] 회장은 홍길동입니다. [7]")
    assert made.citations == ()
    assert len(made.unsupported) == 2
    assert made.stray_markers == (7,)
    assert "[7]" not in made.text


def test_markers_before_and_after_the_full_stop() -> None:
    assert claims("가나다입니다 [1]. 라마바입니다. [2][1]\n표지 없는 말") == [
        ("가나다입니다.", (1,)),
        ("라마바입니다.", (2, 1)),
        ("표지 없는 말", ()),
    ]


def test_positions_of_an_extractive_reader_are_kept() -> None:
    span = Span(DOCUMENT.index("완공은"), DOCUMENT.index("완공은") + 11)
    made = ground(Draft("", (Located(1, span, None, 0.7),), 0.7, refused=False), evidence(), {})
    assert made.citations[0].quote == DOCUMENT[span.start : span.end]
    assert made.citations[0].support == pytest.approx(0.7)


@settings(max_examples=80)
@given(st.text(st.sampled_from(list("가카오허브완공은년2029 .[]12345\n?!\"'")), max_size=80))
def test_every_quote_is_verbatim_for_any_draft(text: str) -> None:
    made = grounded(text)
    for citation in made.citations:
        assert DOCUMENT[citation.span.start : citation.span.end] == citation.quote
        assert citation.marker in {1, 2}
        assert LEAST_SUPPORT <= citation.support <= 1
