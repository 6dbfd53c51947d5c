"""Morphemes, sentences and terms over real Korean."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.korean import analyse, analyse_many, terms
from rag.text import normalise


def test_sentences_split_without_space_and_at_line_breaks() -> None:
    text = "연계 방안도 검토 중입니다.구체적으로 무엇이 달라질까?\n충북도 사업계획\n오창에 짓는다."
    analysis = analyse(text)
    found = [text[span.start : span.end] for span in analysis.sentences]
    assert found == [
        "연계 방안도 검토 중입니다.",
        "구체적으로 무엇이 달라질까?",
        "충북도 사업계획",
        "오창에 짓는다.",
    ]


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_sentences_hold_every_morpheme(raw: str) -> None:
    analysis = analyse(normalise(raw))
    rows = [row for first, last in analysis.bounds for row in range(first, last)]
    assert rows == sorted(set(rows))
    for span, (first, last) in zip(analysis.sentences, analysis.bounds, strict=True):
        assert span.end <= len(analysis.text)
        for morpheme in analysis.morphemes[first:last]:
            assert span.start <= morpheme.start
            assert morpheme.end <= span.end


def test_many_equals_one_by_one() -> None:
    texts = ["완공 시점은 2029년이다.", "", "카카오와 남양주시가 손잡았다."]
    assert list(analyse_many(texts)) == [analyse(text) for text in texts]


def test_particles_do_not_change_morpheme_terms() -> None:
    plain = {term for term in terms(analyse("카카오 완공")) if not term.startswith("_")}
    inflected = terms(analyse("카카오가 완공을 알렸다"))
    assert plain <= set(inflected)


def test_spacing_errors_keep_most_terms() -> None:
    spaced, glued = set(terms(analyse("디지털 허브 완공 시점"))), set(terms(analyse("디지털허브완공시점")))
    assert len(spaced & glued) / len(spaced) > 0.8
