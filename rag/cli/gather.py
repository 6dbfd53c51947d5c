"""``rag index`` and ``rag status``: what there is to ask."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

import rag
from rag import report
from rag.cli.option import (
    DEFAULT_INDEX,
    ConfigOption,
    EmbedderOption,
    IndexOption,
    SetOption,
    app,
    progress_console,
    settings_of,
)
from rag.config import load_library_settings
from rag.errors import GeungeoError


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
    settings = settings_of(config, set_, embedder=embedder)
    library = load_library_settings(config)

    def update() -> None:
        with report.IndexBar(progress_console, quiet=quiet) as bar:
            done = rag.update_index(
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

    def tell(error: GeungeoError) -> None:
        progress_console.print(f"{error} 다시 해 봅니다.", markup=False, highlight=False)

    update()
    if watch:
        from rag.library import follow  # the loaders of all formats, which questions do without

        follow(sources or rag.index_status(index).roots, update, index, failed=tell)


@app.command()
def status(
    index: IndexOption = DEFAULT_INDEX,
    json_: Annotated[bool, typer.Option("--json", help="JSON 한 줄로 씁니다.")] = False,
) -> None:
    """색인에 든 문서와 구절, 크기, 모델, 나이를 알립니다."""
    found = rag.index_status(index)
    typer.echo(json.dumps(asdict(found), ensure_ascii=False) if json_ else report.status_text(found, index))
