"""What a trained reader is worth on held-out articles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from rag.extract.reading import judge_row
from recipes.reader.data import best_overlap
from recipes.reader.train import Case, Models, chosen_text, contains_gold, quote_holds


def _first_stage(case: Case) -> str:
    return case.narrow.texts[case.final.rows[0]]


def spans(name: str, found: Sequence[Case]) -> str:
    """EM and F1 of the best span over answerable cases, with the ceiling and by kind."""
    rows = []
    kinds: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for case in found:
        if not case.example.answers:
            continue
        if case.final is None:
            rows.append((False, 0.0, False, False, False, False))
            continue
        text = chosen_text(case)
        exact, overlap = best_overlap(text, case.example.answers)
        held = quote_holds(case)
        rows.append(
            (
                exact,
                overlap,
                best_overlap(_first_stage(case), case.example.answers)[0],
                contains_gold(text, case.example.answers),
                held,
                case.labels.max(initial=0) >= 3,
            )
        )
        label = case.example.kind or case.look.question.kind.name.lower()
        kinds[label].append((exact, overlap))
    mean = np.mean(np.array(rows, float), axis=0)
    line = (
        f"{name:22s} n={len(rows):4d} EM {mean[0]:.3f} F1 {mean[1]:.3f} (first stage EM {mean[2]:.3f}) "
        f"contains {mean[3]:.3f} quote {mean[4]:.3f} reach {mean[5]:.3f}"
    )
    by = " ".join(
        f"{kind}:{len(v)}/{np.mean([x[0] for x in v]):.2f}/{np.mean([x[1] for x in v]):.2f}"
        for kind, v in sorted(kinds.items())
    )
    return f"{line}\n{'':23s}{by}"


def judged(found: Sequence[Case], models: Models) -> np.ndarray:
    """``(n, 5)``: P(quote holds), P(span | quote), answerable, quote holds, span contains."""
    rows, facts = [], []
    for case in found:
        if case.final is None:
            continue
        rows.append(judge_row(case.final, case.final_scores, int(np.argmax(case.final_scores))))
        held = quote_holds(case)
        facts.append(
            (
                bool(case.example.answers),
                held,
                held and contains_gold(chosen_text(case), case.example.answers),
            )
        )
    table = np.array(rows, np.float32)
    return np.column_stack([models.holds.predict(table), models.exact.predict(table), np.array(facts, float)])


def refusal(name: str, table: np.ndarray, thresholds: Sequence[float] = (0.25, 0.35, 0.45, 0.55)) -> str:
    """For each threshold: unanswerable refused; answerable answered with a quote that holds; AUC; calibration."""
    sure, answerable, held = table[:, 0], table[:, 2] > 0, table[:, 3] > 0
    lines = []
    for threshold in thresholds:
        told = sure >= threshold
        lines.append(
            f"  at {threshold:.2f}: refused {np.mean(~told[~answerable]) if (~answerable).any() else float('nan'):.3f} of unanswerable, "
            f"answered {np.mean(told[answerable]):.3f} of answerable, right quote overall {np.mean((told & held)[answerable]):.3f}, "
            f"precision {np.mean(held[told]) if told.any() else float('nan'):.3f}"
        )
    positive, negative = sure[held], sure[~answerable]
    auc = np.mean(positive[:, None] > negative[None, :]) if len(positive) and len(negative) else float("nan")
    edges = np.digitize(sure, np.linspace(0, 1, 11)[1:-1])
    error = sum(
        np.mean(edges == b) * abs(np.mean(sure[edges == b]) - np.mean(held[edges == b]))
        for b in range(10)
        if (edges == b).any()
    )
    return (
        f"{name}: n={len(table)} unanswerable={int((~answerable).sum())} AUC {auc:.3f} calibration error {error:.3f}\n"
        + "\n".join(lines)
    )


def answers(name: str, table: np.ndarray, least_span: float) -> str:
    """Share of answers that contain a gold answer when doubtful spans give way to their sentence."""
    answerable = table[:, 2] > 0
    spanned = table[:, 1] >= least_span
    good = np.where(spanned, table[:, 4], table[:, 3])
    return (
        f"{name}: bare span for {np.mean(spanned[answerable]):.2f}, answer contains gold {np.mean(good[answerable]):.3f}, "
        f"bare spans right {np.mean(table[answerable & spanned, 4]):.3f}"
    )
