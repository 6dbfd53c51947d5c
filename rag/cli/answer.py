"""``rag ask``: one question, or many from a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from rag import render
from rag.assistant import Assistant
from rag.cli.option import (
    DEFAULT_INDEX,
    ConfigOption,
    EmbedderOption,
    IndexOption,
    ReaderOption,
    SetOption,
    app,
    opened,
    settings_of,
)
from rag.errors import DecodeError, QuestionError, UsageError
from rag.types import Filter


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="질문. 없으면 표준 입력에서 읽습니다.")] = None,
    index: IndexOption = DEFAULT_INDEX,
    json_: Annotated[bool, typer.Option("--json", help="답을 JSON 한 줄로 씁니다.")] = False,
    batch: Annotated[
        Path | None, typer.Option("--batch", help="한 줄에 {id, question} 하나인 JSONL 파일(- 는 표준 입력).")
    ] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", help="읽을 구절 수.")] = None,
    since: Annotated[str, typer.Option("--since", help="이날부터 나온 문서만(예: 2024-05).")] = "",
    until: Annotated[str, typer.Option("--until", help="이날까지 나온 문서만.")] = "",
    source: Annotated[
        list[str] | None, typer.Option("--source", help="이름·출처·발행처에 이 말이 든 문서만(* ? 가능).")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="이 꼬리표가 모두 달린 문서만.")] = None,
    embedder: EmbedderOption = None,
    reader: ReaderOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """질문에 인용과 함께 답합니다."""
    settings = settings_of(config, set_, top_k=top_k, embedder=embedder, reader=reader)
    only = Filter(since, until, tuple(source or ()), tuple(tag or ()))
    if batch is None:
        text = question if question is not None else _piped()
        _check_not_blank(text)
        assistant = opened(settings, index)
        answer = assistant.ask(text, only=only)
        record = render.to_record(answer)
        typer.echo(json.dumps(record, ensure_ascii=False) if json_ else render.to_text(answer))
        return
    with _lines(batch) as lines:
        failed = _answer_all(opened(settings, index), lines, only)
    if failed:
        raise UsageError(f"질문 {failed}개에 답하지 못했습니다.", "출력에서 error가 있는 줄을 보세요.")


def _check_not_blank(text: str) -> None:
    """Before anything slow is loaded."""
    if not text.strip():
        raise QuestionError("질문이 비어 있습니다.", "궁금한 것을 한 문장으로 적어 주세요.")


def _piped() -> str:
    if sys.stdin.isatty():
        raise QuestionError("질문이 없습니다.", 'rag ask "질문" 처럼 적어 주세요.')
    data = sys.stdin.buffer.read()
    return _decoded(data, "표준 입력") if data.strip() else ""


def _lines(path: Path) -> BinaryIO:
    try:
        return open(0 if str(path) == "-" else path, "rb")
    except OSError as error:
        raise UsageError(f"{path}을(를) 열 수 없습니다: {error.strerror}.", "경로를 확인해 주세요.") from None


def _decoded(data: bytes, name: str) -> str:
    """Text as documents are decoded; a question that nobody can have asked is not answered.

    Raises:
        UsageError: In no encoding that we know.
    """
    from rag.load.decode import decode

    try:
        return decode(data, name)
    except DecodeError as error:
        raise UsageError(error.message, "UTF-8로 저장해 주세요.") from None


def _answer_all(assistant: Assistant, lines: Iterable[bytes], only: Filter) -> int:
    failed = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        question_id: str | None = None
        try:
            question_id, question = _asked(_decoded(line, f"{number}번째 줄"), number)
            output = json.dumps(
                render.to_record(assistant.ask(question, only=only), question_id), ensure_ascii=False
            )
        except UsageError as error:
            failed += 1
            problem = {"message": error.message, "remedy": error.remedy, "line": number}
            output = json.dumps({"id": question_id, "error": problem}, ensure_ascii=False)
        typer.echo(output)
        sys.stdout.flush()
    return failed


def _asked(line: str, number: int) -> tuple[str, str]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    match record:
        case {"id": str() | int() as name, "question": str() as question} if not isinstance(name, bool):
            return str(name), question
    raise UsageError(
        f"{number}번째 줄은 id와 question이 있는 JSON이 아닙니다.",
        "id는 문자열이나 정수로, question은 문자열로 적어 주세요.",
    )
