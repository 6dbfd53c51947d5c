"""Questions about the page itself."""

from pathlib import Path

import pytest

from rag.evidence.masthead import asks_of_page, states_page
from rag.index import Index, build
from rag.retrieve import FusedRetriever
from rag.types import Role, Section, Span
from tests.fakes import FakeEmbedder, document


@pytest.mark.parametrize(
    "question",
    [
        "나루시 도서관 기사를 낸 언론사는?",
        "도서관 기사 발행일은 언제인가요?",
        "이 글 누가 썼어?",
        "도서관 소식을 취재한 사람 이름",
        "도서관 글이 올라온 날짜",
        "도서관 기사 쓴 기자는?",
    ],
)
def test_asks_of_page(question: str) -> None:
    assert asks_of_page(question)


@pytest.mark.parametrize("question", ["도서관은 언제 문을 열었나?", "착공 날짜는?", "관장은 누구인가?", ""])
def test_asks_of_subject(question: str) -> None:
    assert not asks_of_page(question)


def test_states_page() -> None:
    assert states_page("입력 2025.03.02 09:12", opens=False)
    assert states_page("한빛일보", opens=True)
    assert not states_page("한빛일보", opens=False)
    assert not states_page("긴 글 " * 60 + "기자", opens=True)


def test_masthead_is_read_when_asked_for(tmp_path: Path) -> None:
    lines = ["한빛일보", "나루 도서관이 문을 열었다. " * 4, "입력 2025.03.02 문가람 기자", "댓글 3"]
    text = "\n".join(lines)
    starts = [text.index(line) for line in lines]
    sections = tuple(
        Section(Span(start, start + len(line)), Role.BODY if row == 1 else Role.ASIDE, "", own_title=row != 1)
        for row, (start, line) in enumerate(zip(starts, lines, strict=True))
    )
    others = [document(f"{n}.txt", f"나루 도서관 {n}호점 기사 이야기이다.") for n in range(9)]
    build(
        tmp_path,
        [document("a.txt", text, "나루 도서관", sections), *others],
        FakeEmbedder(),
        chunk_max_chars=300,
    )
    retriever = FusedRetriever(
        Index.load(tmp_path), FakeEmbedder(), candidates=20, dense_weight=0.0, aside_factor=0.5
    )

    def texts(question: str) -> list[str]:
        return [hit.passage.text.strip() for hit in retriever.retrieve(question, 4)]

    asked = texts("나루 도서관이 문을 열었다는 기사를 낸 언론사는?")
    assert {lines[0], lines[2]} <= set(asked)
    assert lines[3] not in asked
    assert len(asked) == 4
    assert lines[0] not in texts("나루 도서관이 문을 열었나?")
