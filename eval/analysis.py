"""Everything a report says, as data: figures with intervals, funnel, breakdowns, curves, latencies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eval.figure import BY_NAME, CUTOFFS, confidences, funnel, summary
from eval.metric import (
    Bin,
    CurvePoint,
    calibration_error,
    percentile,
    reliability,
    risk_area,
    risk_coverage,
)
from eval.record import Run, RunInfo
from eval.response import from_run
from eval.retrieval import Level
from eval.score import CaseScore, Stage, score_all
from eval.stats import Estimate

STAGE_LABELS = {
    Stage.RIGHT: "맞음",
    Stage.RIGHTLY_REFUSED: "바른 거절",
    Stage.NOT_IN_CORPUS: "코퍼스에 없음",
    Stage.NOT_RETRIEVED: "찾지 못함",
    Stage.WRONGLY_REFUSED: "잘못 거절함",
    Stage.NOT_SELECTED: "고르지 못함",
    Stage.MISREAD: "잘못 읽음",
    Stage.WRONGLY_ANSWERED: "없는 답을 함",
    Stage.UNJUDGED: "정답이 없어 판정 안 함",
    Stage.FAILED: "실패",
    Stage.UNANSWERED: "묻지 않음",
}
TYPE_LABELS = {
    "who": "누가",
    "when": "언제",
    "where": "어디",
    "what": "무엇",
    "why": "왜",
    "how": "어떻게",
    "howmuch": "얼마나",
    "none": "답 없음",
    "multi": "두 구절",
    "table": "표",
    "date": "날짜",
    "sum": "셈",
    "other": "그 밖",
}
TIMING_LABELS = {"retrieve": "찾기", "read": "읽기", "total": "전체"}
#: Figures of the breakdown tables.
GROUP_METRICS = ("good_end", "right", "char_f1", "passage_recall@5", "citation_precision")
#: Upper ends of the question length classes, in characters.
LENGTH_CLASSES = ((15, "15자까지"), (25, "16–25자"), (10**9, "26자부터"))


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that share something."""

    label: str
    n: int
    figures: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of one stage over all answered questions."""

    stage: str
    values: tuple[float, ...]
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """A scored set, ready to be written down in any form."""

    title: str
    info: RunInfo | None
    scores: tuple[CaseScore, ...]
    figures: dict[str, Estimate]
    funnel: dict[Stage, int]
    by_type: tuple[Group, ...]
    by_length: tuple[Group, ...]
    recalls: dict[Level, tuple[tuple[int, Estimate], ...]]
    curve: tuple[CurvePoint, ...]
    curve_area: float | None
    bins: tuple[Bin, ...]
    calibration: float | None
    latencies: tuple[Latency, ...]
    tokens: int | None

    @property
    def clusters(self) -> int:
        """Distinct articles among the cases."""
        return len({score.case.cluster for score in self.scores})


def _groups(scores: Sequence[CaseScore], label: Callable[[CaseScore], str]) -> tuple[Group, ...]:
    parts: dict[str, list[CaseScore]] = {}
    for score in scores:
        parts.setdefault(label(score), []).append(score)
    metrics = [BY_NAME[name] for name in GROUP_METRICS]
    return tuple(Group(name, len(part), summary(part, metrics)) for name, part in parts.items())


def _type(score: CaseScore) -> str:
    return TYPE_LABELS.get(score.case.type, score.case.type)


def _length(score: CaseScore) -> str:
    return next(label for most, label in LENGTH_CLASSES if len(score.case.question) <= most)


def _latencies(scores: Iterable[CaseScore]) -> tuple[Latency, ...]:
    values: dict[str, list[float]] = {}
    for score in scores:
        for stage, spent in score.response.timings.items():
            values.setdefault(stage, []).append(spent)
    return tuple(
        Latency(stage, tuple(spent), percentile(spent, 0.5) or 0.0, percentile(spent, 0.95) or 0.0)
        for stage, spent in values.items()
    )


def _recalls(figures: dict[str, Estimate], depth: int) -> dict[Level, tuple[tuple[int, Estimate], ...]]:
    return {
        level: tuple(
            (k, figures[name]) for k in CUTOFFS if (name := f"{level}_recall@{k}") in figures and k <= depth
        )
        for level in Level
    }


def analyse_scores(title: str, scores: Sequence[CaseScore], info: RunInfo | None = None) -> Analysis:
    """All figures of scored cases.

    Args:
        title: What was measured, for people.
        scores: Every case, unanswered ones too.
        info: Of our own runs.
    """
    figures = summary(scores)
    answered = confidences(scores)
    asked = sum(score.scored and score.stage is not Stage.UNJUDGED for score in scores)
    curve = risk_coverage(answered, asked) if asked else ()
    bins = reliability(answered)
    tokens = [score.response.tokens for score in scores if score.response.tokens is not None]
    return Analysis(
        title=title,
        info=info,
        scores=tuple(scores),
        figures=figures,
        funnel=funnel(scores),
        by_type=tuple(sorted(_groups(scores, _type), key=lambda group: (-group.n, group.label))),
        by_length=_groups(sorted(scores, key=lambda score: len(score.case.question)), _length),
        recalls=_recalls(figures, info.depth if info else max(CUTOFFS)),
        curve=curve,
        curve_area=risk_area(curve),
        bins=bins,
        calibration=calibration_error(bins),
        latencies=_latencies(scores),
        tokens=sum(tokens) if tokens else None,
    )


def analyse_run(run: Run) -> Analysis:
    """Score a run and analyse it."""
    return analyse_scores(run.info.set_name, score_all(run.cases, from_run(run)), run.info)
