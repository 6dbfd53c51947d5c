"""Figures over scored cases: every one a ratio of sums, so that one bootstrap serves all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eval.metric import Verdict, without_markers
from eval.retrieval import Level, Ranks, average_precision, ndcg, recall, reciprocal_rank
from eval.score import GOOD, CaseScore, Stage
from eval.stats import Estimate, Term, estimate

#: Cut-offs of recall.
CUTOFFS = (1, 3, 5, 10, 20)
NDCG_CUTOFF = 10

Share = tuple[float, float]
_SENTENCE_END = re.compile(r"(?<=[.!?。])\s+")
NOTHING: Share = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure as a ratio of sums: what each case adds above and below.

    Attributes:
        name: Stable, as in JSON, baselines and sweeps.
        label: Korean, for people.
        share: ``(above, below)`` of one scored case; a case with nothing below does not count.
        higher_is_better: Which way is up.
    """

    name: str
    label: str
    share: Callable[[CaseScore], Share]
    higher_is_better: bool = True


def _of_gold(figure: Callable[[Verdict], float]) -> Callable[[CaseScore], Share]:
    """Over answerable cases with gold answers; a refusal gives 0."""

    def share(score: CaseScore) -> Share:
        if not score.case.answers:
            return NOTHING
        return (float(figure(score.verdict)) if score.verdict else 0.0, 1.0)

    return share


def _of_ranks(level: Level, figure: Callable[[Ranks], float]) -> Callable[[CaseScore], Share]:
    def share(score: CaseScore) -> Share:
        found = score.ranks.get(level)
        return (figure(found), 1.0) if found else NOTHING

    return share


def _good_end(score: CaseScore) -> Share:
    return NOTHING if score.stage is Stage.UNJUDGED else (float(score.stage in GOOD), 1.0)


def _right_of_answered(score: CaseScore) -> Share:
    judged = score.answered and (score.case.answers or not score.case.answerable)
    return (float(score.right), 1.0) if judged else NOTHING


def _citation_precision(score: CaseScore) -> Share:
    return float(sum(score.good_quotes)), float(len(score.good_quotes))


def _first_citation(score: CaseScore) -> Share:
    return (float(score.good_quotes[0]), 1.0) if score.good_quotes else NOTHING


def _citation_recall(score: CaseScore) -> Share:
    return (float(score.proved), float(len(score.case.evidence))) if score.answered else NOTHING


def _claims(score: CaseScore) -> Share:
    unsupported = score.response.unsupported
    if not score.answered or unsupported is None:
        return NOTHING
    claims = max(unsupported, len(_SENTENCE_END.split(without_markers(score.response.text))))
    return float(claims - unsupported), float(claims)


def _refusal(score: CaseScore) -> tuple[bool, bool]:
    return not score.answered, not score.case.answerable


def _refusal_precision(score: CaseScore) -> Share:
    refused, due = _refusal(score)
    return float(refused and due), float(refused)


def _refusal_recall(score: CaseScore) -> Share:
    refused, due = _refusal(score)
    return float(refused and due), float(due)


def _refusal_f1(score: CaseScore) -> Share:
    refused, due = _refusal(score)
    return 2.0 * (refused and due), float(refused) + float(due)


_LEVELS = {Level.DOCUMENT: "문서", Level.PASSAGE: "구절", Level.SENTENCE: "근거 문장"}


def _retrieval_metrics(level: Level) -> list[Metric]:
    word = _LEVELS[level]
    recalls = [
        Metric(f"{level}_recall@{k}", f"{word} 재현율@{k}", _of_ranks(level, lambda r, k=k: recall(r, k)))  # type: ignore[misc]  # default argument in a lambda
        for k in CUTOFFS
    ]
    return [
        *recalls,
        Metric(f"{level}_mrr", f"{word} MRR", _of_ranks(level, reciprocal_rank)),
        Metric(f"{level}_map", f"{word} MAP", _of_ranks(level, average_precision)),
        Metric(
            f"{level}_ndcg@{NDCG_CUTOFF}",
            f"{word} nDCG@{NDCG_CUTOFF}",
            _of_ranks(level, lambda r: ndcg(r, NDCG_CUTOFF)),
        ),
    ]


METRICS: tuple[Metric, ...] = (
    Metric("good_end", "좋은 끝(맞음 + 바른 거절)", _good_end),
    Metric("right", "맞음(답 있는 질문 가운데)", _of_gold(lambda v: v.right)),
    Metric("right_of_answered", "답한 것 가운데 맞음", _right_of_answered),
    Metric("exact_match", "정확 일치(KorQuAD)", _of_gold(lambda v: v.exact)),
    Metric("char_f1", "글자 F1(KorQuAD)", _of_gold(lambda v: v.f1)),
    Metric("quantity_match", "수·날짜를 아는 일치", _of_gold(lambda v: v.quantity)),
    Metric("citation_precision", "인용 정밀도", _citation_precision),
    Metric("first_citation", "첫 인용이 맞음", _first_citation),
    Metric("citation_recall", "인용 재현율(답한 것)", _citation_recall),
    Metric("claim_support", "근거 있는 주장", _claims),
    Metric("refusal_precision", "거절 정밀도", _refusal_precision),
    Metric("refusal_recall", "거절 재현율", _refusal_recall),
    Metric("refusal_f1", "거절 F1", _refusal_f1),
    *(metric for level in Level for metric in _retrieval_metrics(level)),
)
BY_NAME = {metric.name: metric for metric in METRICS}


def terms(metric: Metric, scores: Iterable[CaseScore]) -> list[Term]:
    """What each scored case adds to a metric."""
    return [Term(*metric.share(score), score.case.cluster) for score in scores if score.scored]


def summary(scores: Sequence[CaseScore], metrics: Iterable[Metric] = METRICS) -> dict[str, Estimate]:
    """Each metric that has anything to count, with its clustered interval."""
    found = {metric.name: estimate(terms(metric, scores)) for metric in metrics}
    return {name: value for name, value in found.items() if value is not None}


def funnel(scores: Iterable[CaseScore]) -> dict[Stage, int]:
    """Cases by stage, every stage listed."""
    counted = Counter(score.stage for score in scores)
    return {stage: counted[stage] for stage in Stage}


def confidences(scores: Iterable[CaseScore]) -> list[tuple[float, bool]]:
    """Confidence and rightness of each judged answer given."""
    return [
        (score.response.confidence, score.right)
        for score in scores
        if score.answered and score.response.confidence is not None and score.stage is not Stage.UNJUDGED
    ]
