"""Scoring: responses against cases. No model, no index; the same folder scores the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eval.case import MULTI, EvalCase
from eval.metric import Verdict, holds, judge
from eval.record import Located
from eval.response import Quote, Response
from eval.retrieval import (
    GoldPlaces,
    Level,
    Ranks,
    ranks,
)
from rag.types import Outcome


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
