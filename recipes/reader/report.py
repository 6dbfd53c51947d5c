"""What a trained reader is worth on held-out articles, as Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from rag.evidence import plain_score
from rag.extract.reading import ALL_NAMES
from recipes.reader.data import best_overlap
from recipes.reader.judge import chosen_text, contains_gold, quote_holds
from recipes.reader.train import Case

REFUSED_BELOW = (0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
BARE_FROM = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def _sentence(case: Case) -> str:
    """What is said without a model: the sentence that shares most with the question."""
    place = case.look.places[int(plain_score(case.look.table).argmax())]
    seen = case.look.pages[place.passage].seen
    span = seen.analysis.sentences[place.sentence]
    return seen.text[span.start : span.end]


def _network(case: Case) -> str:
    """What the networks alone would say."""
    return case.narrow.texts[int(case.narrow.spans[:, ALL_NAMES.index("net")].argmax())]


def _row(case: Case) -> tuple[float, ...]:
    answers = case.example.answers
    best = best_overlap(_sentence(case), answers)[1], contains_gold(_sentence(case), answers)
    if case.choice is None:
        return (0.0, 0.0, 0.0, 0.0, *best, 0.0, 0.0)
    said, alone = best_overlap(chosen_text(case, case.choice), answers), best_overlap(_network(case), answers)
    return (*said, *alone, *best, quote_holds(case, case.choice), case.labels.max(initial=0) >= 3)


def _cells(values: np.ndarray) -> str:
    return " | ".join(f"{value:.3f}" for value in values)


def spans(sets: Sequence[tuple[str, Sequence[Case]]]) -> str:
    """Answerable questions of each set: the reader, its networks alone, the best sentence without a model."""
    lines = [
        "| held-out set | n | exact match | F1 | networks alone: EM | F1 | no model: F1 of a sentence "
        "| it holds the answer | quoted sentence right | answer among the candidates |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, found in sets:
        rows = np.array([_row(case) for case in found if case.example.answers], float)
        if len(rows):
            lines.append(
                f"| {name} | {len(rows)} | " + " | ".join(f"{v:.3f}" for v in rows.mean(axis=0)) + " |"
            )
    return "\n".join(lines) + "\n"


def kinds(sets: Sequence[tuple[str, Sequence[Case]]]) -> str:
    """Exact match and F1 by kind of question."""
    lines = ["| set | kind | n | exact match | F1 |", "|---|---|---:|---:|---:|"]
    for name, found in sets:
        by: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        for case in found:
            if case.example.answers:
                by[case.example.kind or case.look.question.kind.name.lower()].append(_row(case)[:2])
        lines += [
            f"| {name} | {kind} | {len(rows)} | "
            + " | ".join(f"{v:.3f}" for v in np.mean(rows, axis=0))
            + " |"
            for kind, rows in sorted(by.items())
        ]
    return "\n".join(lines) + "\n"


def judged(found: Sequence[Case]) -> np.ndarray:
    """``(n, 5)``: P(quote holds), P(span | quote), answerable, quote holds, span contains."""
    facts = []
    for case in found:
        if case.choice is not None:
            answers = case.example.answers
            held = quote_holds(case, case.choice)
            contains = held and contains_gold(chosen_text(case, case.choice), answers)
            facts.append((*case.sure, bool(answers), held, contains))
    return np.array(facts, float)


def surer(some: np.ndarray, others: np.ndarray) -> float:
    """Area under the ROC curve: how often one of ``some`` is above one of ``others``, ties half."""
    if not len(some) or not len(others):
        return 0.5
    return float((some[:, None] > others).mean() + 0.5 * (some[:, None] == others).mean())


def refusal(name: str, table: np.ndarray) -> str:
    """Refusing below thresholds, risk against coverage, calibration, and when to give a bare span."""
    sure, span_sure, answerable, held, contains = table.T
    asked, none = answerable > 0, answerable == 0
    order = np.argsort(-sure, kind="stable")
    risk = np.cumsum(1 - held[order]) / np.arange(1, len(order) + 1)
    bins = np.minimum((sure * 10).astype(int), 9)
    error = sum((bins == b).mean() * abs(sure[bins == b].mean() - held[bins == b].mean()) for b in set(bins))
    shares = [number / 10 for number in range(1, 11)]
    curve = [risk[max(0, round(share * len(risk)) - 1)] for share in shares]
    lines = [
        f"**{name}**: {len(table)} questions, {int(none.sum())} without an answer; area under the "
        f"risk-coverage curve {risk.mean():.3f} (risk {risk[len(risk) // 2]:.3f} at half coverage), "
        f"calibration error {error:.3f}; an answerable question is surer than one without an answer "
        f"with probability {surer(sure[asked], sure[none]):.3f}",
        "",
        "| share answered, surest first | " + " | ".join(f"{share:.1f}" for share in shares) + " |",
        "|---|" + "---:|" * len(shares),
        f"| wrong or unsupported quote among these (risk) | {_cells(np.array(curve))} |",
        "",
        "| refuse below | no-answer recall | precision | answerable answered | right quote of all of these |",
        "|---:|---:|---:|---:|---:|",
    ]
    for least in REFUSED_BELOW:
        told = sure >= least
        refused = ~told
        lines.append(
            f"| {least} | {(refused & none).sum() / max(1, none.sum()):.3f} "
            f"| {(refused & none).sum() / max(1, refused.sum()):.3f} | {told[asked].mean():.3f} "
            f"| {(told & (held > 0))[asked].mean():.3f} |"
        )
    lines += ["", "| bare span from | share | answer holds gold | bare span right |", "|---:|---:|---:|---:|"]
    for least in BARE_FROM:
        bare = (span_sure >= least) & asked
        good = np.where(span_sure >= least, contains, held)[asked].mean()
        lines.append(f"| {least} | {bare[asked].mean():.3f} | {good:.3f} | {contains[bare].mean():.3f} |")
    return "\n".join(lines) + "\n"
