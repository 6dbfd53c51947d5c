"""Evaluation cases: a question, its gold answers, and where the corpus proves them."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from eval import jsonl
from rag.errors import UsageError
from rag.text import normalise

#: Cases of this type need all their evidence; others need any one piece of it.
MULTI = "multi"
#: Problems named in one error message; the rest is counted.
SHOWN_PROBLEMS = 20

#: Marks a line that nobody has reviewed yet; see :mod:`eval.draft`.
DRAFT = "draft"

_KEYS = frozenset({"id", "question", "answers", "answerable", "evidence", "type", "cluster"})


class Purpose(StrEnum):
    """What a set is for; a test set is never swept."""

    SMOKE = "smoke"
    DEV = "dev"
    TEST = "test"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class GoldEvidence:
    """A verbatim quote of one document that proves the answer."""

    document: str
    quote: str


@dataclass(frozen=True, slots=True)
class EvalCase:
    """One question of a set.

    Attributes:
        id: Unique in its set.
        question: As a person would ask it.
        answers: Acceptable short answers; empty if unanswerable, or if only retrieval is measured.
        answerable: Whether the corpus holds the answer.
        evidence: Empty if unanswerable.
        type: Free ("when", "table", …); :data:`MULTI` needs all evidence.
        cluster: What the intervals are clustered by: the article.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    answerable: bool
    evidence: tuple[GoldEvidence, ...]
    type: str
    cluster: str

    def to_json(self) -> dict[str, object]:
        """The case as one JSONL object."""
        return {
            "id": self.id,
            "question": self.question,
            "answers": list(self.answers),
            "answerable": self.answerable,
            "evidence": [{"document": e.document, "quote": e.quote} for e in self.evidence],
            "type": self.type,
            "cluster": self.cluster,
        }


def _text(record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key}이(가) 빈 문자열이거나 없습니다")
    return normalise(value).strip()


def _list(record: Mapping[str, object], key: str) -> list[object]:
    value = record.get(key, [])
    if not isinstance(value, list):
        raise ValueError(f"{key}이(가) 목록이 아닙니다")
    return value


def _evidence(item: object) -> GoldEvidence:
    if not isinstance(item, dict):
        raise ValueError("evidence의 항목은 {document, quote} 객체여야 합니다")
    return GoldEvidence(_text(item, "document"), _text(item, "quote"))


def parse_case(record: Mapping[str, object]) -> EvalCase:
    """One object as a case.

    Raises:
        ValueError: A Korean phrase that says what is wrong.
    """
    if DRAFT in record:
        raise ValueError("아직 검토하지 않은 초안입니다(eval review로 검토)")
    if unknown := sorted(record.keys() - _KEYS):
        raise ValueError(f"모르는 열쇠 {', '.join(unknown)}")
    answers = _list(record, "answers")
    if not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise ValueError("answers에 빈 값이나 문자열이 아닌 값이 있습니다")
    if not isinstance(record.get("answerable"), bool):
        raise ValueError("answerable이 true나 false가 아닙니다")
    evidence = tuple(map(_evidence, _list(record, "evidence")))
    case = EvalCase(
        id=_text(record, "id"),
        question=_text(record, "question"),
        answers=tuple(normalise(str(answer)).strip() for answer in answers),
        answerable=record["answerable"] is True,
        evidence=evidence,
        type=str(record.get("type") or "other"),
        cluster=str(record.get("cluster") or (evidence[0].document if evidence else record["id"])),
    )
    if case.answerable and not case.evidence:
        raise ValueError("answerable인데 evidence가 없습니다")
    if not case.answerable and (case.evidence or case.answers):
        raise ValueError("answerable이 false인데 answers나 evidence가 있습니다")
    return case


def _complain(path: Path, problems: Sequence[str]) -> None:
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        shown = "\n  ".join(problems[:SHOWN_PROBLEMS]) + (f"\n  … 그 밖에 {more}가지" if more > 0 else "")
        raise UsageError(
            f"평가 집합 {path}에 잘못이 {len(problems)}가지 있습니다.\n  {shown}",
            "고친 뒤 다시 실행해 주세요.",
        )


def load_set(path: Path) -> tuple[EvalCase, ...]:
    """All cases of a set file, in order.

    Raises:
        UsageError: Unreadable, malformed or repeated cases; every problem with its line.
    """
    cases: dict[str, EvalCase] = {}
    problems: list[str] = []
    for number, record in jsonl.read(path):
        try:
            case = parse_case(record)
        except ValueError as error:
            problems.append(f"{number}번째 줄: {error}")
            continue
        if case.id in cases:
            problems.append(f"{number}번째 줄: id {case.id!r}이(가) 앞에도 있습니다")
        cases[case.id] = case
    if not cases and not problems:
        problems.append("질문이 하나도 없습니다")
    _complain(path, problems)
    return tuple(cases.values())


def missing_evidence(cases: Iterable[EvalCase], texts: Mapping[str, str]) -> Iterator[str]:
    """A phrase for each piece of evidence that ``texts`` (document id to text) does not hold."""
    for case in cases:
        for item in case.evidence:
            if item.document not in texts:
                yield f"{case.id}: 문서 {item.document!r}이(가) 코퍼스에 없습니다"
            elif item.quote not in texts[item.document]:
                yield f"{case.id}: 근거 “{item.quote[:40]}…”이(가) 문서 {item.document!r}에 없습니다"


def check_evidence(path: Path, cases: Iterable[EvalCase], texts: Mapping[str, str]) -> None:
    """Refuse a set whose evidence the corpus does not hold.

    Raises:
        UsageError: Every piece of evidence that is missing.
    """
    _complain(path, list(missing_evidence(cases, texts)))


def read_corpus(paths: Iterable[Path]) -> dict[str, str]:
    """Document id to normalised text, of JSONL corpora (``id``, ``text`` a line).

    Raises:
        UsageError: Unreadable file, a line without id or text, or an id met twice.
    """
    texts: dict[str, str] = {}
    for path in paths:
        for number, record in jsonl.read(path):
            try:
                name, text = _text(record, "id"), _text(record, "text")
            except ValueError as error:
                raise UsageError(f"{path}의 {number}번째 줄: {error}.", "줄을 고쳐 주세요.") from None
            if name in texts:
                raise UsageError(
                    f"{path}의 {number}번째 줄: 문서 {name!r}이(가) 두 번 나옵니다.", "id를 바꿔 주세요."
                )
            texts[name] = text
    return texts


def file_digest(path: Path) -> str:
    """First 16 hex digits of the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Card:
    """The data card of a set: ``NAME.card.toml`` beside ``NAME.jsonl``.

    Attributes:
        purpose: Whether it may be tuned on.
        corpora: Files of the corpus, relative to the card.
        licence: Of questions and articles.
        description: How it was made, for people.
    """

    purpose: Purpose
    corpora: tuple[Path, ...]
    licence: str
    description: str


def read_card(set_path: Path) -> Card | None:
    """The card of a set, or ``None`` where there is none.

    Raises:
        UsageError: The card is malformed.
    """
    path = set_path.with_suffix(".card.toml")
    if not path.is_file():
        return None
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        return Card(
            purpose=Purpose(table["purpose"]),
            corpora=tuple(path.parent / name for name in table["corpora"]),
            licence=str(table["licence"]),
            description=str(table["description"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(
            f"데이터 카드 {path}을(를) 읽을 수 없습니다: {error}.", "카드를 고쳐 주세요."
        ) from None
