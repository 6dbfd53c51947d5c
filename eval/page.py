"""The report as one HTML page: no network, nothing but inline style, script and SVG; all text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from eval import plot
from eval.analysis import GROUP_METRICS, STAGE_LABELS, TIMING_LABELS, Analysis, Group
from eval.figure import BY_NAME, CUTOFFS, METRICS
from eval.listing import case_table
from eval.retrieval import Level
from eval.score import Stage
from eval.stats import Estimate

_STYLE = Path(__file__).with_name("page.css")
_SCRIPT = Path(__file__).with_name("page.js")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

TILES = {
    "good_end": "좋은 끝",
    "right": "맞음",
    "passage_recall@5": "구절 재현율@5",
    "first_citation": "첫 인용이 맞음",
    "refusal_f1": "거절 F1",
}
#: How an answerable question is lost on its way, and what is left after each loss.
ANSWERABLE_FLOW = (
    (Stage.NOT_IN_CORPUS, "코퍼스에 근거가 있음"),
    (Stage.NOT_RETRIEVED, "근거 구절을 찾음"),
    (Stage.WRONGLY_REFUSED, "답하기로 함"),
    (Stage.NOT_SELECTED, "맞는 근거를 고름"),
    (Stage.MISREAD, "바르게 읽음"),
)
UNANSWERABLE_FLOW = ((Stage.WRONGLY_ANSWERED, "바르게 거절함"),)
_FIGURE_LABELS = {"mrr": "MRR", "map": "MAP", "ndcg@10": "nDCG@10"} | {
    f"recall@{k}": f"@{k}" for k in CUTOFFS
}
LEVEL_LABELS = {Level.DOCUMENT: "문서", Level.PASSAGE: "구절", Level.SENTENCE: "근거 문장"}


def _range(found: Estimate) -> str:
    return f"{found.low:.1%}–{found.high:.1%}"


def _tile(label: str, value: str, *small: str) -> str:
    notes = "".join(f"<small>{escape(words)}</small>" for words in small)
    return f'<div class="card tile"><span>{escape(label)}</span><b>{escape(value)}</b>{notes}</div>'


def _tiles(analysis: Analysis) -> str:
    tiles = [
        _tile(label, f"{found.value:.1%}", _range(found), f"n {found.n}")
        for name, label in TILES.items()
        if (found := analysis.figures.get(name))
    ]
    total = next((item for item in analysis.latencies if item.stage == "total"), None)
    if total:
        tiles.append(
            _tile(
                "응답 시간 p50", f"{total.p50:,.0f} ms", f"p95 {total.p95:,.0f} ms", f"n {len(total.values)}"
            )
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _warning(analysis: Analysis) -> str:
    failed, missing = analysis.funnel[Stage.FAILED], analysis.funnel[Stage.UNANSWERED]
    if not failed and not missing:
        return ""
    words = (
        f"질문 {failed + missing}개는 채점하지 않았습니다(실패 {failed}, 묻지 않음 {missing}). "
        "0점으로 세지 않습니다."
    )
    return f'<div class="card warning">{escape(words)}</div>'


def _bar(left: int, lost: int, total: int) -> str:
    return (
        f'<div class="bar"><i style="width:{left / total:.2%}"></i>'
        f'<u style="width:{lost / total:.2%}"></u></div><div class="left">{left}</div>'
    )


def _flow(analysis: Analysis, first: str, steps: Sequence[tuple[Stage, str]], end: Stage) -> str:
    lost = [analysis.funnel[stage] for stage, _ in steps]
    total = sum(lost) + analysis.funnel[end]
    if not total:
        return ""
    rows = [f"<div>{first}</div>{_bar(total, 0, total)}<div></div>"]
    left = total
    for (stage, label), gone in zip(steps, lost, strict=True):
        left -= gone
        style = ' class="end"' if stage is steps[-1][0] else ""
        note = (
            f'<button class="lost" data-stage="{stage}">−{gone} {STAGE_LABELS[stage]}</button>'
            if gone
            else ""
        )
        rows.append(f"<div{style}>{label}</div>{_bar(left, gone, total)}<div>{note}</div>")
    return f'<div class="flow">{"".join(rows)}</div>'


def _funnel(analysis: Analysis) -> str:
    flows = _flow(analysis, "답이 있는 질문", ANSWERABLE_FLOW, Stage.RIGHT)
    flows += _flow(analysis, "답이 없는 질문", UNANSWERABLE_FLOW, Stage.RIGHTLY_REFUSED)
    return (
        "<h2>어디에서 잃었나</h2><p>질문이 파이프라인을 지나며 어느 단계에서 떨어졌는지입니다. "
        "오른쪽 숫자를 누르면 그 질문들만 봅니다.</p>"
        f'<div class="card">{flows}</div>'
    )


def _figure(title: str, note: str, drawing: str) -> str:
    return f'<div class="card"><h3>{escape(title)}</h3><p>{escape(note)}</p>{drawing}</div>'


def _recall_plot(analysis: Analysis) -> str:
    kept = [(level, points) for level, points in analysis.recalls.items() if points]
    if not kept:
        return ""
    series = [
        plot.Series(
            LEVEL_LABELS[level],
            tuple((float(n), found.value) for n, (_, found) in enumerate(points)),
            f"s{row}",
            tuple((found.low, found.high) for _, found in points),
        )
        for row, (level, points) in enumerate(kept)
    ]
    labels = [str(k) for k, _ in kept[0][1]]
    drawing = plot.lines(series, labels, "앞에서 k개", "재현율", "k에 따른 재현율")
    n = kept[0][1][0][1].n
    return _figure("찾기: k개 안에 근거가 있나", f"막대는 95 % 구간(문서로 묶음), 질문 {n}개", drawing)


def _risk_plot(analysis: Analysis) -> str:
    if not analysis.curve or analysis.curve_area is None:
        return ""
    points = [(point.coverage, point.risk) for point in analysis.curve]
    drawing = plot.steps(points, points[-1][1], "답한 비율", "답한 것 가운데 오답", "위험-범위 곡선")
    note = f"확신이 높은 것부터 답한다면. 곡선 아래 평균 오답률 {analysis.curve_area:.3f}"
    return _figure("거절: 덜 답하면 덜 틀리나", note, drawing)


def _reliability_plot(analysis: Analysis) -> str:
    if analysis.calibration is None:
        return ""
    points = [(item.confidence, item.accuracy, item.n) for item in analysis.bins]
    note = f"점선 위면 겸손, 아래면 과신. 보정 오차(ECE) {analysis.calibration:.3f}"
    return _figure("확신: 말한 만큼 맞나", note, plot.reliability(points, "확신과 정확도"))


def _latency_plot(analysis: Analysis) -> str:
    total = next((item for item in analysis.latencies if item.stage == "total"), None)
    if total is None:
        return ""
    marks = [(total.p50, f"p50 {total.p50:,.0f} ms"), (total.p95, f"p95 {total.p95:,.0f} ms")]
    drawing = plot.histogram(total.values, marks, "밀리초(로그 눈금)", "응답 시간 분포")
    parts = [
        f"{TIMING_LABELS.get(item.stage, item.stage)} {item.p50:,.0f} / {item.p95:,.0f}"
        for item in analysis.latencies
    ]
    return _figure("속도: 얼마나 걸리나", f"p50 / p95 ms — {' · '.join(parts)}", drawing)


def _cell(found: Estimate | None) -> str:
    return (
        f"<td>{found.value:.3f} <small>±{(found.high - found.low) / 2:.3f}</small></td>"
        if found
        else '<td class="none">–</td>'
    )


def _group_table(title: str, groups: Iterable[Group]) -> str:
    names = "".join(f"<th>{escape(BY_NAME[name].label.split('(')[0])}</th>" for name in GROUP_METRICS)
    rows = "".join(
        f"<tr><td>{escape(group.label)}</td><td>{group.n}</td>"
        f"{''.join(_cell(group.figures.get(name)) for name in GROUP_METRICS)}</tr>"
        for group in groups
    )
    return (
        f'<div class="card"><h3>{escape(title)}</h3><div class="scroll"><table>'
        f"<tr><th></th><th>n</th>{names}</tr>{rows}</table></div></div>"
    )


def _metric_table(analysis: Analysis) -> str:
    rows = "".join(
        f"<tr><td>{escape(metric.label)}</td><td>{found.value:.3f}</td><td>{found.low:.3f}–{found.high:.3f}</td>"
        f"<td>{found.n}</td><td>{found.clusters}</td></tr>"
        for metric in METRICS
        if (found := analysis.figures.get(metric.name)) and not metric.name.startswith(tuple(Level))
    )
    return (
        '<div class="card"><div class="scroll"><table><tr><th>지표</th><th>값</th><th>95 % 구간</th>'
        f"<th>n</th><th>묶음</th></tr>{rows}</table></div></div>"
    )


def _retrieval_table(analysis: Analysis) -> str:
    """Levels by figures; the names of the figures are what follows the level's name."""
    first = f"{Level.DOCUMENT}_"
    names = [metric.name.removeprefix(first) for metric in METRICS if metric.name.startswith(first)]
    head = "".join(f"<th>{escape(_FIGURE_LABELS.get(name, name))}</th>" for name in names)
    rows = "".join(
        f"<tr><td>{LEVEL_LABELS[level]}</td>"
        f"{''.join(_cell(analysis.figures.get(f'{level}_{name}')) for name in names)}</tr>"
        for level in Level
        if analysis.recalls[level]
    )
    table = f"<table><tr><th>찾기</th>{head}</tr>{rows}</table>"
    return f'<div class="card"><div class="scroll">{table}</div></div>' if rows else ""


