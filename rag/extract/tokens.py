"""What the network sees: the kept sentences as one sequence of morphemes, and the question beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.evidence import NAMES as SENTENCE_NAMES
from rag.evidence import Kind, Matched, Place, Question, Unit, view
from rag.evidence.lexicon import TITLES
from rag.evidence.view import TAGS, is_content
from rag.extract.candidate import Candidate
from rag.extract.field import Field, clause_edges, lay, range_max, unit_match
from rag.extract.meaning import NAMES as MEANING_NAMES
from rag.extract.meaning import Meaning

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: Longest sequence in morphemes; the worst sentences are left out beyond it.
LONGEST = 384
LONGEST_QUESTION = 40
#: Sentence features that each of its morphemes inherits, and what brings them to about [0, 1].
_OF_SENTENCE = {
    "exact": 1.0,
    "soft": 1.0,
    "bigrams": 1.0,
    "context": 1.0,
    "own": 1.0,
    "own_missing": 1.0,
    "missing": 1.0,
    "hard_missing": 1.0,
    "passage_score": 1.0,
    "passage_rank": 0.2,
    "aside": 1.0,
    "predicate": 1.0,
    "has_unit": 1.0,
    "is_question": 1.0,
}
#: What the sentence encoder says of a sentence, likewise; gaps to the best one are smaller than that.
_OF_MEANING = {
    "cosine_titled": 1.0,
    "late": 1.0,
    "late_titled": 1.0,
    "late_around": 1.0,
    "lack": 4.0,
    "second_lack": 4.0,
    "cosine_titled_gap": 2.0,
    "late_titled_gap": 4.0,
    "late_around_gap": 4.0,
}
#: Numbers known of each morpheme of the text, and of the question.
TEXT_WIDTH = 33 + len(_OF_SENTENCE) + len(_OF_MEANING)
QUESTION_WIDTH = 7
#: Morphemes of as many letters or more look alike.
_LONG = 8
TAG_COUNT = max(TAGS.values()) + 1
UNIT_COUNT = len(Unit)
KIND_COUNT = len(Kind)


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """``n`` morphemes of text, ``m`` of the question, and ``c`` candidates among the text's.

    Attributes:
        ids: ``(n,)`` rows of the vector table, -1 for unknown words.
        tags: ``(n,)`` numbers of :data:`rag.evidence.view.TAGS`.
        units: ``(n,)`` :class:`Unit` of the number that ends here.
        numbers: ``(n, TEXT_WIDTH)`` matches, places, sentence features; about [-1, 1].
        letters: ``(n, 2)`` classes of the first and last letter of each morpheme.
        sentences: ``(n,)`` number of the sentence of each, from 0 and rising.
        question_ids, question_tags, question_letters, question_numbers: The same of the question.
        alike: ``(n, m)`` in [0, 1]: how much each morpheme of the text is, or says, each of the question.
        near: ``(n, m)`` in [0, 1]: cosines of their vectors as the sentence encoder reads both.
        kind: What the question asks for.
        unit: Unit of the number it asks for.
        spans: ``(c, 2)`` first and last morpheme of each candidate, both included; -1 for one that
            fell to :data:`LONGEST`.
    """

    ids: Ints
    tags: Ints
    units: Ints
    letters: Ints
    numbers: Floats
    sentences: Ints
    question_ids: Ints
    question_tags: Ints
    question_letters: Ints
    question_numbers: Floats
    alike: NDArray[np.float16]
    near: NDArray[np.float16]
    kind: int
    unit: int
    spans: Ints


def tokens(
    question: Question,
    pages: Sequence[Matched],
    kept: Sequence[Place],
    table: Floats,
    scores: Floats,
    meant: Meaning,
    found: Sequence[Candidate],
) -> Tokens:
    """Lay out kept sentences (best first) in the order of their passages' text.

    Args:
        question: As asked.
        pages: The question held against each passage.
        kept: Sentences, best first.
        table: ``(s, …)`` their features.
        scores: ``(s,)`` their trained scores.
        meant: What the sentence encoder says of them.
        found: Candidates in them.
    """
    kept = kept[: _fitting(kept)]
    field = lay(question, pages, kept)
    near = _near(question, pages, kept, meant)
    numbers = _numbers(question, pages, kept, field, table[: len(kept)], scores[: len(kept)])
    numbers = np.concatenate([numbers, _meant(field, meant, near)], axis=1)
    ids = np.concatenate([pages[p.passage].seen.ids[p.first : p.last] for p in kept])
    letters = np.concatenate([pages[p.passage].seen.letters[p.first : p.last] for p in kept])
    order, places = _order(kept, field)
    asked = view(question.text)
    size = LONGEST_QUESTION
    return Tokens(
        ids=ids[order],
        tags=field.tags[order],
        units=field.units[order],
        letters=letters[order],
        numbers=numbers[order],
        sentences=np.cumsum(np.diff(field.owner[order], prepend=-1) != 0) - 1,
        question_ids=asked.ids[:size],
        question_tags=asked.tags[:size],
        question_letters=asked.letters[:size],
        question_numbers=_asked(question, pages),
        alike=_alike(question, field.match[:, order]),
        near=near[order].astype(np.float16),
        kind=int(question.kind),
        unit=int(question.unit),
        spans=_spans(found, field, places),
    )


def _fitting(kept: Sequence[Place]) -> int:
    """How many of the best sentences fit; at least one."""
    total = np.cumsum([place.last - place.first for place in kept])
    return max(1, int((total <= LONGEST).sum()))


def _order(kept: Sequence[Place], field: Field) -> tuple[Ints, Ints]:
    """Columns of the field in reading order, and the place of each column in that order."""
    reading = sorted(range(len(kept)), key=lambda row: (kept[row].passage, kept[row].sentence))
    order = np.concatenate([np.arange(field.offsets[r], field.offsets[r + 1]) for r in reading])
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return order, places


def _spans(found: Sequence[Candidate], field: Field, places: Ints) -> Ints:
    rows = [
        (places[c.first + field.shifts[c.sentence]], places[c.last - 1 + field.shifts[c.sentence]])
        if c.sentence < len(field.shifts)
        else (-1, -1)
        for c in found
    ]
    return np.array(rows, np.int64).reshape(len(rows), 2)


def _numbers(
    question: Question,
    pages: Sequence[Matched],
    kept: Sequence[Place],
    field: Field,
    table: Floats,
    scores: Floats,
) -> Floats:
    owner, size = field.owner, len(field.owner)
    weights = question.weights
    hard = weights * question.hard
    match = field.match[:, :size]
    opens, closes = clause_edges(field)
    clause = weights @ range_max(field.match, opens[:size], closes[:size])
    low, high = field.offsets[owner], field.offsets[owner + 1]
    row = np.arange(size)
    rows = field.rows[:size]
    said = np.maximum(rows @ question.predicate_row, 0.0)
    forms = field.forms[:size]
    asked = unit_match(question, field.units[:size])
    spaced = np.ones(size + 1, np.bool_)
    spaced[1:size] = field.starts[1:size] != field.ends[: size - 1]
    position = (row - low) / np.maximum(high - low, 1)
    inherited = [SENTENCE_NAMES.index(name) for name in _OF_SENTENCE]
    columns = [
        match.max(axis=0, initial=0.0),
        field.exact[:size],
        weights @ match,
        hard @ match,
        field.loose[:, :size].max(axis=0, initial=0.0),
        weights @ field.left[:, :size],
        weights @ field.right[:, :size],
        weights @ field.left_far[:, :size],
        weights @ field.right_far[:, :size],
        hard @ np.maximum(field.left_far, field.right_far)[:, :size],
        clause,
        rows @ question.focus_row,
        rows @ question.proxy_row,
        said,
        np.where(field.predicate[:size], said, 0.0),
        _said(question, question.focus, match, forms),
        _said(question, question.predicate, match, forms),
        asked > 0.9,
        asked > 0.4,
        field.units[:size] > 0,
        field.idf[:size],
        field.predicate[:size],
        spaced[:size],
        spaced[1:],
        row == low,
        row == high - 1,
        position,
        [form in TITLES for form in forms],
        [min(len(form), _LONG) / _LONG for form in forms],
        scores[owner] / 4,
        (scores[owner] - scores.max()) / 4,
    ]
    scale = np.array(list(_OF_SENTENCE.values()), np.float32)
    made = np.stack([np.asarray(column, np.float32) for column in columns], axis=1)
    return np.concatenate([made, table[owner][:, inherited] * scale], axis=1)


def _near(question: Question, pages: Sequence[Matched], kept: Sequence[Place], meant: Meaning) -> Floats:
    """``(n, m)`` cosines of each morpheme of the kept sentences with each of the question."""
    asked = view(question.text)
    size = LONGEST_QUESTION
    made = []
    for row, place in enumerate(kept):
        seen = pages[place.passage].seen
        start = seen.analysis.sentences[place.sentence].start
        words = seen.starts[place.first : place.last] - start, seen.ends[place.first : place.last] - start
        made.append(meant.near(row, words, (asked.starts[:size], asked.ends[:size])))
    return np.concatenate(made)


def _meant(field: Field, meant: Meaning, near: Floats) -> Floats:
    """``(n, 2 + …)`` how near each morpheme is to the question, and its sentence."""
    of_sentence = meant.table[:, [MEANING_NAMES.index(name) for name in _OF_MEANING]]
    scaled = of_sentence * np.array(list(_OF_MEANING.values()), np.float32)
    own = [near.max(axis=1, initial=0.0), near.mean(axis=1) if near.shape[1] else near.sum(axis=1)]
    return np.concatenate([np.stack(own, axis=1), scaled[field.owner]], axis=1).astype(np.float32)


def _said(question: Question, word: str, match: Floats, forms: Sequence[str]) -> Floats:
    """``(n,)`` how much each morpheme says one word, which need not be among those that are matched."""
    if word in question.forms:
        return np.asarray(match[question.forms.index(word)], np.float32)
    return np.array([bool(word) and form == word for form in forms], np.float32)


def _alike(question: Question, match: Floats) -> NDArray[np.float16]:
    """``(n, m)`` matches of text and question by morpheme, from ``(q, n)`` by word."""
    morphemes = view(question.text).analysis.morphemes[:LONGEST_QUESTION]
    rows = {form: row for row, form in enumerate(question.forms)}
    spots = [
        (place, row)
        for place, m in enumerate(morphemes)
        if is_content(m) and (row := rows.get(m.form.lower(), -1)) >= 0
    ]
    found = np.zeros((match.shape[1], len(morphemes)), np.float16)
    for place, row in spots:
        found[:, place] = match[row]
    return found


def _asked(question: Question, pages: Sequence[Matched]) -> Floats:
    """The question's morphemes: weight, hardness, and how well the evidence holds them."""
    morphemes = view(question.text).analysis.morphemes[:LONGEST_QUESTION]
    said = np.zeros(len(question.forms), np.float32)
    titled = said
    for page in pages:
        said = np.maximum(said, page.match.max(axis=1, initial=0.0))
        titled = np.maximum(titled, page.context)
    rows = {form: row for row, form in enumerate(question.forms)}
    numbers = np.zeros((len(morphemes), QUESTION_WIDTH), np.float32)
    for place, m in enumerate(morphemes):
        row = rows.get(m.form.lower(), -1)
        known = row >= 0 and is_content(m)
        numbers[place] = [
            float(known),
            4 * float(question.weights[row]) if known else 0.0,
            float(question.hard[row]) if known else 0.0,
            float(said[row]) if known else 0.0,
            float(titled[row]) if known else 0.0,
            float(m.form.lower() == question.focus),
            float(m.form.lower() == question.predicate),
        ]
    return numbers
