"""How long work is told while it runs, and what came of it: progress bars, and reports in Korean or JSON."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console

from rag.index import Progress
from rag.manifest import Json

_SHOWN = 20

if TYPE_CHECKING:
    from rag.library import Status, Update


class IndexBar:
    """A progress bar on stderr: documents done, passages, thousand characters a second, time left.

    Args:
        console: Where it is drawn.
        quiet: Draw nothing.
    """

    def __init__(self, console: Console, *, quiet: bool) -> None:
        # Only here: `rag ask` draws no bar and should not wait for its parts.
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet,
            transient=True,
        )
        self._task = self._bar.add_task("색인", total=None, told="")
        self._last = self._bar.add_task("마무리", total=100, told="%", visible=False)

    def __enter__(self) -> IndexBar:
        self._bar.start()
        return self

    def planned(self, total: int) -> None:
        """How many documents are expected; a file may turn out to hold several."""
        self._bar.update(self._task, total=total)

    def __call__(self, progress: Progress) -> None:
        task = self._bar.tasks[self._task]
        elapsed = task.elapsed or 0.0
        rate = progress.chars / 1000 / elapsed if elapsed else 0.0
        total = max(task.total or 0, progress.documents)
        told = f"문서 · 구절 {progress.passages}개 · {rate:.0f}천 자/초"
        if progress.finished:
            self._bar.update(self._last, completed=int(100 * progress.finished), visible=True)
        else:
            self._bar.update(self._task, completed=progress.documents, total=total, told=told)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def update_text(done: Update, index: Path) -> str:
    """What an update did, for a person."""
    facts = done.facts
    head = f"색인 {index}: 문서 {facts['documents']}개, 구절 {facts['passages']}개"
    if not done.written:
        return f"{head}. 바뀐 것이 없습니다."
    counts = (
        ("새 파일", done.added),
        ("바뀜", done.replaced),
        ("그대로", done.kept),
        ("뺌", done.pruned),
        ("없어졌지만 남김(--prune으로 뺌)", done.missing),
        ("겹쳐서 한 번만 둠", len(done.duplicates)),
        ("건너뜀", len(done.skipped)),
    )
    return f"{head} ({', '.join(f'{name} {count}' for name, count in counts if count)})"


def update_lines(done: Update) -> list[str]:
    """Each file or record that was skipped or repeats another, with the reason."""
    lines = [f"건너뜀: {item.path}: {item.error}" for item in done.skipped]
    lines += [
        f"겹침: {one.id} = {one.of}" + (f" (닮은 정도 {one.likeness:.2f})" if one.likeness < 1 else "")
        for one in done.duplicates[:_SHOWN]
    ]
    left = len(done.duplicates) - _SHOWN
    return [*lines, f"겹침: 외 {left}개(rag status --json)"] if left > 0 else lines


def update_record(done: Update, index: Path) -> dict[str, Json]:
    """The same, for a program."""
    return {
        "documents": done.facts["documents"],
        "passages": done.facts["passages"],
        "embedder": done.facts["embedder"],
        "index": str(index),
        "written": done.written,
        "added": done.added,
        "replaced": done.replaced,
        "kept": done.kept,
        "pruned": done.pruned,
        "missing": done.missing,
        "skipped": len(done.skipped),
        "skipped_files": [
            {"path": item.path, "message": item.error.message, "remedy": item.error.remedy}
            for item in done.skipped
        ],
        "duplicates": [asdict(one) for one in done.duplicates],
    }


def status_text(status: Status, index: Path) -> str:
    """An index in numbers, for a person."""
    search = "모든 벡터를 봄" if status.is_exact else "짧은 부호로 훑고 가까운 것만 다시 봄"
    each = status.bytes / max(status.passages, 1)
    built = time.strftime("%Y-%m-%d %H:%M", time.localtime(status.built))
    rows = [
        ("색인", f"{index} ({status.digest}, 형식 {status.format_version}판)"),
        ("문서", f"{status.documents:,}개 (파일 {status.files:,}개, {status.chars:,}자)"),
        ("구절", f"{status.passages:,}개 (최대 {status.chunk_max_chars}자)"),
        (
            "크기",
            f"{status.bytes / 1e6:,.1f} MB (구절마다 {each:,.0f}바이트)",
        ),
        ("임베더", f"{status.embedder} ({status.dim}차원, {search})"),
        ("나이", f"{_age(status.age_s)} ({built})"),
        ("원본", ", ".join(status.roots) or "모름"),
        ("꼬리표", ", ".join(f"{tag} {count}" for tag, count in status.tags) or "없음"),
        ("겹침", f"{len(status.duplicates)}개는 같은 글이 있어 한 번만 둠"),
        ("건너뜀", f"{len(status.skipped)}개"),
    ]
    lines = [f"{name}: {text}" for name, text in rows]
    lines += [f"  겹침: {one.id} = {one.of} ({one.likeness:.2f})" for one in status.duplicates[:_SHOWN]]
    lines += [f"  건너뜀: {name}: {reason}" for name, reason in status.skipped[:_SHOWN]]
    return "\n".join(lines)


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "일"), (3600, "시간"), (60, "분")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit} 전"
    return "방금"
