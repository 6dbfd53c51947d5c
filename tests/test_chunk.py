"""Spans are exact, pieces cover everything, sections are walls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chunk import TokenLimit, chunk
from rag.text import normalise
from rag.types import Role, Section, Span
from tests.fakes import document

ALPHABET = st.sampled_from(list("가나다 \n.?!다, 1a'\""))


@given(st.text(ALPHABET, max_size=400), st.integers(1, 80))
def test_passages_are_exact_and_cover_the_text(raw: str, max_chars: int) -> None:
    text = normalise(raw)
    passages = list(chunk(document("d", text, sections=()) if text else document("d", "가"), max_chars))
    if not text:
        return
    covered = set()
    for passage in passages:
        assert text[passage.span.start : passage.span.end] == passage.text
        assert len(passage.text) <= max_chars
        assert passage.text == passage.text.strip()
        assert covered.isdisjoint(range(passage.span.start, passage.span.end))
        covered |= set(range(passage.span.start, passage.span.end))
    assert not any(text[i].isalnum() for i in set(range(len(text))) - covered)


def test_sections_are_walls_and_give_context() -> None:
    text = "본문이다.\n관련 기사"
    sections = (
        Section(Span(0, 5), heading="1장"),
        Section(Span(6, 11), Role.ASIDE, heading="다른 글", own_title=True),
    )
    body, aside = chunk(document("d", text, "제목", sections), 100)
    assert (body.text, body.context, body.role) == ("본문이다.", "제목 > 1장", Role.BODY)
    assert (aside.text, aside.context, aside.role) == ("관련 기사", "다른 글", Role.ASIDE)


def test_cuts_fall_on_sentence_ends() -> None:
    sentence = "카카오는 남양주에 디지털 허브를 짓는다. "
    for passage in chunk(document("d", normalise(sentence * 30)), 100):
        assert passage.text.endswith("짓는다.")


def test_a_quoted_sentence_is_not_torn_from_its_speaker() -> None:
    said = '이 시장은 "허브를 꼭 짓는다." 라고 밝혔다. '
    passages = list(chunk(document("d", normalise(said * 12)), 40))
    assert len(passages) == 12
    assert all(passage.text == said.strip() for passage in passages)


def test_sentences_without_marks_are_found() -> None:
    text = "저는 어제 학교에 갔어요 친구들이 많이 왔더라고요 같이 점심을 먹었습니다 정말 즐거웠어요"
    passages = [passage.text for passage in chunk(document("d", text), 30)]
    assert all(passage.endswith("요") or passage.endswith("니다") for passage in passages)
    assert len(passages) > 1


def test_a_line_of_a_megabyte_is_cut() -> None:
    text = "가나다라 마바사아 " * 5000
    passages = list(chunk(document("d", normalise(text)), 400))
    assert sum(passage.text.count("가나다라") for passage in passages) == 5000
    assert max(len(passage.text) for passage in passages) <= 400


@pytest.mark.parametrize("most", [20, 40])
def test_tokens_of_the_embedder_are_a_limit_too(most: int) -> None:
    limit = TokenLimit(most, lambda text: len(text.split()))
    title = "디지털 허브 안내"
    text = normalise("카카오는 남양주에 디지털 허브를 짓는다. " * 30)
    passages = list(chunk(document("d", text, title), 400, limit))
    counts = [len(f"{passage.context} {passage.text}".split()) for passage in passages]
    assert max(counts) <= most
    assert max(counts) > most - 6  # as full as whole sentences allow
    assert all(passage.text.endswith("짓는다.") for passage in passages)


def test_a_long_title_leaves_room_for_text() -> None:
    limit = TokenLimit(8, lambda text: len(text.split()))
    (passage,) = chunk(document("d", "카카오는 허브를 짓는다.", "아주 긴 제목 " * 20), 400, limit)
    assert passage.text == "카카오는 허브를 짓는다."


def test_ids_differ_by_document_and_place() -> None:
    text = "같은 문장이다.\n같은 문장이다."
    ids = [p.id for name in ("a", "b") for p in chunk(document(name, text), 10)]
    assert len(ids) == len(set(ids)) == 4
