"""Sweeps: many settings over one dev set, shared stages run once, never over a test set.

Three stages are cached below the sweep's folder: indexes by what shapes them, runs by everything but
the refusal threshold, and the threshold itself, which is applied to the records of a run made with
threshold 0 (a reader's draft does not depend on it).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Protocol

import rag
from eval.case import Purpose, file_digest, read_card
from eval.compare import pair
from eval.figure import BY_NAME, summary
from eval.record import read_run
from eval.response import Response, from_run
from eval.run import Assistant
from eval.run import run as run_set
from eval.score import CaseScore, score_all
from eval.stats import Comparison, Estimate
from rag.config import Settings, Value, load_settings
from rag.errors import UsageError
from rag.types import Outcome

#: Settings that shape an index; runs with equal values share one.
INDEX_SETTINGS = ("embedder", "chunk_max_chars", "chunk_max_tokens", "max_file_bytes", "embed_batch_size")
THRESHOLD = "abstain_below"
#: Readers whose refusals come from confidence alone, so that the threshold can be applied afterwards.
THRESHOLD_READERS = frozenset({"embedded", "none"})
SHOWN = ("good_end", "right", "char_f1", "passage_recall@1", "passage_recall@5", "refusal_f1")
_SETS = Path(__file__).with_name("sets")

Change = dict[str, Value]


class Workshop(Protocol):
    """Where indexes and assistants come from; a fake in tests."""

    def build(self, settings: Settings, folder: Path) -> None: ...

    def open(self, settings: Settings, folder: Path) -> Assistant: ...


@dataclass(frozen=True, slots=True)
class RagWorkshop:
    """The real one: indexes ``corpora`` with :mod:`rag`."""

    corpora: tuple[Path, ...]

    def build(self, settings: Settings, folder: Path) -> None:
        """Index the corpora into ``folder``; an unreadable file ends the sweep."""
        skipped: list[str] = []
        rag.build_index(settings, self.corpora, folder, skip=lambda item: skipped.append(str(item.path)))
        if skipped:
            raise UsageError(
                f"코퍼스의 {', '.join(skipped[:5])}을(를) 읽지 못했습니다.", "파일을 고쳐 주세요."
            )

    def open(self, settings: Settings, folder: Path) -> Assistant:
        """An assistant on that index."""
        return rag.load_assistant(settings, folder)


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of settings and what it gave.

    Attributes:
        change: Settings that differ from the base; empty for the base itself.
        figures: With intervals.
        against_base: Paired difference of the chosen metric; ``None`` for the base.
    """

    change: Change
    settings: Settings
    figures: dict[str, Estimate]
    against_base: Comparison | None


def refuse_test_set(path: Path) -> None:
    """Refuse test sets: by their card, and copies of our own by content.

    Raises:
        UsageError: It is one.
    """
    card = read_card(path)
    ours = (
        known
        for known in _SETS.glob("*.jsonl")
        if (kept := read_card(known)) is not None and kept.purpose is Purpose.TEST
    )
    copied = any(file_digest(known) == file_digest(path) for known in ours)
    if copied or (card is not None and card.purpose is Purpose.TEST):
        raise UsageError(
            f"{path}은(는) 시험 집합이라 조정에 쓸 수 없습니다.", "개발 집합(eval/sets/dev.jsonl)을 쓰세요."
        )


