"""Running: ask every question of a set, write one record a line, resume after a kill.

Nothing is judged here; :mod:`eval.score` does that from the folder, as often as one likes.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from eval import jsonl
from eval.case import EvalCase, Purpose, file_digest, load_set, read_card
from eval.record import (
    CASES_NAME,
    IDENTITY,
    RECORDS_NAME,
    EvalRecord,
    Failure,
    FoundPassage,
    Located,
    RunInfo,
    read_info,
    read_records,
    write_info,
)
from eval.retrieval import GoldPlaces, Place
from rag.config import Settings
from rag.errors import GeungeoError, ModelError, SearchIndexError, UsageError
from rag.render import to_record
from rag.types import Answer, Document, Hit, Provenance

#: Passages looked for when measuring retrieval.
DEPTH = 20


class Assistant(Protocol):
    """What a run needs of :class:`rag.Assistant`; a fake serves as well."""

    @property
    def provenance(self) -> Provenance: ...

    def ask(self, question: str, /) -> Answer: ...

    def find(self, question: str, top_k: int) -> tuple[Hit, ...]: ...

    def document(self, document_id: str) -> Document: ...


def _occurrences(text: str, quote: str) -> list[int]:
    starts: list[int] = []
    start = text.find(quote)
    while start >= 0:
        starts.append(start)
        start = text.find(quote, start + 1)
    return starts


def locate(case: EvalCase, assistant: Assistant) -> Located:
    """Every place of each quote in the assistant's documents."""

    def places(document: str, quote: str) -> GoldPlaces:
        try:
            text = assistant.document(document).text
        except KeyError:
            return ()
        return tuple(Place(document, at, at + len(quote)) for at in _occurrences(text, quote))

    return Located(case, tuple(places(item.document, item.quote) for item in case.evidence))


def _provenance(provenance: Provenance) -> dict[str, object]:
    return {name: getattr(provenance, name) for name in IDENTITY} | {"versions": dict(provenance.versions)}


def describe(set_path: Path, cases: Sequence[EvalCase], settings: Settings, made: Provenance) -> RunInfo:
    """What this run will claim."""
    card = read_card(set_path)
    return RunInfo(
        set_name=set_path.name,
        set_digest=file_digest(set_path),
        purpose=(card.purpose if card else Purpose.OTHER).value,
        settings=asdict(settings),
        provenance=_provenance(made),
        depth=max(DEPTH, settings.top_k),
        cases=len(cases),
        started=datetime.now().isoformat(timespec="seconds"),
    )


def _open(out: Path, info: RunInfo) -> RunInfo:
    """The run to go on with: the one in ``out`` if it is the same, else a new one."""
    before = read_info(out) if out.is_dir() else None
    if before is not None:
        if different := before.differences(info):
            raise UsageError(
                f"{out}의 실행은 지금과 다르게 만들어졌습니다: {'; '.join(different[:5])}.",
                "--out 에 새 폴더를 주거나, 같은 설정으로 이어 주세요.",
            )
        return before
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out}은(는) 비어 있지 않고 실행 폴더도 아닙니다.", "--out 에 새 폴더를 주세요.")
    out.mkdir(parents=True, exist_ok=True)
    write_info(out, info)
    return info


def _found(hits: Sequence[Hit], read: int) -> list[FoundPassage]:
    return [
        {
            "document": hit.passage.document_id,
            "start": hit.passage.span.start,
            "end": hit.passage.span.end,
            "score": round(hit.score, 6),
            "title": hit.passage.context,
            "text": hit.passage.text if rank < read else "",
        }
        for rank, hit in enumerate(hits)
    ]


def _record(case: EvalCase, assistant: Assistant, depth: int) -> EvalRecord:
    """Ask once; anything that goes wrong with this question alone is its record."""
    try:
        answer = assistant.ask(case.question)
        found = _found(assistant.find(case.question, depth), len(answer.hits))
        return {"id": case.id, "answer": to_record(answer, case.id), "error": None, "found": found}
    except (ModelError, SearchIndexError):  # the next question would meet it too
        raise
    except GeungeoError as error:
        failure: Failure = {"kind": type(error).__name__, "message": error.message}
    except Exception as error:  # one broken question must not end a run; it is counted
        failure = {"kind": type(error).__name__, "message": str(error)}
    return {"id": case.id, "answer": None, "error": failure, "found": []}


def peak_memory_mb() -> float:
    """Peak resident memory of this process in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def _cut_torn_line(path: Path) -> None:
    data = path.read_bytes() if path.is_file() else b""
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)


def _drop_failures(path: Path) -> None:
    """Forget failed questions, so that they are asked again."""
    kept = [record for record in read_records(path.parent).values() if record["error"] is None]
    draft = path.with_name(f".{path.name}")
    jsonl.write(draft, kept)
    draft.replace(path)


def run(
    set_path: Path,
    out: Path,
    settings: Settings,
    assistant: Assistant,
    report: Callable[[int, int], None] = lambda done, total: None,
    *,
    retry: bool = False,
) -> RunInfo:
    """Ask what is not yet recorded in ``out``; every record is on disk before the next question.

    Args:
        set_path: Our JSONL format.
        out: A new folder, or one of the same run cut short.
        settings: Those that ``assistant`` was made with.
        assistant: Answers.
        report: Called with questions done and total.
        retry: Whether to ask again what failed before.

    Raises:
        UsageError: A malformed set, or a folder of another run.
        GeungeoError: The assistant cannot answer at all.
    """
    cases = load_set(set_path)
    if assistant.provenance.settings != settings.digest:
        raise UsageError("설정과 도우미의 지문이 다릅니다.", "설정을 바꿨으면 도우미를 다시 만들어 주세요.")
    info = _open(out, describe(set_path, cases, settings, assistant.provenance))
    _cut_torn_line(out / RECORDS_NAME)
    if retry:
        _drop_failures(out / RECORDS_NAME)
    done = read_records(out)
    jsonl.write(out / CASES_NAME, (locate(case, assistant).to_json() for case in cases))
    with (out / RECORDS_NAME).open("a", encoding="utf-8") as stream:
        for count, case in enumerate(cases, 1):
            if case.id not in done:
                stream.write(json.dumps(_record(case, assistant, info.depth), ensure_ascii=False) + "\n")
                stream.flush()
            report(count, len(cases))
    if not info.finished:
        now = datetime.now().isoformat(timespec="seconds")
        info = replace(info, finished=now, peak_mb=round(peak_memory_mb(), 1))
        write_info(out, info)
    return info
