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
from rag.errors import GeungeoError, UnknownSourceError
from rag.index import Index


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

    findings = examine(settings_of(config, set_, embedder=embedder, reader=reader), index, deep=deep)
    for finding in findings:
        mark = {True: "✓", False: "✗", None: "·"}[finding.holds]
        typer.echo(f"{mark} {finding.name}: {finding.text}")
    broken = [finding for finding in findings if finding.holds is False]
    if broken:
        raise GeungeoError(f"{len(broken)}가지가 맞지 않습니다.", "✗ 표시된 줄을 보세요.")
