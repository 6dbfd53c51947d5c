"""``rag show`` and ``rag doctor``: sources with a cited place marked, and what is installed."""

from __future__ import annotations

from typing import Annotated

import typer

from rag.cli.option import (
    DEFAULT_INDEX,
    ConfigOption,
    EmbedderOption,
    IndexOption,
    ReaderOption,
    SetOption,
    app,
    settings_of,
)
from rag.errors import GeungeoError
from rag.index import Index


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="문서 이름, 또는 문서:시작-끝 꼴의 인용.")],
    index: IndexOption = DEFAULT_INDEX,
) -> None:
    """원문을 보입니다. 인용이면 그 자리를 【 】로 표시합니다."""
    document, cited = Index.load(index).store.place(place)
    text = document.text
    if cited:
        text = f"{text[: cited.start]}【{text[cited.start : cited.end]}】{text[cited.end :]}"
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

    findings = examine(settings_of(config, set_, embedder=embedder, reader=reader), index, deep=deep)
    for finding in findings:
        mark = {True: "✓", False: "✗", None: "·"}[finding.holds]
        typer.echo(f"{mark} {finding.name}: {finding.text}")
    broken = [finding for finding in findings if finding.holds is False]
    if broken:
        raise GeungeoError(f"{len(broken)}가지가 맞지 않습니다.", "✗ 표시된 줄을 보세요.")
