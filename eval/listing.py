"""The table of cases: one row a question, and behind it the answer, its proofs and the passages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from eval.analysis import STAGE_LABELS, TIMING_LABELS, TYPE_LABELS, Analysis
from eval.response import Shown
from eval.retrieval import Level, Place
from eval.score import GOOD, CaseScore, Stage

#: Cases on the page at most: beyond this a browser gets slow.
MAX_CASES = 2000


def _pieces(shown: Shown, cited: Sequence[Place], gold: Sequence[Place]) -> str:
    """The passage with citations marked and gold evidence underlined; both may overlap."""
    base = shown.place

    def inside(place: Place) -> tuple[int, int]:
        return max(place.start, base.start) - base.start, min(place.end, base.end) - base.start

    marks = [inside(place) for place in cited if place.overlaps(base)]
    lines = [inside(place) for place in gold if place.overlaps(base)]
    cuts = sorted({0, len(shown.text), *(cut for pair in marks + lines for cut in pair)})
    parts: list[str] = []
    for start, end in pairwise(cuts):
        piece = escape(shown.text[start:end])
        if any(low <= start and end <= high for low, high in lines):
            piece = f'<span class="gold">{piece}</span>'
        if any(low <= start and end <= high for low, high in marks):
            piece = f"<mark>{piece}</mark>"
        parts.append(piece)
    return "".join(parts)


def _passages(score: CaseScore) -> str:
    """Passages with a citation or gold evidence in them, else the best one."""
    cited = [quote.place for quote in score.response.quotes if quote.place]
    gold = [place for places in score.located.places for place in places]
    wanted = [
        (rank, shown)
        for rank, shown in enumerate(score.response.shown, 1)
        if any(place.overlaps(shown.place) for place in cited + gold)
    ] or list(enumerate(score.response.shown[:1], 1))
    blocks = [
        f"<h4>{rank}위 구절 · {escape(shown.title)}</h4>"
        f'<p class="passage">{_pieces(shown, cited, gold)}</p>'
        f'<p class="where">{escape(shown.place.document)}:{shown.place.start}-{shown.place.end}</p>'
        for rank, shown in wanted
    ]
    loose = [quote.text for quote in score.response.quotes if quote.place is None]
    blocks += [f'<h4>인용</h4><p class="passage"><mark>{escape(text)}</mark></p>' for text in loose]
    return "".join(blocks)


def _rank(score: CaseScore) -> str:
    found = score.ranks.get(Level.PASSAGE)
    if not found:
        return "–"
    return "·".join(f"{rank}위" if rank else "못 찾음" for rank in found)


def _facts(score: CaseScore) -> str:
    facts = [f"id {score.case.id}", TYPE_LABELS.get(score.case.type, score.case.type)]
    if score.response.confidence is not None:
        facts.append(f"확신 {score.response.confidence:.2f}")
    if score.verdict is not None:
        facts.append(f"글자 F1 {score.verdict.f1:.2f}")
    facts += [
        f"{TIMING_LABELS.get(stage, stage)} {spent:,.0f} ms"
        for stage, spent in score.response.timings.items()
    ]
    return escape(" · ".join(facts))


def _case(score: CaseScore) -> str:
    tone = "good" if score.stage in GOOD else "" if score.stage is Stage.UNJUDGED else "lost"
    gold = ", ".join(score.case.answers) or ("(판정할 정답 없음)" if score.case.answerable else "(답 없음)")
    said = score.response.answer if score.answered else score.response.error or "(거절)"
    evidence = "".join(
        f'<p class="passage"><span class="gold">{escape(item.quote)}</span></p>'
        f'<p class="where">{escape(item.document)}</p>'
        for item in score.case.evidence
    )
    kind = escape(TYPE_LABELS.get(score.case.type, score.case.type), quote=True)
    return (
        f'<details class="case" data-stage="{score.stage}" data-kind="{kind}"><summary>'
        f'<span class="chip {tone}">{STAGE_LABELS[score.stage]}</span>'
        f"<span>{escape(score.case.question)}</span><span>{escape(gold)}</span><span>{escape(said)}</span>"
        f'<span class="rank">{_rank(score)}</span></summary>'
        f'<div class="inside"><div><h4>답</h4><p>{escape(score.response.text) or "–"}</p>'
        f"<h4>정답의 근거</h4>{evidence or '<p>–</p>'}<p class='facts'>{_facts(score)}</p></div>"
        f"<div>{_passages(score)}</div></div></details>"
    )


def case_table(analysis: Analysis) -> str:
    """All cases, those that ended badly first, with filters by end, kind and words."""
    ordered = sorted(analysis.scores, key=lambda score: score.stage in GOOD)
    cut = len(ordered) - MAX_CASES
    note = (
        f" 많아서 {MAX_CASES:,}개만 보입니다(좋지 않은 것부터). 모두는 report.json에 있습니다."
        if cut > 0
        else ""
    )
    ordered = ordered[:MAX_CASES]
    kinds = sorted({TYPE_LABELS.get(score.case.type, score.case.type) for score in ordered})
    chips = "".join(
        f'<button data-stage="{stage}">{STAGE_LABELS[stage]} {n}</button>'
        for stage, n in analysis.funnel.items()
        if n
    )
    options = "".join(f'<option value="{escape(kind, quote=True)}">{escape(kind)}</option>' for kind in kinds)
    return (
        '<h2 id="cases">질문 하나하나</h2><p>누르면 펼쳐집니다. '
        '<mark>칠한 곳</mark>은 답이 인용한 곳, <span class="gold">밑줄</span>은 정답의 근거입니다.'
        f"{note}</p>"
        f'<div class="filters"><button data-stage="">모두</button>{chips}'
        f'<select id="kind" aria-label="유형"><option value="">모든 유형</option>{options}</select>'
        '<input id="words" type="search" placeholder="질문, 답, 글에서 찾기" aria-label="찾기">'
        '<span id="count"></span></div>'
        '<div class="legend"><span>끝</span><span>질문</span><span>정답</span><span>답</span>'
        f'<span class="rank">근거 순위</span></div>{"".join(map(_case, ordered))}'
    )
