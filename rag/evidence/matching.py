"""How much each word of a text says each word of a question: the same, in other words, or merely near it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rag.evidence.alias import aliases
from rag.evidence.paraphrase import Paraphrases
from rag.evidence.question import Floats, Question
from rag.evidence.view import View, view, word_class
from rag.korean import Morpheme
from rag.types import Evidence

#: Cosine below which two words have nothing to do with each other, and what a synonym is worth.
COSINE_FLOOR = 0.42
SYNONYM = 0.75
OTHER_CLASS = 0.6
#: What another way to say the same is worth, and a word within a longer one; below the same word, which is 1.
PARAPHRASE = 0.9
WITHIN = 0.9
#: Letters of a word with which a longer one may begin; it may end with fewer: "도시락" is no 도시.
HEAD = 3


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """A question held against one passage with ``n`` morphemes.

    Attributes:
        loose: ``(q, n)`` cosines of content words, negative ones as 0.
        item: The evidence.
        seen: Its passage as arrays.
        match: ``(q, n)`` in [0, 1]: 1 the same word, less for a near one, 0 for no content.
        context: ``(q,)`` best match of each question word in title and heading.
    """

    item: Evidence
    seen: View
    match: Floats
    loose: Floats
    context: Floats


def match(question: Question, seen: View) -> Floats:
    """``(q, n)`` in [0, 1]: how much each morpheme of the text is each word of the question."""
    if not question.forms or not seen.forms:
        return np.zeros((len(question.forms), len(seen.forms)), np.float32)
    cosine = question.rows @ seen.rows.T
    near = np.clip((cosine - COSINE_FLOOR) / (1 - COSINE_FLOOR), 0, 1) * SYNONYM
    near *= np.where(question.classes[:, None] == seen.classes[None, :], 1.0, OTHER_CLASS)
    for row, form in enumerate(question.forms):
        same = [column for column, other in enumerate(seen.forms) if other == form]
        near[row, same] = 1.0
    return np.asarray(near * seen.content[None, :], np.float32)


def _columns(seen: View, name: str) -> list[int]:
    """Morphemes of the text that lie in some occurrence of ``name``."""
    spots = [found.span() for found in re.finditer(re.escape(name), seen.text)]
    inside = np.zeros(len(seen.forms), np.bool_)
    for start, end in spots:
        inside |= (seen.starts >= start) & (seen.ends <= end)
    return np.flatnonzero(inside).tolist()


def _asked_aliases(question: Question, evidence: Sequence[Evidence]) -> list[tuple[list[int], str]]:
    """Words of the question that are a name, and the other name that the evidence gives it."""
    stated = dict.fromkeys(pair for item in evidence for pair in aliases(item.passage.text))
    found = []
    for named, other in [*stated, *((b, a) for a, b in stated)]:
        if named.replace(" ", "").lower() in question.flat:
            forms = set(view(named).forms)
            if rows := [row for row, form in enumerate(question.forms) if form in forms]:
                found.append((rows, other))
    return found


@lru_cache(maxsize=256)
def _spelled(question: Question) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Nouns of the question as they are written, alone and as what they make up together, and their rows."""
    seen, found = view(question.text), dict[str, tuple[int, ...]]()
    row_of = {form: row for row, form in enumerate(question.forms)}
    run: list[Morpheme] = []
    for m in (*seen.analysis.morphemes, None):
        if m is not None and word_class(m) == 1 and (not run or run[-1].end == m.start):
            run.append(m)
            continue
        for part in (*([one] for one in run), run):
            rows = tuple(row_of[form] for one in part if (form := one.form.lower()) in row_of)
            name = question.text[part[0].start : part[-1].end].lower() if part else ""
            if rows and len(name) > 1:
                found[name] = rows
        run = [m] if m is not None and word_class(m) == 1 else []
    return tuple(found.items())


def _spell(close: Floats, seen: View, question: Question) -> None:
    """Raise what stands in ``close`` where the text writes a noun of the question, however either is cut."""
    flat, places = seen.flat
    for name, rows in _spelled(question):
        at = flat.find(name)
        while at >= 0:
            first, end = int(places[at]), int(places[at + len(name) - 1]) + 1
            columns = np.flatnonzero((seen.starts < end) & (seen.ends > first) & seen.content)
            here = np.ix_(np.array(rows), columns)
            if len(columns) and not _cuts(seen.text, first, end) and close[here].max(axis=1).min() < 0.999:
                heads, tails = first == seen.starts[columns[0]], end == seen.ends[columns[-1]]
                worth = 1.0 if heads and tails else WITHIN * (tails or (heads and len(name) >= HEAD))
                close[here] = np.maximum(close[here], worth)
            at = flat.find(name, at + 1)


def _cuts(text: str, first: int, end: int) -> bool:
    """Whether a number or Latin word goes on at either end: "30" is not in "130", "AI" not in "DAIRY"."""
    pairs = (text[at - 1 : at + 1] for at in (first, end) if 0 < at < len(text))
    return any(pair.isascii() and pair.isalnum() for pair in pairs)


def _asked_paraphrases(question: Question) -> list[tuple[list[int], int]]:
    """Words of the question that say something which the paraphrases know, and the number of the group."""
    row_of = {form: row for row, form in enumerate(question.forms)}
    morphemes = view(question.text).analysis.morphemes
    asked = []
    for rows, number in Paraphrases.load().asked(morphemes):
        if words := [row_of[form] for row in rows if (form := morphemes[row].form.lower()) in row_of]:
            asked.append((words, number))
    return asked


def _liken(close: Floats, seen: View, asked: Sequence[tuple[list[int], int]]) -> None:
    """Raise what stands in ``close`` where the text says in other words what the question says."""
    words_of: dict[int, list[int]] = {}
    for words, number in asked:
        words_of.setdefault(number, []).extend(words)
    for columns, number in Paraphrases.load().said(seen.analysis.morphemes, list(words_of)):
        here = np.ix_(words_of[number], columns)
        close[here] = np.maximum(close[here], PARAPHRASE)


def _said(question: Question, seen: View, asked: Sequence[tuple[list[int], int]]) -> Floats:
    """:func:`match`, and nouns however they are cut, and other words for the same."""
    close = match(question, seen)
    _spell(close, seen, question)
    _liken(close, seen, asked)
    return close


def matched(question: Question, evidence: Sequence[Evidence]) -> tuple[Matched, ...]:
    """The question held against every passage; another name of a thing is as good as the same one."""
    found = []
    renamed = _asked_aliases(question, evidence)
    asked = _asked_paraphrases(question)
    nothing = np.zeros(len(question.forms), np.float32)
    for item in evidence:
        seen = view(item.passage.text)
        context = item.passage.context
        titled = best_of(_said(question, view(context), asked)) if context else nothing
        close = _said(question, seen, asked)
        for rows, other in renamed:
            close[np.ix_(rows, _columns(seen, other))] = 1.0
        cosine = (question.rows @ seen.rows.T) * seen.content[None, :]
        loose = np.maximum(np.maximum(cosine, 0.0), close >= 0.999).astype(np.float32)
        found.append(Matched(item, seen, close, loose, titled))
    return tuple(found)


def best_of(matrix: Floats) -> Floats:
    """``(q,)`` best match of each question word; 0 where there is nothing to match."""
    return np.asarray(matrix.max(axis=1, initial=0.0), np.float32)
