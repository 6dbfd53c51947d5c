"""What a run leaves on disk: ``run.json``, ``cases.jsonl``, ``records.jsonl``; read back and checked.

A run folder is complete in itself: it can be scored and reported without index or models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypedDict, cast

from eval import jsonl
from eval.case import EvalCase, parse_case
from eval.retrieval import GoldPlaces, Place
from rag import Settings
from rag.errors import UsageError
from rag.render import AnswerRecord

RUN_VERSION = 1
RUN_NAME = "run.json"
CASES_NAME = "cases.jsonl"
RECORDS_NAME = "records.jsonl"

#: Parts of an answer's provenance that must be equal in all records of a run.
IDENTITY = ("settings", "index", "embedder", "reader", "prompt", "seed")


class FoundPassage(TypedDict):
    """One passage found, best first; ``text`` is empty below those that were read."""

    document: str
    start: int
    end: int
    score: float
    title: str
    text: str


class Failure(TypedDict):
    """Why a question has no answer."""

    kind: str
    message: str


class EvalRecord(TypedDict):
    """One line of ``records.jsonl``: either ``answer`` or ``error`` is there."""

    id: str
    answer: AnswerRecord | None
    error: Failure | None
    found: list[FoundPassage]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run claims: ``run.json``.

    Attributes:
        set_name: File name of the set.
        set_digest: :func:`eval.case.file_digest` of the set.
        purpose: Of the set, from its data card.
        settings: Every setting by name.
        provenance: :data:`IDENTITY` and package versions, as in each answer.
        depth: Passages looked for when measuring retrieval.
        cases: Questions in the set.
        started: ISO time, local, of the first start.
        finished: ISO time, or empty while the run is incomplete.
        peak_mb: Peak resident memory of the process that finished it, in MB; 0 until then.
    """

    set_name: str
    set_digest: str
    purpose: str
    settings: dict[str, str | int | float]
    provenance: dict[str, object]
    depth: int
    cases: int
    started: str
    finished: str = ""
    peak_mb: float = 0.0
    version: int = RUN_VERSION

    @property
    def versions(self) -> dict[str, str]:
        """Packages and their versions, from the provenance."""
        return cast(dict[str, str], self.provenance.get("versions", {}))

    def differences(self, other: RunInfo) -> list[str]:
        """Names and values of what makes two runs not the same run."""
        mine, theirs = self._identity(), other._identity()
        return [
            f"{name}: {mine.get(name)!r} ≠ {theirs.get(name)!r}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]

    def _identity(self) -> dict[str, object]:
        kept = {name: getattr(self, name) for name in ("set_digest", "depth", "cases", "version")}
        return {**kept, **self.settings, **{f"provenance.{k}": v for k, v in self.provenance.items()}}


@dataclass(frozen=True, slots=True)
class Located:
    """A case and where its evidence stands in the index; an empty tuple is a quote it does not hold."""

    case: EvalCase
    places: tuple[GoldPlaces, ...]

    @property
    def in_corpus(self) -> bool:
        """Whether all evidence stands in the index."""
        return all(self.places)

    def to_json(self) -> dict[str, object]:
        """One line of ``cases.jsonl``."""
        return {**self.case.to_json(), "places": [[asdict(p) for p in places] for places in self.places]}


@dataclass(frozen=True, slots=True)
class Run:
    """A run as read from its folder; records by case id, cases without one are unanswered yet."""

    folder: Path
    info: RunInfo
    cases: tuple[Located, ...]
    records: Mapping[str, EvalRecord]


def write_info(folder: Path, info: RunInfo) -> None:
    """Replace ``run.json`` in one rename."""
    draft = folder / f".{RUN_NAME}"
    draft.write_text(json.dumps(asdict(info), ensure_ascii=False, indent=1) + "\n", "utf-8")
    draft.replace(folder / RUN_NAME)


def read_info(folder: Path) -> RunInfo | None:
    """``run.json`` of a folder, or ``None`` where there is none.

    Raises:
        UsageError: It is no run of this version.
    """
    try:
        table = json.loads((folder / RUN_NAME).read_text("utf-8"))
        if table["version"] != RUN_VERSION:
            raise ValueError(f"version {table['version']}")
        return RunInfo(**{field.name: table[field.name] for field in fields(RunInfo)})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder}/{RUN_NAME}을(를) 읽을 수 없습니다: {error}.", "다시 실행해 주세요."
        ) from None


def read_records(folder: Path) -> dict[str, EvalRecord]:
    """Records by case id; a torn last line, left by a kill, is not one.

    Raises:
        UsageError: A line in the middle is malformed.
    """
    path = folder / RECORDS_NAME
    if not path.is_file():
        return {}
    lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line end is torn
    records: dict[str, EvalRecord] = {}
    for number, line in enumerate(lines, 1):
        try:
            record = cast(EvalRecord, jsonl.parse(line.decode()))
            records[record["id"]] = record
        except (ValueError, KeyError):
            raise UsageError(
                f"{path}의 {number}번째 줄이 깨졌습니다.", "그 줄을 지우고 다시 실행해 주세요."
            ) from None
    return records


def _located(record: jsonl.Record) -> Located:
    places = cast(Sequence[Sequence[dict[str, object]]], record.pop("places"))
    return Located(
        parse_case(record),
        tuple(tuple(Place(**cast(dict[str, "str | int"], p)) for p in one) for one in places),  # type: ignore[arg-type]  # checked by parse
    )


def read_run(folder: Path) -> Run:
    """A run, refused unless its records were made as it claims.

    Raises:
        UsageError: No run here; or settings, index or models of a record differ from ``run.json``.
    """
    info = read_info(folder)
    if info is None:
        raise UsageError(f"{folder}에 run.json이 없습니다.", "python -m eval run 으로 먼저 실행해 주세요.")
    cases = tuple(_located(record) for _, record in jsonl.read(folder / CASES_NAME))
    run = Run(folder, info, cases, read_records(folder))
    if problems := claim_faults(run):
        raise UsageError(
            f"{folder}은(는) 스스로 밝힌 대로 만들어진 실행이 아닙니다: {'; '.join(problems[:5])}.",
            "새 폴더에 다시 실행해 주세요.",
        )
    return run


def claim_faults(run: Run) -> list[str]:
    """Korean phrases for each way in which records contradict ``run.json``."""
    claimed = run.info.provenance
    problems: list[str] = []
    if Settings(**run.info.settings).digest != claimed.get("settings"):  # type: ignore[arg-type]  # names and kinds were written by us
        problems.append("run.json의 설정과 그 지문이 다름")
    if len(run.cases) != run.info.cases:
        problems.append(f"질문이 {run.info.cases}개라는데 {len(run.cases)}개임")
    known = {located.case.id for located in run.cases}
    problems += [f"집합에 없는 질문 {name!r}의 기록이 있음" for name in run.records if name not in known]
    for name, record in run.records.items():
        if record["answer"] is not None:
            made = record["answer"]["provenance"]
            problems += [
                f"{name}의 {key}이(가) 다름" for key in IDENTITY if made.get(key) != claimed.get(key)
            ]
    return problems