def _footer(analysis: Analysis) -> str:
    info = analysis.info
    if info is None:
        return "<footer>다른 시스템의 답을 채점한 것입니다.</footer>"
    facts = {
        "집합": f"{info.set_name} ({info.set_digest}, {info.purpose})",
        "시작 · 끝": f"{info.started} · {info.finished or '끝나지 않음'}",
        "최대 메모리": f"{info.peak_mb:,.0f} MB" if info.peak_mb else "–",
        "만든 토큰": "–" if analysis.tokens is None else f"{analysis.tokens:,}",
        **{name: str(value) for name, value in info.provenance.items() if name != "versions"},
        "설정": ", ".join(f"{name}={value}" for name, value in info.settings.items()),
        "판": ", ".join(f"{name} {value}" for name, value in info.versions.items() if value),
    }
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(value)}</code></dd>" for name, value in facts.items()
    )
    return f"<footer><h2>무엇으로 만들었나</h2><dl>{rows}</dl></footer>"


def _section(title: str, note: str, inside: str) -> str:
    return f"<h2>{escape(title)}</h2><p>{escape(note)}</p>{inside}" if inside else ""


def page(analysis: Analysis) -> str:
    """The whole page."""
    head = (
        f"질문 {len(analysis.scores)}개, 문서 {analysis.clusters}개. "
        "구간은 문서로 묶은 95 % 부트스트랩입니다."
    )
    plots = "".join(draw(analysis) for draw in (_recall_plot, _risk_plot, _reliability_plot, _latency_plot))
    tables = _group_table("유형", analysis.by_type) + _group_table("질문 길이", analysis.by_length)
    counted = "n은 셈에 든 질문, 묶음은 서로 다른 문서의 수입니다."
    body = [
        f"<header><h1>평가 · {escape(analysis.title)}</h1><p>{escape(head)}</p></header>",
        _warning(analysis),
        _tiles(analysis),
        _funnel(analysis),
        _section("곡선", "", f'<div class="plots">{plots}</div>' if plots else ""),
        _section("나누어 보기", "± 는 95 % 구간의 반 너비입니다.", f'<div class="tables">{tables}</div>'),
        case_table(analysis),
        _section(
            "모든 지표",
            counted,
            f'<div class="tables">{_metric_table(analysis)}{_retrieval_table(analysis)}</div>',
        ),
        _footer(analysis),
    ]
    return (
        '<!doctype html><html lang="ko"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(analysis.title)} · 근거 평가</title>"
        f"<style>{_STYLE.read_text('utf-8')}</style></head>"
        f"<body><main>{''.join(body)}</main><script>{_SCRIPT.read_text('utf-8')}</script></body></html>\n"
    )