def read_grid(path: Path) -> list[Change]:
    """Changes to try: all combinations of ``[grid]``, then each ``[[try]]``.

    Raises:
        UsageError: Unreadable, or neither table is there.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        grid: Mapping[str, list[Value]] = table.get("grid", {})
        names = list(grid)
        changes = (
            [dict(zip(names, values, strict=True)) for values in product(*grid.values())] if grid else []
        )
        changes += [dict(item) for item in table.get("try", [])]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}을(를) 읽을 수 없습니다: {error}.", "[grid]나 [[try]]를 적은 TOML을 주세요."
        ) from None
    if not changes or set(table) - {"grid", "try"}:
        raise UsageError(
            f"{path}에는 [grid]나 [[try]]만 있어야 합니다.", "설정 이름을 그 아래에 적어 주세요."
        )
    return changes


def changed(base: Settings, change: Change) -> Settings:
    """The base with a change; names and kinds checked as everywhere.

    Raises:
        SettingError: Unknown name or bad value.
    """
    return load_settings({**asdict(base), **change}, environment={})


def _index_key(settings: Settings) -> str:
    """Names an index: the digest of the base settings with only what shapes it taken from here."""
    kept = {name: getattr(settings, name) for name in INDEX_SETTINGS}
    return changed(load_settings(environment={}), kept).digest


def refuse_below(response: Response, threshold: float) -> Response:
    """The response as it would have been under a refusal threshold."""
    if response.error or response.confidence is None or response.confidence >= threshold:
        return response
    return replace(response, outcome=Outcome.ABSTAINED, quotes=(), text="", answer="")


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep over one set below one folder."""

    set_path: Path
    folder: Path
    workshop: Workshop
    note: Callable[[str], None] = lambda words: None

    def scores(self, settings: Settings) -> tuple[CaseScore, ...]:
        """Scores under these settings, running only what no earlier trial has run."""
        shared = settings.reader in THRESHOLD_READERS
        made_with = changed(settings, {THRESHOLD: 0.0}) if shared else settings
        out = self.folder / f"run-{made_with.digest}"
        if not (out / "run.json").is_file() or not read_run(out).info.finished:
            run_set(self.set_path, out, made_with, self._assistant(made_with))
        run = read_run(out)
        if run.info.set_digest != file_digest(self.set_path):
            raise UsageError(f"{out}은(는) 다른 집합으로 만들었습니다.", "--out 에 새 폴더를 주세요.")
        threshold = settings.abstain_below if shared else 0.0
        responses = {name: refuse_below(one, threshold) for name, one in from_run(run).items()}
        return score_all(run.cases, responses)

    def _assistant(self, settings: Settings) -> Assistant:
        folder = self.folder / f"index-{_index_key(settings)}"
        if not (folder / "CURRENT").is_file():
            self.note(f"색인: {', '.join(f'{n}={getattr(settings, n)}' for n in INDEX_SETTINGS[:3])}")
            self.workshop.build(settings, folder)
        return self.workshop.open(settings, folder)

    def trials(self, base: Settings, changes: Iterable[Change], metric: str) -> list[Trial]:
        """The base, then every change, each compared with the base case by case.

        Raises:
            UsageError: A test set, an unknown metric, or settings that do not exist.
        """
        refuse_test_set(self.set_path)
        if metric not in BY_NAME:
            raise UsageError(f"모르는 지표 {metric!r}입니다.", f"쓸 수 있는 이름: {', '.join(BY_NAME)}.")
        every = [(change, changed(base, change)) for change in changes]  # complain before anything runs
        first = self.scores(base)
        if metric not in summary(first):
            why = next((score.response.error for score in first if score.response.error), "잴 것이 없음")
            raise UsageError(
                f"바탕 설정에서 {metric}을(를) 잴 수 없습니다: {why}.", "먼저 eval run 으로 확인하세요."
            )
        trials = [Trial({}, base, summary(first), None)]
        for n, (change, settings) in enumerate(every, 1):
            self.note(f"{n}/{len(every)} {said(change)}")
            scores = self.scores(settings)
            against = pair(first, scores, [metric]).figures.get(metric)
            trials.append(Trial(change, settings, summary(scores), against))
        return trials


def said(change: Change) -> str:
    """A change for people."""
    return ", ".join(f"{name}={value}" for name, value in change.items()) or "(바탕)"


def ranked(trials: Sequence[Trial], metric: str) -> list[Trial]:
    """Best first by the chosen metric; on ties the earlier one, so the base before its equals."""
    return sorted(
        trials, key=lambda trial: -(trial.figures[metric].value if metric in trial.figures else 0.0)
    )


def to_markdown(trials: Sequence[Trial], metric: str, set_path: Path) -> str:
    """The table of a sweep, best first."""
    names = list(dict.fromkeys((metric, *SHOWN)))
    head = ["설정", *(BY_NAME[name].label for name in names), "바탕과의 차(p)"]
    lines = [f"# 설정 훑기: {set_path.name}, {BY_NAME[metric].label} 순", ""]
    lines += ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for trial in ranked(trials, metric):
        cells = [
            f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f}, n {found.n})" if found else "–"
            for found in map(trial.figures.get, names)
        ]
        against = trial.against_base
        gap = f"{against.difference.value:+.3f} ({against.p:.3f})" if against else "–"
        lines.append(f"| {said(trial.change)} | {' | '.join(cells)} | {gap} |")
    lines += [
        "",
        "여러 설정을 견준 뒤 고른 값이라, 가장 좋은 줄의 값은 조금 부풀어 있습니다. "
        "시험 집합에서 한 번만 다시 재세요.",
    ]
    return "\n".join(lines) + "\n"


def write_sweep(trials: Sequence[Trial], metric: str, sweep: Sweep) -> Path:
    """Write ``sweep.md``, ``sweep.json`` and ``best.toml``; the path of the last."""
    best = ranked(trials, metric)[0]
    table = [
        {"change": trial.change, "settings": asdict(trial.settings)}
        | {"figures": {name: asdict(found) for name, found in trial.figures.items()}}
        | {"p": trial.against_base.p if trial.against_base else None}
        for trial in ranked(trials, metric)
    ]
    (sweep.folder / "sweep.md").write_text(to_markdown(trials, metric, sweep.set_path), "utf-8")
    (sweep.folder / "sweep.json").write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", "utf-8")
    lines = [f"# eval sweep, {sweep.set_path.name}, {metric} {best.figures[metric].value:.4f}"]
    lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in best.change.items()]
    path = sweep.folder / "best.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
