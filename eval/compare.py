"""Two runs on the same cases: paired differences with intervals and permutation tests, and what flipped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eval.analysis import STAGE_LABELS
from eval.figure import BY_NAME, Metric
from eval.score import GOOD, CaseScore
from eval.stats import Comparison, compare
from rag.errors import UsageError

#: Compared unless others are asked for. All are means over cases, so that pairing is meaningful.
COMPARED = (
    "good_end",
    "right",
    "exact_match",
    "char_f1",
    "quantity_match",
    "document_recall@5",
    "passage_recall@1",
    "passage_recall@5",
    "passage_mrr",
)


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that ends well in one run and not in the other."""

    left: CaseScore
    right: CaseScore

    @property
    def gained(self) -> bool:
        """Whether B is the better one."""
        return self.right.stage in GOOD


@dataclass(frozen=True, slots=True)
class Pairing:
    """All that two runs say about each other.

    Attributes:
        shared: Cases scored in both.
        left_out: Cases scored in one only: failures and questions not asked; never scored as zero.
        figures: By metric name; ``None``-free.
        flips: In the order of A.
    """

    shared: int
    left_out: int
    figures: dict[str, Comparison]
    flips: tuple[Flip, ...]


def _figure(metric: Metric, pairs: Sequence[tuple[CaseScore, CaseScore]]) -> Comparison | None:
    shares = [(metric.share(a), metric.share(b), a.case.cluster) for a, b in pairs]
    both = [(a[0] / a[1], b[0] / b[1], cluster) for a, b, cluster in shares if a[1] and b[1]]
    return compare([a for a, _, _ in both], [b for _, b, _ in both], [cluster for _, _, cluster in both])


def pair(left: Iterable[CaseScore], right: Iterable[CaseScore], names: Sequence[str] = COMPARED) -> Pairing:
    """Compare two scored runs case by case.

    Args:
        left: A.
        right: B; must hold the same cases.
        names: Metrics to compare.

    Raises:
        UsageError: The runs are not of the same questions.
    """
    ours = {score.case.id: score for score in left}
    theirs = {score.case.id: score for score in right}
    if {n: s.case for n, s in ours.items()} != {n: s.case for n, s in theirs.items()}:
        raise UsageError("두 실행의 질문이 같지 않습니다.", "같은 집합으로 만든 두 실행을 비교해 주세요.")
    pairs = [(a, theirs[name]) for name, a in ours.items() if a.scored and theirs[name].scored]
    figures = {name: _figure(BY_NAME[name], pairs) for name in names}
    return Pairing(
        shared=len(pairs),
        left_out=len(ours) - len(pairs),
        figures={name: found for name, found in figures.items() if found is not None},
        flips=tuple(Flip(a, b) for a, b in pairs if (a.stage in GOOD) != (b.stage in GOOD)),
    )


def _said(score: CaseScore) -> str:
    return f"{score.response.answer if score.answered else '(거절)'} — {STAGE_LABELS[score.stage]}"


def to_markdown(pairing: Pairing, left: str, right: str) -> str:
    """The comparison for people: figures, then every question that flipped with both answers."""
    lines = [
        f"# A {left} → B {right}",
        "",
        f"두 실행에서 모두 채점한 질문 {pairing.shared}개(뺀 것 {pairing.left_out}개). "
        "p는 묶음(문서)째로 부호를 바꾼 순열 검정입니다.",
        "",
        "| 지표 | A | B | B−A | 95 % 구간 | p | n | 묶음 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in pairing.figures.items():
        gap = found.difference
        lines.append(
            f"| {BY_NAME[name].label} | {found.left:.3f} | {found.right:.3f} | {gap.value:+.3f} "
            f"| {gap.low:+.3f}–{gap.high:+.3f} | {found.p:.3f} | {gap.n} | {gap.clusters} |"
        )
    gained = [flip for flip in pairing.flips if flip.gained]
    lost = [flip for flip in pairing.flips if not flip.gained]
    for title, flips in (("B에서 좋아진 질문", gained), ("B에서 나빠진 질문", lost)):
        lines += ["", f"## {title} {len(flips)}개", ""]
        for flip in flips:
            gold = ", ".join(flip.left.case.answers) or "(답 없음)"
            lines += [
                f"- **{flip.left.case.question}** (`{flip.left.case.id}`, 정답 {gold})",
                f"  - A: {_said(flip.left)}",
                f"  - B: {_said(flip.right)}",
            ]
    return "\n".join(lines) + "\n"
