"""What the ranker knows of a candidate, computed for all candidates at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.evidence import NAMES as SENTENCE_NAMES
from rag.evidence import Matched, Place, Question
from rag.evidence.lexicon import PLACE_END, TIMES, TITLES
from rag.evidence.view import TAGS
from rag.extract.candidate import Candidate
from rag.extract.field import (
    Field,
    clause_edges,
    count,
    distances,
    ends_date,
    is_date_part,
    lay,
    range_max,
    rivals,
    unit_match,
)

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: Sentence features that each of its candidates inherits.
_INHERITED = (
    "exact soft bigrams context own own_missing missing hard_missing passage_rank passage_score "
    "aside predicate has_focus has_unit is_question is_statement position"
).split()
NAMES = [f"sentence_{name}" for name in _INHERITED] + (
    "sentence_score sentence_gap sentence_rank sentence_length shape morphemes chars inside inside_exact "
    "near_left near_right far_any near_hard clause rest left_distance right_distance distances kind "
    "asked_unit unit unit_match ends_in_unit numbers names foreign quoted focus_last focus_first "
    "focus_max focus_before focus_after proxy_last proxy_max focus_inside focus_distance next_tag "
    "next_form previous_tag case subject object predicate_next predicate_near predicate_before has_wh "
    "title_beside is_place place_in_sentence fraction to_end repeated passages idf_last idf_mean "
    "in_question starts_word ends_word genitives brackets first_tag last_tag modifier_before year_like "
    "nouns in_context same_unit_rivals near_lead focus_lead coordinated last_form cut_left cut_right "
    "loose_near loose_clause loose_owned owned owned_left owned_right segment_left segment_right segment_lead"
).split()
CATEGORIES = tuple(
    NAMES.index(name)
    for name in (
        "kind asked_unit unit next_tag next_form last_form previous_tag case first_tag last_tag shape"
    ).split()
)

_FORMS = {
    form: number
    for number, form in enumerate(
        (
            "에 에서 으로 로 와 과 에게 부터 까지 은 는 이 가 을 를 의 도 만 며 보다 이라고 라고 께서 "
            "이라는 라는 에게서 한테 하다 되 하 이 때문 위하 등 및 , ( )"
        ).split(),
        1,
    )
}
_YEAR = re.compile(r"\d{4}년|[‘’'`]\d\d년")


def _lead(values: Floats, groups: Ints) -> Floats:
    """Each value less the best of its group."""
    best = np.full(int(groups.max(initial=0)) + 1, -np.inf, np.float32)
    np.maximum.at(best, groups, values)
    return np.asarray(values - best[groups], np.float32)


def texts_of(pages: Sequence[Matched], kept: Sequence[Place], found: Sequence[Candidate]) -> list[str]:
    """The words of each candidate, verbatim."""
    out = []
    for one in found:
        seen = pages[kept[one.sentence].passage].seen
        morphemes = seen.analysis.morphemes
        out.append(seen.text[morphemes[one.first].start : morphemes[one.last - 1].end])
    return out


def features(
    question: Question,
    pages: Sequence[Matched],
    kept: Sequence[Place],
    table: Floats,
    scores: Floats,
    found: Sequence[Candidate],
) -> Floats:
    """``(c, len(NAMES))`` features of all candidates.

    Args:
        question: As asked.
        pages: The question held against each passage.
        kept: Sentences in which candidates were sought, best first.
        table: ``(s, …)`` sentence features of the kept sentences.
        scores: ``(s,)`` their trained scores.
        found: The candidates, at least one.
    """
    field = lay(question, pages, kept)
    owner = np.array([c.sentence for c in found], np.int64)
    shift = field.shifts[owner]
    first = np.array([c.first for c in found], np.int64) + shift
    last = np.array([c.last for c in found], np.int64) + shift
    columns = _Columns(question, pages, kept, field, owner, first, last)
    return columns.table(table, scores, found, texts_of(pages, kept, found))


class _Columns:
    """The columns of one question's candidates; a class only to name what they share."""

    def __init__(
        self,
        question: Question,
        pages: Sequence[Matched],
        kept: Sequence[Place],
        field: Field,
        owner: Ints,
        first: Ints,
        last: Ints,
    ) -> None:
        self.question, self.pages, self.kept, self.field = question, pages, kept, field
        self.owner, self.first, self.last = owner, first, last
        self.low, self.high = field.offsets[owner], field.offsets[owner + 1]
        self.length = last - first
        self.at_start = first == self.low
        self.at_end = last == self.high

    def table(
        self, sentences: Floats, scores: Floats, found: Sequence[Candidate], texts: Sequence[str]
    ) -> Floats:
        shapes = np.array([c.shape for c in found], np.float32)
        columns: dict[str, NDArray[np.generic]] = {
            f"sentence_{name}": sentences[self.owner, SENTENCE_NAMES.index(name)] for name in _INHERITED
        }
        columns |= {
            "sentence_score": scores[self.owner],
            "sentence_gap": scores[self.owner] - scores.max(),
            "sentence_rank": self.owner,
            "sentence_length": self.high - self.low,
            "shape": shapes,
            "morphemes": self.length,
            "chars": np.array([len(text) for text in texts]),
        }
        columns |= self._matching() | self._units() | self._types() | self._roles() | self._looks(texts)
        groups = self.owner * 32 + np.asarray(columns["unit"], np.int64)
        columns |= self._rivalry(groups)
        columns["near_lead"] = _lead(np.asarray(columns["far_any"], np.float32), groups)
        columns["focus_lead"] = _lead(np.asarray(columns["focus_last"], np.float32), self.owner)
        return np.stack([np.asarray(columns[name], np.float32) for name in NAMES], axis=1)

    def _matching(self) -> dict[str, NDArray[np.generic]]:
        field, weights = self.field, self.question.weights
        contexts = np.stack([self.pages[p.passage].context for p in self.kept], axis=1)[:, self.owner]
        before = range_max(field.match, self.low, self.first)
        after = range_max(field.match, self.last, self.high)
        opens, closes = clause_edges(field)
        in_clause = np.maximum(
            range_max(field.match, opens[self.first], self.first),
            range_max(field.match, self.last, closes[self.last - 1]),
        )
        right = np.where(self.at_end, 0.0, field.right[:, self.last])
        right_far = np.where(self.at_end, 0.0, field.right_far[:, self.last])
        left, left_far = field.left[:, self.first], field.left_far[:, self.first]
        far = np.maximum(left_far, right_far)
        hard = weights * self.question.hard
        distance = distances(field.exact, self.first, self.last, self.low, self.high)
        return {
            "inside": weights @ range_max(field.match, self.first, self.last),
            "inside_exact": count(field.exact, self.first, self.last) / self.length,
            "near_left": weights @ left,
            "near_right": weights @ right,
            "far_any": weights @ far,
            "near_hard": hard @ far,
            "clause": weights @ in_clause,
            "rest": weights @ np.maximum(np.maximum(before, after), contexts),
            "left_distance": distance[0],
            "right_distance": distance[1],
            "distances": np.minimum(*distance),
        }

    def _rivalry(self, groups: Ints) -> dict[str, NDArray[np.generic]]:
        """What sets a candidate apart from those of its kind in the sentence: which words are its own.

        A question word belongs to the candidates of a group that stand nearest to it. A segment is
        the text between a number and its neighbour numbers, or clause edges.
        """
        field, weights = self.field, self.question.weights
        size = int(groups.max(initial=0)) + 1
        right_all = np.where(self.at_end, 0.0, field.right_far[:, self.last])
        loose = np.maximum(
            field.loose_left[:, self.first], np.where(self.at_end, 0.0, field.loose_right[:, self.last])
        )
        opens, closes = clause_edges(field)
        in_clause = np.maximum(
            range_max(field.loose, opens[self.first], self.first),
            range_max(field.loose, self.last, closes[self.last - 1]),
        )
        left_all = field.left_far[:, self.first]

        def owned(table: Floats) -> Floats:
            best = np.zeros((len(weights), size), np.float32)
            for word in range(len(weights)):
                np.maximum.at(best[word], groups, table[word])
            return np.asarray(weights @ np.where(table >= best[:, groups] - 1e-6, table, 0.0), np.float32)

        marks = np.flatnonzero(field.units > 0)
        before = np.searchsorted(marks, self.first, "left") - 1
        after = np.searchsorted(marks, self.last, "left")
        numbers = np.concatenate([marks, [len(field.units)]])
        left_edge = np.where(before >= 0, numbers[np.maximum(before, 0)] + 1, 0)
        right_edge = numbers[np.minimum(after, len(marks))]
        left = weights @ range_max(field.match, np.maximum(left_edge, self.low), self.first)
        right = weights @ range_max(field.match, self.last, np.minimum(right_edge, self.high))
        return {
            "loose_near": weights @ loose,
            "loose_clause": weights @ in_clause,
            "loose_owned": owned(np.asarray(loose, np.float32)),
            "owned": owned(np.maximum(left_all, right_all)),
            "owned_left": owned(left_all),
            "owned_right": owned(right_all),
            "segment_left": left,
            "segment_right": right,
            "segment_lead": _lead(np.asarray(left + 0.5 * right, np.float32), groups),
        }

    def _units(self) -> dict[str, NDArray[np.generic]]:
        field = self.field
        marked = np.flatnonzero(field.units > 0)
        spot = np.searchsorted(marked, self.last, "left") - 1
        row = np.where(spot >= 0, marked[np.maximum(spot, 0)], -1) if len(marked) else np.full(len(spot), -1)
        unit = np.where(row >= self.first, field.units[np.maximum(row, 0)], 0)
        number = np.isin(field.tags, [TAGS["SN"], TAGS["NR"]])
        return {
            "kind": np.full(len(self.first), self.question.kind),
            "asked_unit": np.full(len(self.first), self.question.unit),
            "unit": unit,
            "unit_match": unit_match(self.question, unit),
            "ends_in_unit": field.units[self.last - 1] > 0,
            "time_like": np.isin(unit, [int(u) for u in TIMES]),
            "numbers": count(number, self.first, self.last),
            "same_unit_rivals": rivals(field, self.question.unit, self.low, self.high),
        }

    def _types(self) -> dict[str, NDArray[np.generic]]:
        field, question = self.field, self.question
        focus = np.asarray(field.rows @ question.focus_row, np.float32)
        proxy = np.asarray(field.rows @ question.proxy_row, np.float32)
        marks = np.array([bool(question.focus) and form == question.focus for form in field.forms])
        left, right = distances(marks, self.first, self.last, self.low, self.high)
        return {
            "focus_last": focus[self.last - 1],
            "focus_first": focus[self.first],
            "focus_max": range_max(focus, self.first, self.last),
            "focus_before": np.where(self.at_start, 0, focus[self.first - 1]),
            "focus_after": np.where(self.at_end, 0, focus[self.last]),
            "proxy_last": proxy[self.last - 1],
            "proxy_max": range_max(proxy, self.first, self.last),
            "focus_inside": count(marks, self.first, self.last) > 0,
            "focus_distance": np.minimum(left, right),
        }

    def _roles(self) -> dict[str, NDArray[np.generic]]:
        field, question = self.field, self.question
        said = np.asarray(field.rows @ question.predicate_row, np.float32)
        if question.predicate:
            said[[form == question.predicate for form in field.forms]] = 1.0
        verbs = np.where(field.predicate, np.maximum(said, 0.0), 0.0).astype(np.float32)
        rows = np.flatnonzero(field.predicate)
        following = np.searchsorted(rows, self.last, "left")
        row = rows[np.minimum(following, len(rows) - 1)] if len(rows) else np.full(len(self.last), -1)
        has_next = (following < len(rows)) & (row < self.high)
        forms = np.array([_FORMS.get(form, 0) for form in field.forms])
        size = len(self.first)
        numeric = np.isin(field.tags, [TAGS["SN"], TAGS["NR"]]) | np.isin(
            field.forms, ["오전", "오후", "상반기", "하반기"]
        )
        return {
            "predicate_next": np.where(has_next, verbs[row], 0.0),
            "predicate_near": range_max(verbs, self.last, np.minimum(self.last + 8, self.high)),
            "predicate_before": range_max(verbs, np.maximum(self.first - 8, self.low), self.first),
            "next_tag": np.where(self.at_end, 60, field.tags[self.last]),
            "next_form": np.where(self.at_end, 60, forms[self.last]),
            "previous_tag": np.where(self.at_start, 60, field.tags[self.first - 1]),
            "first_tag": field.tags[self.first],
            "last_tag": field.tags[self.last - 1],
            "last_form": forms[self.last - 1],
            "cut_left": ~self.at_start & is_date_part(field)[self.first - 1] & numeric[self.first],
            "cut_right": ~self.at_end
            & is_date_part(field)[self.last - 1]
            & (numeric | ends_date(field))[self.last],
            "case": np.full(size, question.case),
            "subject": np.full(size, question.has_subject),
            "object": np.full(size, question.has_object),
            "has_wh": np.full(size, question.has_wh),
            "quoted": ~self.at_start & (field.tags[self.first - 1] == TAGS["SSO"]),
            "modifier_before": ~self.at_start
            & np.isin(field.tags[self.first - 1], [TAGS["ETM"], TAGS["JKG"], TAGS["MM"], TAGS["NNG"]]),
            "coordinated": count(np.isin(field.tags, [TAGS["JC"], TAGS["SP"]]), self.first, self.last),
        }

    def _looks(self, texts: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        field, question = self.field, self.question
        titled = np.array([form in TITLES for form in field.forms])
        nouns = np.isin(field.tags, [TAGS["NNG"], TAGS["NNB"]])
        bodies = [page.seen.text for page in self.pages]
        own = [bodies[self.kept[s].passage] for s in self.owner.tolist()]
        contexts = [self.pages[self.kept[s].passage].item.passage.context for s in self.owner.tolist()]
        gap_before = np.where(self.at_start, True, field.ends[self.first - 1] < field.starts[self.first])
        gap_after = np.where(self.at_end, True, field.starts[self.last] > field.ends[self.last - 1])
        total = np.concatenate([[0.0], np.cumsum(field.idf, dtype=np.float64)])
        brackets = np.isin(field.tags, [TAGS["SSO"], TAGS["SSC"]])
        return {
            "names": count(field.tags == TAGS["NNP"], self.first, self.last),
            "foreign": count(field.tags == TAGS["SL"], self.first, self.last),
            "title_beside": (~self.at_end & titled[self.last]) | (~self.at_start & titled[self.first - 1]),
            "is_place": np.array([PLACE_END.search(text) is not None for text in texts]),
            "place_in_sentence": self.first - self.low,
            "fraction": (self.first - self.low) / np.maximum(self.high - self.low, 1),
            "to_end": self.high - self.last,
            "repeated": np.array([body.count(text) for body, text in zip(own, texts, strict=True)]),
            "passages": np.array([sum(text in body for body in bodies) for text in texts]),
            "idf_last": field.idf[self.last - 1],
            "idf_mean": (total[self.last] - total[self.first]) / self.length,
            "in_question": np.array([text.replace(" ", "").lower() in question.flat for text in texts]),
            "starts_word": gap_before,
            "ends_word": gap_after,
            "genitives": count(field.tags == TAGS["JKG"], self.first, self.last),
            "brackets": count(brackets, self.first, self.last),
            "year_like": np.array([_YEAR.search(text) is not None for text in texts]),
            "nouns": count(nouns, self.first, self.last),
            "in_context": np.array([text in context for text, context in zip(texts, contexts, strict=True)]),
        }
