"""What people and programs see: composed Korean, and the JSON contract."""

import json

import pytest

from rag import render
from rag.types import Answer, Citation, Hit, Outcome, Passage, Provenance, Route, Span, Timings

PROVENANCE = Provenance("s", "i", "e", "r", "p", 0, (("geungeo", "0.1.0"),))


def answered() -> Answer:
    passage = Passage("p1", "a.txt", Span(0, 10), "2029년에 끝난다", title="글")
    citation = Citation(1, "a.txt", "글", "a.txt", Span(0, 10), "2029년에 끝난다"[:10], 0.91234567)
    return Answer(
        question="언제?",
        text="2029년입니다. [1]",
        short_answer="2029년",
        outcome=Outcome.ANSWERED,
        confidence=0.87654321,
        citations=(citation,),
        hits=(Hit(passage, 1.23456789, Route.FUSED),),
        provenance=PROVENANCE,
        timings=Timings(1.0, 2.0, 3.0),
    )


@pytest.mark.parametrize(
    ("short", "sentence"),
    [
        ("2029년", "2029년입니다. [2]"),
        ("약 6,000억 원", "약 6,000억 원입니다. [2]"),
        ("92,000㎡", "92,000㎡입니다. [2]"),
        ("정신아", "정신아입니다. [2]"),
        ("『화성성역의궤』", "『화성성역의궤』입니다. [2]"),
        ("MOU", "MOU입니다. [2]"),
        ("지역 균형 발전을 위해", "“지역 균형 발전을 위해”라고 나와 있습니다. [2]"),
        ("사업을 시작했다.", "사업을 시작했다. [2]"),
        ("1200개가 넘는", "1200개가 넘습니다. [2]"),
        ("1200개가넘는", "1200개가넘습니다. [2]"),
        ("10년 넘게", "“10년 넘게”라고 나와 있습니다. [2]"),
        ("5명 초과", "5명 초과입니다. [2]"),
        ("총 300면", "총 300면입니다. [2]"),
        ("5%를 밑도는", "5%를 밑돕니다. [2]"),
        ("5%에 못 미치는", "5%에 못 미칩니다. [2]"),
    ],
)
def test_fact(short: str, sentence: str) -> None:
    assert render.fact(short, 2) == sentence


def test_contract() -> None:
    record = render.to_record(answered(), "q1")
    assert list(record) == [
        *("id", "question", "answer", "short_answer", "outcome", "confidence"),
        *("citations", "hits", "timings_ms", "provenance"),
    ]
    assert record["citations"] == [
        {
            "marker": 1,
            "document": "a.txt",
            "title": "글",
            "source": "a.txt",
            "start": 0,
            "end": 10,
            "quote": "2029년에 끝난다"[:10],
            "support": 0.9123,
        }
    ]
    assert record["hits"] == [
        {"document": "a.txt", "passage": "p1", "score": 1.234568, "start": 0, "end": 10}
    ]
    assert record["timings_ms"] == {"retrieve": 1.0, "read": 2.0, "total": 3.0}
    assert (record["id"], record["outcome"], record["confidence"]) == ("q1", "answered", 0.8765)
    assert json.loads(json.dumps(record, ensure_ascii=False)) == record


def test_text_shows_answer_proof_and_outcome() -> None:
    text = render.to_text(answered())
    for part in ("2029년입니다. [1]", "[1] 글", "a.txt:0-10", "결과: 답함"):
        assert part in text


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_an_answer_cannot_be_surer_than_sure(confidence: float) -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="confidence"):
        replace(answered(), confidence=confidence)


def test_an_answer_without_proof_cannot_be_built() -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="citation"):
        replace(answered(), citations=())
    with pytest.raises(ValueError, match="length"):
        replace(answered(), citations=(replace(answered().citations[0], quote="짧다"),))
