"""The command line: a command for each of index, status, ask, show, chat, serve, mcp, doctor and eval.

Answers go to stdout, everything else to stderr.
"""

from __future__ import annotations

import json
import logging
import runpy
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from rag import render, report
from rag.assemble import load_assistant, stale_sources
from rag.assistant import Assistant
from rag.config import Settings, Value, load_chat_settings, load_library_settings, load_settings
from rag.errors import (
    GeungeoError,
    QuestionError,
    UnknownSourceError,
    UsageError,
)
from rag.index import Index
from rag.library import follow, index_status, update_index
from rag.types import Filter

app = typer.Typer(
    name="rag",
    help="근거: 문서에 있는 것만, 인용과 함께 답하는 오프라인 한국어 질의응답.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
progress_console = Console(stderr=True)

IndexOption = Annotated[Path, typer.Option("--index", envvar="RAG_INDEX", help="색인 폴더.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="이름=값", help="설정 하나를 바꿉니다. 여러 번 쓸 수 있습니다."),
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="설정 파일(TOML).")]
EmbedderOption = Annotated[
    str | None, typer.Option("--embedder", help="임베더: embedded, 폴더, 또는 허브 이름.")
]
ReaderOption = Annotated[
    str | None, typer.Option("--reader", help="리더: embedded, none, .gguf 파일, 또는 허브 이름:파일.")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="오류의 자세한 경로와 기록을 보입니다.")]
DEFAULT_INDEX = Path("index/corpus")


def _settings(
    config: Path | None = None, pairs: Iterable[str] | None = None, **flags: Value | None
) -> Settings:
    values: dict[str, Value | None] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair!r}에 등호가 없습니다.", "--set 이름=값 꼴로 적어 주세요.")
        values[name.strip()] = value.strip()
    return load_settings(values | {name: value for name, value in flags.items() if value is not None}, config)


@app.command("index")
def index_command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="파일, 폴더, http(s) 주소. 없으면 전에 색인한 것을 다시 봅니다.", show_default=False
        ),
    ] = None,
    index: IndexOption = DEFAULT_INDEX,
    embedder: EmbedderOption = None,
    prune: Annotated[bool, typer.Option("--prune", help="없어진 파일의 문서를 뺍니다.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="바뀌지 않은 것도 다시 읽습니다.")] = False,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="읽는 문서에 다는 꼬리표. 여러 번 쓸 수 있습니다.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="바뀔 때마다 색인합니다(Ctrl-C로 끝).")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="진행 상황을 보이지 않습니다.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="결과를 JSON 한 줄로 씁니다.")] = False,
) -> None:
    """새로 생기거나 바뀐 문서만 읽어 색인을 만들거나 고칩니다."""
    settings = _settings(config, set_, embedder=embedder)
    library = load_library_settings(config)

    def update() -> None:
        with report.IndexBar(progress_console, quiet=quiet) as bar:
            done = update_index(
                settings,
                sources or [],
                index,
                prune=prune,
                rebuild=rebuild,
                tags=tag or (),
                library=library,
                report=bar,
                plan_ready=bar.planned,
            )
        for line in [] if quiet else report.update_lines(done):
            progress_console.print(line, markup=False, highlight=False)
        record = json.dumps(report.update_record(done, index), ensure_ascii=False)
        typer.echo(record if json_ else report.update_text(done, index))
        sys.stdout.flush()

    update()
    if watch:
        follow(sources or index_status(index).roots, update)


@app.command()
def status(
    index: IndexOption = DEFAULT_INDEX,
    json_: Annotated[bool, typer.Option("--json", help="JSON 한 줄로 씁니다.")] = False,
) -> None:
    """색인에 든 문서와 구절, 크기, 모델, 나이를 알립니다."""
    found = index_status(index)
    typer.echo(json.dumps(asdict(found), ensure_ascii=False) if json_ else report.status_text(found, index))


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
    debug: DebugOption = False,
) -> None:
    """질문에 인용과 함께 답합니다."""
    if debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    settings = _settings(config, set_, top_k=top_k, embedder=embedder, reader=reader)
    only = Filter(since, until, tuple(source or ()), tuple(tag or ()))
    if batch is None:
        text = question if question is not None else _piped()
        _check_not_blank(text)
        assistant = _opened(settings, index)
        answer = assistant.ask(text, only=only)
        record = render.to_record(answer)
        typer.echo(json.dumps(record, ensure_ascii=False) if json_ else render.to_text(answer))
        return
    with _lines(batch) as lines:
        failed = _answer_all(_opened(settings, index), lines, only)
    if failed:
        raise UsageError(f"질문 {failed}개에 답하지 못했습니다.", "출력에서 error가 있는 줄을 보세요.")


