"""What a system said to one question, whichever system it was: the input of scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from eval import jsonl
from eval.metric import without_markers
from eval.record import EvalRecord, Located, Run
from eval.retrieval import Place
from rag.errors import UsageError
from rag.text import normalise
from rag.types import Outcome


@dataclass(frozen=True, slots=True)
class Quote:
    """A quoted proof; ``place`` is ``None`` where the system gave words without a position."""

    text: str
    place: Place | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage that was read, for showing citations in place."""

    place: Place
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, refusal or failure.

    Attributes:
        text: Answer text with markers, as people see it.
        answer: What is compared with the gold answers.
        is_sentence: Whether ``answer`` is a sentence rather than a span.
        confidence: ``None`` where the system states none.
        found: Passages in order, as deep as was looked; ``None`` where unknown.
        read: How many of them were read.
        unsupported: Claims (sentences) of the answer that no quote carries; ``None`` where unknown.
        timings: Milliseconds by stage.
        tokens: Generated tokens, ``None`` where unknown.
        shown: Texts of the passages that were read, where they are kept.
        error: Why there is no answer; then nothing else counts.
    """

    text: str
    answer: str
    is_sentence: bool
    outcome: Outcome
    confidence: float | None
    quotes: tuple[Quote, ...]
    found: tuple[Place, ...] | None
    read: int
    unsupported: int | None
    timings: Mapping[str, float]
    tokens: int | None
    error: str = ""
    shown: tuple[Shown, ...] = ()


def _failed(message: str) -> Response:
    return Response("", "", False, Outcome.ABSTAINED, None, (), None, 0, None, {}, None, message)


def from_record(record: EvalRecord) -> Response:
    """Our own record."""
    answer = record["answer"]
    if answer is None:
        error = record["error"]
        return _failed(f"{error['kind']}: {error['message']}" if error else "까닭 모름")
    short = answer["short_answer"]
    tokens = answer["provenance"].get("tokens")
    unsupported = cast(Sequence[str], answer["provenance"].get("unsupported", ()))
    return Response(
        text=answer["answer"],
        answer=without_markers(answer["answer"]) if short is None else short,
        is_sentence=short is None,
        outcome=Outcome(answer["outcome"]),
        confidence=answer["confidence"],
        quotes=tuple(
            Quote(c["quote"], Place(c["document"], c["start"], c["end"])) for c in answer["citations"]
        ),
        found=tuple(Place(p["document"], p["start"], p["end"]) for p in record["found"]),
        read=len(answer["hits"]),
        unsupported=len(unsupported),
        timings=cast(Mapping[str, float], answer["timings_ms"]),
        tokens=tokens if isinstance(tokens, int) else None,
        shown=tuple(
            Shown(Place(p["document"], p["start"], p["end"]), p["title"], p["text"])
            for p in record["found"]
            if p["text"]
        ),
    )


def from_run(run: Run) -> dict[str, Response]:
    """All responses of a run by case id."""
    return {name: from_record(record) for name, record in run.records.items()}


def _quote(item: object) -> Quote:
    if isinstance(item, str):
        return Quote(normalise(item), None)
    if isinstance(item, dict) and isinstance(item.get("quote"), str):
        text = normalise(item["quote"])
        document, start = item.get("document"), item.get("start")
        known = isinstance(document, str) and isinstance(start, int)
        return Quote(text, Place(str(document), int(start), int(start) + len(text)) if known else None)  # type: ignore[arg-type]  # known
    raise ValueError("quotes의 항목은 문자열이나 {quote} 객체여야 합니다")


def from_foreign(record: Mapping[str, object]) -> Response:
    """A line of another system: ``id``, ``answer`` (null or "" is a refusal), ``quotes``.

    ``confidence`` (0 … 1) and ``is_sentence`` may be given; without the latter, what ends in a full
    stop is a sentence.

    Raises:
        ValueError: A Korean phrase that says what is wrong.
    """
    text = record.get("answer")
    quotes, confidence = record.get("quotes", []), record.get("confidence")
    if not (text is None or isinstance(text, str)) or not isinstance(quotes, list):
        raise ValueError("answer는 문자열이나 null, quotes는 목록이어야 합니다")
    if confidence is not None and not (isinstance(confidence, int | float) and 0 <= confidence <= 1):
        raise ValueError("confidence는 0과 1 사이의 수여야 합니다")
    bare = without_markers(normalise(text or ""))
    return Response(
        text=text or "",
        answer=bare,
        is_sentence=bool(record.get("is_sentence", bare.endswith((".", "!", "?")))),
        outcome=Outcome.ANSWERED if bare else Outcome.ABSTAINED,
        confidence=None if confidence is None else float(confidence),
        quotes=tuple(map(_quote, quotes)),
        found=None,
        read=0,
        unsupported=None,
        timings={},
        tokens=None,
    )


def read_foreign(path: Path, cases: Sequence[Located]) -> dict[str, Response]:
    """Answers of another system by case id.

    Raises:
        UsageError: A malformed line, an unknown or a repeated id.
    """
    known = {located.case.id for located in cases}
    responses: dict[str, Response] = {}
    for number, record in jsonl.read(path):
        name = record.get("id")
        try:
            if not isinstance(name, str) or name not in known:
                raise ValueError(f"집합에 없는 id {name!r}")
            if name in responses:
                raise ValueError(f"id {name!r}이(가) 두 번 나옴")
            responses[name] = from_foreign(record)
        except ValueError as error:
            raise UsageError(f"{path}의 {number}번째 줄: {error}.", "줄을 고쳐 주세요.") from None
    return responses
