"""What commands share: the application, options by their one name, settings and an open assistant."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rag.assemble import load_assistant, stale_sources
from rag.assistant import Assistant
from rag.config import Settings, Value, load_settings
from rag.errors import UsageError

app = typer.Typer(name="rag", add_completion=False, pretty_exceptions_enable=False)
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
DEFAULT_INDEX = Path("index/corpus")
#: Commands that answer people who are not at the keyboard: their questions stay out of the log.
_FOR_OTHERS = frozenset({"chat", "serve", "mcp"})


@app.callback()
def everywhere(
    context: typer.Context,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="오류의 자세한 경로와 기록을 보입니다. 어느 명령 뒤에나 붙일 수 있습니다."
        ),
    ] = False,
) -> None:
    """근거: 문서에 있는 것만, 인용과 함께 답하는 오프라인 한국어 질의응답."""
    if debug:
        level = logging.INFO if context.invoked_subcommand in _FOR_OTHERS else logging.DEBUG
        logging.basicConfig(level=level, stream=sys.stderr)


def settings_of(
    config: Path | None = None, pairs: Iterable[str] | None = None, **flags: Value | None
) -> Settings:
    """Settings as the options of a command say; see :func:`rag.config.load_settings`."""
    values: dict[str, Value | None] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair!r}에 등호가 없습니다.", "--set 이름=값 꼴로 적어 주세요.")
        values[name.strip()] = value.strip()
    return load_settings(values | {name: value for name, value in flags.items() if value is not None}, config)


def opened(settings: Settings, folder: Path) -> Assistant:
    """The assistant, with a warning where its index is older than what it was made from."""
    assistant = load_assistant(settings, folder)
    changed = stale_sources(assistant.index)
    if changed:
        progress_console.print(
            f"주의: 색인을 만든 뒤 원본 {len(changed)}개가 바뀌었습니다. rag index 로 고치세요.",
            markup=False,
            highlight=False,
        )
    return assistant