def _check_not_blank(text: str) -> None:
    """Before anything slow is loaded."""
    if not text.strip():
        raise QuestionError("질문이 비어 있습니다.", "궁금한 것을 한 문장으로 적어 주세요.")


def _piped() -> str:
    if sys.stdin.isatty():
        raise QuestionError("질문이 없습니다.", 'rag ask "질문" 처럼 적어 주세요.')
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _opened(settings: Settings, folder: Path) -> Assistant:
    assistant = load_assistant(settings, folder)
    changed = stale_sources(assistant.index)
    if changed:
        progress_console.print(
            f"주의: 색인을 만든 뒤 원본 {len(changed)}개가 바뀌었습니다. rag index 로 고치세요.",
            markup=False,
            highlight=False,
        )
    return assistant


def _lines(path: Path) -> typer.FileTextWrite:
    try:
        return open(0 if str(path) == "-" else path, encoding="utf-8", errors="replace")  # type: ignore[return-value]
    except OSError as error:
        raise UsageError(f"{path}을(를) 열 수 없습니다: {error.strerror}.", "경로를 확인해 주세요.") from None


def _answer_all(assistant: Assistant, lines: Iterable[str], only: Filter) -> int:
    failed = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        question_id: str | None = None
        try:
            question_id, question = _asked(line, number)
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
        return str(record["id"]), str(record["question"])
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"{number}번째 줄은 id와 question이 있는 JSON이 아닙니다.", "줄의 형식을 고쳐 주세요."
        ) from None


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="문서 이름, 또는 문서:시작-끝 꼴의 인용.")],
    index: IndexOption = DEFAULT_INDEX,
) -> None:
    """원문을 보입니다. 인용이면 그 자리를 【 】로 표시합니다."""
    store = Index.load(index).store
    name, _, positions = place.rpartition(":")
    start_text, dash, end_text = positions.partition("-")
    cited = bool(name) and bool(dash) and start_text.isdigit() and end_text.isdigit() and place not in store
    document_id = name if cited else place
    if document_id not in store:
        near = [doc.id for doc in store.outlines() if document_id.lower() in (doc.id + doc.title).lower()]
        hint = f"비슷한 문서: {', '.join(near[:5])}." if near else "답의 인용에 적힌 문서 이름을 써 주세요."
        raise UnknownSourceError(f"색인에 {document_id!r} 문서가 없습니다.", hint)
    document = store.document(document_id)
    text = document.text
    if cited:
        start, end = int(start_text), int(end_text)
        if not 0 <= start < end <= len(text):
            raise UnknownSourceError(
                f"{document_id}은(는) {len(text):,}자인데 {start}-{end}를 가리킵니다.",
                "인용을 확인해 주세요.",
            )
        text = f"{text[:start]}【{text[start:end]}】{text[end:]}"
    facts = [document.publisher, document.published, document.source]
    typer.echo(f"{document.title}\n{' · '.join(fact for fact in facts if fact)}\n\n{text}")


@app.command()
def doctor(
    index: IndexOption = DEFAULT_INDEX,
    embedder: EmbedderOption = None,
    reader: ReaderOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    deep: Annotated[bool, typer.Option("--deep", help="색인의 모든 바이트를 검사합니다.")] = False,
) -> None:
    """설치된 것, 쓸 모델과 색인, 그 무결성을 알립니다."""
    from rag.doctor import examine

    findings = examine(_settings(config, set_, embedder=embedder, reader=reader), index, deep=deep)
    for finding in findings:
        mark = {True: "✓", False: "✗", None: "·"}[finding.holds]
        typer.echo(f"{mark} {finding.name}: {finding.text}")
    broken = [finding for finding in findings if finding.holds is False]
    if broken:
        raise GeungeoError(f"{len(broken)}가지가 맞지 않습니다.", "✗ 표시된 줄을 보세요.")


