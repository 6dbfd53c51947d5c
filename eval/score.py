"""Scoring: responses against cases. No model, no index; the same folder scores the same every time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eval.case import MULTI, EvalCase
from eval.metric import Verdict, holds, judge, without_markers
from eval.record import Located
from eval.response import Quote, Response
from eval.retrieval import (
    GoldPlaces,
    Level,
    Ranks,
    average_precision,
    ndcg,
    ranks,
    recall,
    reciprocal_rank,
)
from eval.stats import Estimate, Term, estimate
from rag.types import Outcome

#: Cut-offs of recall.
CUTOFFS = (1, 3, 5, 10, 20)
NDCG_CUTOFF = 10


class Stage(StrEnum):
    """Where a question ended; the funnel, in pipeline order. The first that applies."""

    RIGHT = "right"
    RIGHTLY_REFUSED = "rightly_refused"
    NOT_IN_CORPUS = "not_in_corpus"
    NOT_RETRIEVED = "not_retrieved"
    WRONGLY_REFUSED = "wrongly_refused"
    NOT_SELECTED = "not_selected"
    MISREAD = "misread"
    WRONGLY_ANSWERED = "wrongly_answered"
    UNJUDGED = "unjudged"
    FAILED = "failed"
    UNANSWERED = "unanswered"


#: Stages that count as a good end.
GOOD = frozenset({Stage.RIGHT, Stage.RIGHTLY_REFUSED})
#: Stages that are no verdict at all: nothing is scored there.
UNSCORED = frozenset({Stage.FAILED, Stage.UNANSWERED})


@dataclass(frozen=True, slots=True)
class CaseScore:
    """One case, what was said, and what that is worth.

    Attributes:
        verdict: ``None`` for refusals, unanswerable cases and cases without gold answers.
        ranks: Rank of each gold unit by level; empty where retrieval is unknown.
        good_quotes: By quote: does it hold a gold answer or overlap gold evidence.
        proved: Pieces of gold evidence that a quote overlaps.
    """

    located: Located
    response: Response
    stage: Stage
    verdict: Verdict | None
    ranks: Mapping[Level, Ranks]
    good_quotes: tuple[bool, ...]
    proved: int

    @property
    def case(self) -> EvalCase:
        """The case."""
        return self.located.case

    @property
    def scored(self) -> bool:
        """Whether there is anything to score."""
        return self.stage not in UNSCORED

    @property
    def answered(self) -> bool:
        """Whether an answer was given."""
        return self.scored and self.response.outcome is Outcome.ANSWERED

    @property
    def right(self) -> bool:
        """Whether an answer was given and is right."""
        return self.verdict is not None and self.verdict.right


def _overlaps(quote: Quote, places: GoldPlaces, gold: str) -> bool:
    """By position where both are known, else by words: one holds the other."""
    if quote.place is not None and places:
        return any(quote.place.overlaps(place) for place in places)
    ours, theirs = "".join(quote.text.split()), "".join(gold.split())
    return bool(ours) and (ours in theirs or theirs in ours)


def _proofs(located: Located, response: Response) -> tuple[tuple[bool, ...], int]:
    case = located.case
    pairs = [(p, e.quote) for p, e in zip(located.places, case.evidence, strict=True)]
    overlapped = [[_overlaps(q, places, gold) for places, gold in pairs] for q in response.quotes]
    good = tuple(
        any(row) or any(holds(quote.text, answer) for answer in case.answers)
        for row, quote in zip(overlapped, response.quotes, strict=True)
    )
    return good, sum(any(row[n] for row in overlapped) for n in range(len(pairs)))


def _retrieved(located: Located, response: Response) -> bool:
    """Whether what was read held the evidence: all of it for :data:`MULTI`, else any."""
    if response.found is None:
        return True  # unknown: not to be blamed
    gold = [places for places in located.places if places]
    reached = [rank is not None for rank in ranks(response.found[: response.read], gold, Level.PASSAGE)]
    return all(reached) if located.case.type == MULTI else any(reached)


def _stage(located: Located, response: Response, verdict: Verdict | None, good: Sequence[bool]) -> Stage:
    case = located.case
    refused = response.outcome is Outcome.ABSTAINED
    in_corpus = located.in_corpus if case.type == MULTI else any(located.places)
    steps = (
        (not case.answerable and refused, Stage.RIGHTLY_REFUSED),
        (not case.answerable, Stage.WRONGLY_ANSWERED),
        (verdict is not None and verdict.right, Stage.RIGHT),
        (response.found is not None and not in_corpus, Stage.NOT_IN_CORPUS),
        (not _retrieved(located, response), Stage.NOT_RETRIEVED),
        (refused, Stage.WRONGLY_REFUSED),
        (verdict is None, Stage.UNJUDGED),
        (not any(good), Stage.NOT_SELECTED),
    )
    return next((stage for holds_here, stage in steps if holds_here), Stage.MISREAD)


def score_case(located: Located, response: Response | None) -> CaseScore:
    """Judge one response; ``None`` is a question not yet asked."""
    if response is None or response.error:
        stage = Stage.UNANSWERED if response is None else Stage.FAILED
        empty = Response("", "", False, Outcome.ABSTAINED, None, (), None, 0, None, {}, None)
        return CaseScore(located, response or empty, stage, None, {}, (), 0)
    case = located.case
    gold = [places for places in located.places if places]
    measurable = response.found is not None and gold
    answered = response.outcome is Outcome.ANSWERED
    verdict = (
        judge(response.answer, case.answers, sentence=response.is_sentence)
        if answered and case.answers
        else None
    )
    good, proved = _proofs(located, response)
    return CaseScore(
        located=located,
        response=response,
        stage=_stage(located, response, verdict, good),
        verdict=verdict,
        ranks={level: ranks(response.found or (), gold, level) for level in Level} if measurable else {},
        good_quotes=good,
        proved=proved,
    )


def score_all(cases: Iterable[Located], responses: Mapping[str, Response]) -> tuple[CaseScore, ...]:
    """Every case in order, unanswered ones too."""
    return tuple(score_case(located, responses.get(located.case.id)) for located in cases)


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
