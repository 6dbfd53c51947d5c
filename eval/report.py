"""A scored set as files: ``report.html``, ``report.md``, ``report.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from eval.analysis import GROUP_METRICS, STAGE_LABELS, TIMING_LABELS, Analysis, Group
from eval.figure import BY_NAME, METRICS
from eval.page import page
from eval.retrieval import Level
from eval.score import CaseScore
from eval.stats import Estimate


def _figures(figures: Mapping[str, Estimate]) -> dict[str, object]:
    return {name: asdict(found) for name, found in figures.items()}


def _case(score: CaseScore) -> dict[str, object]:
    return {
        "id": score.case.id,
        "stage": score.stage.value,
        "question": score.case.question,
        "gold": list(score.case.answers),
        "answer": score.response.answer if score.answered else None,
        "confidence": score.response.confidence,
        "exact_match": score.verdict.exact if score.verdict else None,
        "char_f1": round(score.verdict.f1, 4) if score.verdict else None,
        "good_quotes": list(score.good_quotes),
        "ranks": list(score.ranks.get(Level.PASSAGE, ())),
        "error": score.response.error or None,
    }


def _groups(groups: Iterable[Group]) -> list[dict[str, object]]:
    return [{"label": group.label, "n": group.n, **_figures(group.figures)} for group in groups]


def to_json(analysis: Analysis) -> dict[str, object]:
    """Every figure, the funnel, and one object a case."""
    return {
        "title": analysis.title,
        "run": asdict(analysis.info) if analysis.info else None,
        "cases": len(analysis.scores),
        "clusters": analysis.clusters,
        "figures": _figures(analysis.figures),
        "funnel": {stage.value: n for stage, n in analysis.funnel.items()},
        "by_type": _groups(analysis.by_type),
        "by_length": _groups(analysis.by_length),
        "risk_coverage": [asdict(point) for point in analysis.curve],
        "risk_coverage_area": analysis.curve_area,
        "reliability": [asdict(item) for item in analysis.bins],
        "calibration_error": analysis.calibration,
        "latency_ms": {
            item.stage: {"p50": item.p50, "p95": item.p95, "n": len(item.values)}
            for item in analysis.latencies
        },
        "tokens": analysis.tokens,
        "scores": [_case(score) for score in analysis.scores],
    }


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _table(head: list[str], rows: Iterable[Iterable[str]]) -> list[str]:
    return [_row(head), _row(["---"] + ["---:"] * (len(head) - 1)), *map(_row, rows), ""]


def _group_rows(groups: Iterable[Group]) -> Iterable[list[str]]:
    for group in groups:
        found = [group.figures.get(name) for name in GROUP_METRICS]
        yield [group.label, str(group.n), *(f"{one.value:.3f} ({one.n})" if one else "–" for one in found)]


def to_markdown(analysis: Analysis) -> str:
    """The figures for a README or a pull request; no cases."""
    names = [BY_NAME[name].label for name in GROUP_METRICS]
    figures = (
        [
            metric.label,
            f"{found.value:.3f}",
            f"{found.low:.3f}–{found.high:.3f}",
            str(found.n),
            str(found.clusters),
        ]
        for metric in METRICS
        if (found := analysis.figures.get(metric.name))
    )
    latencies = (
        [
            TIMING_LABELS.get(item.stage, item.stage),
            f"{item.p50:.0f}",
            f"{item.p95:.0f}",
            str(len(item.values)),
        ]
        for item in analysis.latencies
    )
    extra = [
        f"- 위험-범위 곡선 아래 평균 오답률: {analysis.curve_area:.3f}"
        if analysis.curve_area is not None
        else "",
        f"- 보정 오차(ECE): {analysis.calibration:.3f}" if analysis.calibration is not None else "",
        f"- 최대 메모리: {analysis.info.peak_mb:.0f} MB" if analysis.info and analysis.info.peak_mb else "",
    ]
    lines = [
        f"# 평가: {analysis.title}",
        "",
        f"질문 {len(analysis.scores)}개, 문서 {analysis.clusters}개. 구간은 문서로 묶은 95 % 부트스트랩.",
        "",
        *_table(["지표", "값", "95 % 구간", "n", "묶음"], figures),
        *[line for line in extra if line],
        "",
        "## 어디에서 잃었나",
        "",
        *_table(["끝", "질문"], ([STAGE_LABELS[stage], str(n)] for stage, n in analysis.funnel.items() if n)),
        "## 유형",
        "",
        *_table(["유형", "n", *names], _group_rows(analysis.by_type)),
        "## 질문 길이",
        "",
        *_table(["길이", "n", *names], _group_rows(analysis.by_length)),
        "## 응답 시간(밀리초)",
        "",
        *_table(["단계", "p50", "p95", "n"], latencies),
    ]
    return "\n".join(lines)


def write_report(analysis: Analysis, folder: Path) -> tuple[Path, Path, Path]:
    """Write HTML, Markdown and JSON into ``folder`` (made if missing); their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.html": page(analysis),
        "report.md": to_markdown(analysis),
        "report.json": json.dumps(to_json(analysis), ensure_ascii=False, indent=1) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    html, markdown, data = (folder / name for name in texts)
    return html, markdown, data
