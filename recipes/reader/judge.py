"""How sure to be: judges of the quoted sentence and of its span, on articles that nothing else learnt from.

What the steps say of questions that they were trained on is too good, and what one fold's network says is not
what the mean of all says. So the judges have articles of their own, read as in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from rag.extract.reading import JUDGE_CATEGORIES, distinct, judge_row
from recipes.reader.data import squeezed
from recipes.reader.train import Case, Settings, Steps, fit


@dataclass(slots=True)
class Models:
    """Everything that ships."""

    steps: Steps
    holds: lgb.Booster  # whether the quoted sentence holds an answer
    exact: lgb.Booster  # whether the bare span holds it, given that the sentence does


def picks(case: Case) -> list[int]:
    """The finalists that are judged: the best of each of the best sentences; none where nothing was found."""
    if case.final is None:
        return []
    return distinct(case.final, case.final_scores, case.passages, case.joint)


def chosen_text(case: Case, pick: int) -> str:
    """A finalist's words."""
    return case.narrow.texts[case.final.rows[pick]]


def quote_holds(case: Case, pick: int) -> bool:
    """Whether the sentence of a finalist holds an answer, in the right document."""
    example = case.example
    if example.gold is None:
        return False
    place = case.narrow.kept[case.narrow.found[case.final.rows[pick]].sentence]
    page = case.look.pages[place.passage]
    local = page.seen.analysis.sentences[place.sentence]
    passage = page.item.passage
    span = local.shift(passage.span.start)
    if passage.document_id == example.document_id and span.start <= example.gold.start < span.end:
        return True
    quote = page.seen.text[local.start : local.end]
    return passage.document_id == example.document_id and any(
        len(a) > 3 and a in quote for a in example.answers
    )


def contains_gold(text: str, answers: Sequence[str]) -> bool:
    """Whether some answer is in ``text``, as KorQuAD's normalisation has it."""
    found = squeezed(text)
    return any(squeezed(answer) in found for answer in answers)


def judge_all(found: Sequence[Case], models: Models) -> None:
    """Choose among the finalists of cases that all steps have read, as in use."""
    for case in found:
        judged = picks(case)
        if judged:
            rows = np.stack([judge_row(case.final, case.final_scores, pick, case.joint) for pick in judged])
            holds, exact = models.holds.predict(rows), models.exact.predict(rows)
            best = int(np.argmax(holds))
            case.choice, case.sure = judged[best], (float(holds[best]), float(exact[best]))


def train_judges(found: Sequence[Case], settings: Settings) -> tuple[lgb.Booster, lgb.Booster]:
    """Judges of the quote, and of the span where the quote holds; ``found`` are read by all steps."""
    judged = [(case, pick) for case in found for pick in picks(case)]
    rows = [judge_row(case.final, case.final_scores, pick, case.joint)[None] for case, pick in judged]
    held = [quote_holds(case, pick) for case, pick in judged]
    if not any(held):
        raise ValueError("no article of part judge whose answers are found")
    holds = fit(settings, "judge", rows, [np.array([int(one)]) for one in held], JUDGE_CATEGORIES)
    right = [n for n, one in enumerate(held) if one]
    labels = [
        np.array([int(contains_gold(chosen_text(case, pick), case.example.answers))])
        for case, pick in (judged[n] for n in right)
    ]
    exact = fit(settings, "judge", [rows[n] for n in right], labels, JUDGE_CATEGORIES)
    return holds, exact
