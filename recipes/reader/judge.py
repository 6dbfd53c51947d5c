"""How sure to be: judges of the quoted sentence and of its span, on articles that nothing else learnt from.

What the steps say of questions that they were trained on is too good, and what one fold's network says is not
what the mean of all says. So the judges have articles of their own, read as in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from rag.extract.reading import JUDGE_CATEGORIES, judge_row
from recipes.reader.data import squeezed
from recipes.reader.train import Case, Settings, Steps, balance, fit


@dataclass(slots=True)
class Models:
    """Everything that ships."""

    steps: Steps
    holds: lgb.Booster  # whether the quoted sentence holds an answer
    exact: lgb.Booster  # whether the bare span holds it, given that the sentence does


def chosen_text(case: Case) -> str:
    """The best span's words."""
    best = int(np.argmax(case.final_scores))
    return case.narrow.texts[case.final.rows[best]]


def quote_holds(case: Case) -> bool:
    """Whether the sentence of the best span holds an answer, in the right document."""
    example = case.example
    if example.gold is None or case.final is None:
        return False
    best = int(np.argmax(case.final_scores))
    place = case.narrow.kept[case.narrow.found[case.final.rows[best]].sentence]
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


def row_of(case: Case) -> np.ndarray:
    """``(len(JUDGE_NAMES),)`` what the judges see of the best span."""
    return judge_row(case.final, case.final_scores, int(np.argmax(case.final_scores)))


def train_judges(found: Sequence[Case], settings: Settings) -> tuple[lgb.Booster, lgb.Booster]:
    """Judges of the quote, and of the span where the quote holds; ``found`` are read by all steps."""
    told = [case for case in found if case.final is not None]
    if not any(quote_holds(case) for case in told):
        raise ValueError("no article of part judge whose answers are found")
    rows = [row_of(case)[None] for case in told]
    held = [quote_holds(case) for case in told]
    weights = [np.array([weight]) for weight in balance(told, 1.0)]
    holds = fit(settings, "judge", rows, [np.array([int(one)]) for one in held], JUDGE_CATEGORIES, weights)
    right = [n for n, one in enumerate(held) if one]
    labels = [np.array([int(contains_gold(chosen_text(told[n]), told[n].example.answers))]) for n in right]
    exact = fit(settings, "judge", [rows[n] for n in right], labels, JUDGE_CATEGORIES)
    return holds, exact
