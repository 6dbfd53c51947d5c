"""Spans are exact, pieces cover everything, sections are walls."""

from hypothesis import given
from hypothesis import strategies as st

from rag.chunk import chunk
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


def test_ids_differ_by_document_and_place() -> None:
    text = "같은 문장이다.\n같은 문장이다."
    ids = [p.id for name in ("a", "b") for p in chunk(document(name, text), 10)]
    assert len(ids) == len(set(ids)) == 4
