"""``rag chat``, ``serve``, ``mcp`` and ``eval``: doors that stay open or have a command line of their own."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Annotated

import typer

from rag.address import url_of, vacant_port
from rag.cli.option import (
    DEFAULT_INDEX,
    ConfigOption,
    EmbedderOption,
    IndexOption,
    ReaderOption,
    SetOption,
    app,
    opened,
    progress_console,
    settings_of,
)
from rag.config import load_chat_settings


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
) -> None:
    """브라우저에서 대화로 묻습니다."""
    settings = settings_of(config, set_, embedder=embedder, reader=reader)
    limits = load_chat_settings(config)
    from rag.chat import password as secret
    from rag.chat.door import PASSWORD, Door, data_folder

    door = Door(index, data or data_folder(index), host, port or limits.port)
    if password:
        secret.keep(door.data / PASSWORD, _new_password())
    door.check()
    vacant_port(door.host, door.port)
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
    settings = settings_of(config, set_, embedder=embedder, reader=reader)
    port = vacant_port(host, port)
    from rag.serve import run

    assistant = opened(settings, index)
    progress_console.print(
        f"{url_of(host, port)}/v1 에서 기다립니다. 끝내려면 Ctrl-C.", markup=False, highlight=False
    )
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

    assistant = opened(settings_of(config, set_, embedder=embedder, reader=reader), index)
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