@app.command()
def chat(
    index: IndexOption = DEFAULT_INDEX,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="포트.")] = None,
    host: Annotated[str, typer.Option("--host", help="주소. 이 컴퓨터만이면 127.0.0.1.")] = "127.0.0.1",
    password: Annotated[
        bool, typer.Option("--password", help="암호를 새로 정합니다(물어봅니다). 해시만 저장합니다.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="대화를 두는 폴더. 없으면 색인 옆의 이름.chat.")
    ] = None,
    embedder: EmbedderOption = None,
    reader: ReaderOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    debug: DebugOption = False,
) -> None:
    """브라우저에서 대화로 묻습니다."""
    if debug:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    settings = _settings(config, set_, embedder=embedder, reader=reader)
    limits = load_chat_settings(config)
    from rag.chat import password as secret
    from rag.chat.door import PASSWORD, Door, data_folder

    door = Door(index, data or data_folder(index), host, port or limits.port)
    if password:
        secret.keep(door.data / PASSWORD, _new_password())
    door.check()
    from rag.chat.server import serve

    progress_console.print(f"근거를 엽니다: {door.url} (끝내려면 Ctrl+C)", markup=False, highlight=False)
    serve(settings, limits, door)


def _new_password() -> str:
    """Typed twice at a terminal, or one line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("새 암호", hide_input=True, confirmation_prompt="한 번 더", err=True))
    return sys.stdin.readline().rstrip("\n")


@app.command()
def serve(
    index: IndexOption = DEFAULT_INDEX,
    host: Annotated[
        str, typer.Option("--host", help="묶을 주소. 밖에 열면 누구나 물을 수 있습니다.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="포트.")] = 8321,
    embedder: EmbedderOption = None,
    reader: ReaderOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """프로그램을 위한 HTTP 서버를 엽니다: /v1(OpenAI 호환), /api, /mcp."""
    from rag.serve import run

    assistant = _opened(_settings(config, set_, embedder=embedder, reader=reader), index)
    progress_console.print(f"http://{host}:{port}/v1 에서 기다립니다. 끝내려면 Ctrl-C.", highlight=False)
    run(assistant, host, port)


@app.command("mcp")
def mcp_command(
    index: IndexOption = DEFAULT_INDEX,
    embedder: EmbedderOption = None,
    reader: ReaderOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """표준 입출력으로 말하는 MCP 서버를 엽니다. 도구는 ask, search, show입니다."""
    from rag.serve import build_tools

    assistant = _opened(_settings(config, set_, embedder=embedder, reader=reader), index)
    build_tools(assistant).run("stdio")


@app.command(
    "eval",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def eval_command(context: typer.Context) -> None:
    """질문 집합을 돌리고 채점합니다(python -m eval 과 같습니다)."""
    # Another door with its own command line: it is handed the rest by name, never imported here.
    sys.argv = ["rag eval", *context.args]
    runpy.run_module("eval", run_name="__main__")


def main() -> None:
    """Entry point: turns errors into Korean messages and exit codes."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    debug = "--debug" in sys.argv
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except GeungeoError as error:
        if debug:
            raise
        _fail(error.message, error.remedy, error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _fail("중단했습니다.", "만들던 색인이 있었다면 이전 것이 그대로 있습니다.", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.TyperException as error:
        _fail(error.format_message(), "rag --help 로 쓰는 법을 볼 수 있습니다.", 2)
    except Exception as error:
        if debug:
            raise
        _fail(
            f"예상하지 못한 오류입니다: {type(error).__name__}: {error}.",
            "--debug 를 붙여 다시 해 보세요.",
            1,
        )


def _fail(message: str, remedy: str, code: int) -> NoReturn:
    typer.echo(f"오류: {message}", err=True)
    if remedy:
        typer.echo(f"  → {remedy}", err=True)
    sys.exit(code)
