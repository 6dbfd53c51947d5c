"""Metrics of answers, citations, abstention and confidence. Pure; figures in [0, 1] unless said.

Sources: exact match and F1 as in KorQuAD 1.0's evaluation script (Lim et al. 2019); risk-coverage as
in El-Yaniv & Wiener 2010; expected calibration error as in Guo et al. 2017.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.quantity import agree, conflict

#: A short answer this close to a gold answer counts as right ("정약용이" / "정약용": 0.86).
RIGHT_F1 = 0.8

_TO_SPACE = str.maketrans(dict.fromkeys("'\"《》<>〈〉()‘’", " "))
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MARKER = re.compile(r"\s*\[\d+\]")


def normalise_answer(text: str) -> str:
    """As KorQuAD 1.0's script: brackets and quotes to spaces, lower case, no ASCII punctuation."""
    return " ".join(text.translate(_TO_SPACE).lower().translate(_PUNCTUATION).split())


def exact_match(answer: str, gold: str) -> bool:
    """Equal after :func:`normalise_answer`; inner spaces count, as in the official script."""
    return normalise_answer(answer) == normalise_answer(gold)


def char_f1(answer: str, gold: str) -> float:
    """Character F1 of the official script: multisets of non-space characters; 0.0 if either is empty."""
    ours = Counter(normalise_answer(answer).replace(" ", ""))
    theirs = Counter(normalise_answer(gold).replace(" ", ""))
    shared = (ours & theirs).total()
    return 2 * shared / (ours.total() + theirs.total()) if shared else 0.0


def holds(text: str, answer: str) -> bool:
    """Whether ``text`` contains ``answer``, spaces and signs aside; no number inside a longer one."""
    inner = normalise_answer(answer).replace(" ", "")
    outer = normalise_answer(text).replace(" ", "")
    before = r"(?<![0-9])" if inner[:1].isdigit() else ""
    after = r"(?![0-9])" if inner[-1:].isdigit() else ""
    return bool(inner) and re.search(f"{before}{re.escape(inner)}{after}", outer) is not None


def without_markers(text: str) -> str:
    """Answer text without its ``[n]`` markers."""
    return _MARKER.sub("", text).strip()


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer against its gold answers, the best over them for each figure.

    Attributes:
        exact: Official exact match.
        f1: Official character F1.
        quantity: Exact, or equal as numbers, sums and dates.
        right: What the funnel and the risk curve count as right; see :func:`judge`.
    """

    exact: bool
    f1: float
    quantity: bool
    right: bool


def _right(answer: str, gold: str, *, sentence: bool) -> bool:
    if exact_match(answer, gold) or agree(answer, gold):
        return True
    if sentence and holds(answer, gold):
        return True
    return char_f1(answer, gold) >= RIGHT_F1 and not conflict(answer, gold)


def judge(answer: str, golds: Sequence[str], *, sentence: bool) -> Verdict:
    """Compare an answer with its gold answers.

    Args:
        answer: Short answer, or a text without markers.
        golds: At least one.
        sentence: Whether ``answer`` is a sentence rather than a span; then it is also right if it
            contains a gold answer. Exact match and F1 stay what the script says.
    """
    return Verdict(
        exact=any(exact_match(answer, gold) for gold in golds),
        f1=max(char_f1(answer, gold) for gold in golds),
        quantity=any(exact_match(answer, gold) or agree(answer, gold) for gold in golds),
        right=any(_right(answer, gold, sentence=sentence) for gold in golds),
    )


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Answering only what is at least this confident: share answered, and share of those wrong."""

    confidence: float
    coverage: float
    risk: float


def risk_coverage(answered: Iterable[tuple[float, bool]], total: int) -> tuple[CurvePoint, ...]:
    """The risk-coverage curve, most confident first; equal confidences are one point.

    Args:
        answered: Confidence and rightness of each answer given.
        total: Questions asked, refused ones included.
    """
    points: list[CurvePoint] = []
    wrong = 0
    ordered = sorted(answered, key=lambda pair: -pair[0])
    for count, (confidence, right) in enumerate(ordered, 1):
        wrong += not right
        if count == len(ordered) or ordered[count][0] != confidence:
            points.append(CurvePoint(confidence, count / total, wrong / count))
    return tuple(points)


def risk_area(points: Sequence[CurvePoint]) -> float | None:
    """Mean risk over the coverage reached (area divided by its width; lower is better)."""
    if not points:
        return None
    area = last = 0.0
    for point in points:
        area += (point.coverage - last) * point.risk
        last = point.coverage
    return area / last


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose confidence lies in ``[low, high)`` (the last bin includes 1)."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def reliability(answered: Iterable[tuple[float, bool]], bins: int = 10) -> tuple[Bin, ...]:
    """Equal-width bins of confidence that hold at least one answer."""
    groups: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in answered:
        groups.setdefault(min(int(confidence * bins), bins - 1), []).append((confidence, right))
    return tuple(
        Bin(
            low=row / bins,
            high=(row + 1) / bins,
            n=len(group),
            confidence=sum(confidence for confidence, _ in group) / len(group),
            accuracy=sum(right for _, right in group) / len(group),
        )
        for row, group in sorted(groups.items())
    )


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error: mean gap of confidence and accuracy, weighted by bin size."""
    total = sum(item.n for item in bins)
    return sum(item.n * abs(item.confidence - item.accuracy) for item in bins) / total if total else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The ``share`` quantile (0 … 1), interpolated linearly; ``None`` of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
