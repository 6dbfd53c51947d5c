"""Baselines: the figures of a run that later runs must not fall below.

``eval/baselines/NAME.json`` keeps each figure with its interval, and what made it. A later run fails
where a figure falls below the lower end of its baseline's interval: downwards only, and not for noise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from eval.analysis import Analysis
from eval.figure import BY_NAME
from eval.record import RunInfo
from eval.stats import Estimate
from rag.errors import UsageError

FOLDER = Path(__file__).with_name("baselines")
#: Kept as baselines; enough to notice each stage of the pipeline getting worse.
KEPT = (
    "good_end",
    "right",
    "char_f1",
    "first_citation",
    "refusal_f1",
    "document_recall@1",
    "passage_recall@1",
    "passage_recall@5",
    "passage_mrr",
)


@dataclass(frozen=True, slots=True)
class Baseline:
    """Figures to hold, and what made them.

    Attributes:
        set_digest: Of the set; figures of another set say nothing.
        provenance: As in ``run.json``.
        figures: By metric name.
    """

    set_name: str
    set_digest: str
    provenance: dict[str, object]
    made: str
    figures: dict[str, Estimate]


def baseline_of(analysis: Analysis) -> Baseline:
    """The baseline that a run would set.

    Raises:
        UsageError: Unfinished, or some questions failed: no figure to hold others to.
    """
    info = analysis.info
    unscored = sum(not score.scored for score in analysis.scores)
    if info is None or not info.finished or unscored:
        raise UsageError(
            f"이 실행은 기준이 될 수 없습니다(채점하지 않은 질문 {unscored}개).", "끝까지 돌린 실행을 주세요."
        )
    figures = {name: analysis.figures[name] for name in KEPT if name in analysis.figures}
    return Baseline(info.set_name, info.set_digest, info.provenance, info.finished, figures)


def write(baseline: Baseline, path: Path) -> None:
    """Write a baseline file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(baseline), ensure_ascii=False, indent=1) + "\n", "utf-8")


def read(path: Path) -> Baseline:
    """A baseline file.

    Raises:
        UsageError: Missing or malformed.
    """
    try:
        table = cast(dict[str, object], json.loads(path.read_text("utf-8")))
        figures = cast(Mapping[str, dict[str, float]], table.pop("figures"))
        return Baseline(figures={n: Estimate(**f) for n, f in figures.items()}, **table)  # type: ignore[arg-type]  # our own file
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"기준 {path}을(를) 읽을 수 없습니다: {error}.", "eval baseline 으로 다시 만들어 주세요."
        ) from None


def falls(baseline: Baseline, figures: Mapping[str, Estimate], info: RunInfo) -> list[str]:
    """Korean phrases, one for each figure below its baseline's interval.

    Raises:
        UsageError: The run is of another set.
    """
    if info.set_digest != baseline.set_digest:
        raise UsageError(
            "기준을 만든 뒤 평가 집합이 바뀌었습니다.", "eval baseline 으로 기준을 다시 만들어 주세요."
        )
    phrases: list[str] = []
    for name, held in baseline.figures.items():
        found = figures.get(name)
        if found is None or found.value < held.low - 1e-9:
            now = f"{found.value:.3f}" if found else "없음"
            phrases.append(
                f"{BY_NAME[name].label}: {now} < {held.low:.3f} (기준 {held.value:.3f}, n {held.n})"
            )
    return phrases


def to_markdown(baseline: Baseline) -> str:
    """The table for the README."""
    lines = [
        f"`{baseline.set_name}` ({baseline.set_digest}), 설정 `{baseline.provenance['settings']}`, "
        f"읽기 모델 `{baseline.provenance['reader']}`",
        "",
        "| 지표 | 값 | 95 % 구간 | n | 묶음 |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {BY_NAME[name].label} | {f.value:.3f} | {f.low:.3f}–{f.high:.3f} | {f.n} | {f.clusters} |"
        for name, f in baseline.figures.items()
    ]
    return "\n".join(lines) + "\n"
