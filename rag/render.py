"""Answers for people and programs: composed sentences, plain text, Markdown, and the JSON contract."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict

from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from rag.text import squeeze
from rag.types import Answer, Citation, Hit, Outcome

REFUSAL = "문서에서 이 질문의 답을 찾지 못했습니다."
_ENDS_AS_SENTENCE = re.compile(r"[.!?…。][\"'”’」』)\]]*$")
_ENDS_AS_NOUN = re.compile(r"[0-9A-Za-z%㎡℃)\]』」》>’”\"'가-힣㐀-鿿]$")
#: Endings after which "입니다" would not be Korean: adverbial particles, connective endings, reasons.
_PHRASE_END = re.compile(
    r"(?:위해|위해서|위하여|때문에|따라|통해|통하여|으로|에서|에게|에|와|과|의|고|며|서|도록|게|면|아|어|해|를|을|려고|라고|다고)$"
)

#: A number's unit that looks like such an ending.
_COUNT_END = re.compile(r"(?:[0-9] ?[과면]|초과)$")
#: Verbs in the form that describes a noun, and as the end of a sentence.
_TOLD = {
    "넘는": "넘습니다",
    "웃도는": "웃돕니다",
    "밑도는": "밑돕니다",
    "못 미치는": "못 미칩니다",
    "안 되는": "안 됩니다",
}
_DESCRIBES = re.compile(rf"(?<=[ 이가을를에도])({'|'.join(_TOLD)})$")


class CitationRecord(TypedDict):
    """One citation in the JSON contract."""

    marker: int
    document: str
    title: str
    source: str
    start: int
    end: int
    quote: str
    support: float


class HitRecord(TypedDict):
    """One retrieved passage in the JSON contract."""

    document: str
    passage: str
    score: float
    start: int
    end: int


class TimingsRecord(TypedDict):
    """Wall times in the JSON contract, in milliseconds."""

    retrieve: float
    read: float
    total: float


class AnswerRecord(TypedDict):
    """The JSON contract of an answer: keys, order and types are stable (docs/json.md)."""

    id: str | None
    question: str
    answer: str
    short_answer: str | None
    outcome: str
    confidence: float
    citations: list[CitationRecord]
    hits: list[HitRecord]
    timings_ms: TimingsRecord
    provenance: dict[str, object]


def fact(short: str, marker: int) -> str:
    """``"2029년입니다. [1]"``: a bare span as a sentence; a phrase is quoted instead."""
    if _ENDS_AS_SENTENCE.search(short):
        return f"{short} [{marker}]"
    if found := _DESCRIBES.search(short):
        return f"{short[: found.start()]}{_TOLD[found[1]]}. [{marker}]"
    if _PHRASE_END.search(short) and " " in short and not _COUNT_END.search(short):
        return f"“{short}”라고 나와 있습니다. [{marker}]"
    return f"{short}입니다. [{marker}]" if _ENDS_AS_NOUN.search(short) else f"“{short}”입니다. [{marker}]"


def statement(sentence: str, marker: int) -> str:
    """A whole evidence sentence as the answer, verbatim but for line breaks."""
    return f"{squeeze(sentence)} [{marker}]"


def to_record(answer: Answer, question_id: str | None = None) -> AnswerRecord:
    """The answer in the JSON contract; floats are rounded to what is meaningful."""
    return {
        "id": question_id,
        "question": answer.question,
        "answer": answer.text,
        "short_answer": answer.short_answer,
        "outcome": answer.outcome.value,
        "confidence": round(answer.confidence, 4),
        "citations": [_citation_record(citation) for citation in answer.citations],
        "hits": [_hit_record(hit) for hit in answer.hits],
        "timings_ms": {
            "retrieve": round(answer.timings.retrieve_ms, 2),
            "read": round(answer.timings.read_ms, 2),
            "total": round(answer.timings.total_ms, 2),
        },
        "provenance": {
            **asdict(answer.provenance),
            "versions": dict(answer.provenance.versions),
            "interpreted": answer.interpreted,
            "unsupported": list(answer.unsupported),
            "stray_markers": list(answer.stray_markers),
            "tokens": answer.tokens,
        },
    }


def _citation_record(citation: Citation) -> CitationRecord:
    return {
        "marker": citation.marker,
        "document": citation.document_id,
        "title": citation.title,
        "source": citation.source,
        "start": citation.span.start,
        "end": citation.span.end,
        "quote": citation.quote,
        "support": round(citation.support, 4),
    }


def _hit_record(hit: Hit) -> HitRecord:
    return {
        "document": hit.passage.document_id,
        "passage": hit.passage.id,
        "score": round(hit.score, 6),
        "start": hit.passage.span.start,
        "end": hit.passage.span.end,
    }


def confidence_words(confidence: float) -> str:
    """Confidence for people."""
    steps = ((0.8, "높음"), (0.5, "보통"), (0.0, "낮음"))
    return next(word for least, word in steps if confidence >= least)


def _place(document_id: str, start: int, end: int) -> str:
    return f"{document_id}:{start}-{end}"


def _proofs(citations: Sequence[Citation]) -> list[str]:
    lines: list[str] = []
    for citation in citations:
        place = _place(citation.document_id, citation.span.start, citation.span.end)
        lines += [f"[{citation.marker}] {citation.title}", f"    “{squeeze(citation.quote)}”", f"    {place}"]
    return lines


def to_text(answer: Answer) -> str:
    """Plain text for a terminal: answer, proofs, outcome; nearest passages after a refusal."""
    lines = [answer.text, ""]
    if answer.interpreted and answer.interpreted != answer.question:
        lines = [f"(찾은 말: {answer.interpreted})", *lines]
    if answer.outcome is Outcome.ANSWERED:
        lines += ["근거", *_proofs(answer.citations), ""]
        lines += [f"결과: 답함 · 확신 {confidence_words(answer.confidence)} ({answer.confidence:.2f})"]
        return "\n".join(lines)
    if answer.hits:
        lines += ["가까운 구절"]
        for hit in answer.hits[:3]:
            passage = hit.passage
            lines += [
                f"  · {passage.title or passage.heading}: {squeeze(passage.text)[:80]}…",
                f"    {_place(passage.document_id, passage.span.start, passage.span.end)}",
            ]
        lines += [""]
    return "\n".join([*lines, f"결과: 답하지 않음 · 확신 {answer.confidence:.2f}"])
