"""How much each word of a text says each word of a question: the same, in other words, or merely near it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from rag.evidence.alias import aliases
from rag.evidence.paraphrase import Paraphrases, Sought, said
from rag.evidence.question import Floats, Question
from rag.evidence.view import View, vector_id, view
from rag.korean import Morpheme
from rag.types import Evidence
from rag.vector import FIRST_WORD

#: Cosine below which two words have nothing to do with each other, and what a synonym is worth.
COSINE_FLOOR = 0.42
SYNONYM = 0.75
OTHER_CLASS = 0.6
#: What another way to say the same is worth, and a word within a longer one; below the same word, which is 1.
PARAPHRASE = 0.9
WITHIN = 0.9
#: Letters of a word with which a longer one may begin or end: "도시락" is no 도시, "전시장" no 시장.
#: Fewer may end it after so many letters before them ("한밭병원").
HEAD = 3
BEFORE = 2
_NAMES = ("N", "SL", "SN", "SH", "XPN", "XSN", "XR", "W_")
_SIGNS = ("SW", "SO")
_PARTICLES = "에서 에게 으로 까지 부터 은 는 이 가 을 를 의 에 도 로 와 과 만".split()


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
    """Nouns of the question as they are written and their rows: alone, and with those beside them."""
    found = dict[str, tuple[int, ...]]()
    row_of = {form: row for row, form in enumerate(question.forms)}
    runs = _runs(view(question.text).analysis.morphemes)
    parts = [[one] for run in runs for one in run] + runs
    parts += [[*a, *b] for a, b in pairwise(runs) if question.text[a[-1].end : b[0].start] == " "]
    for part in parts:
        rows = tuple(row_of[form] for one in part if (form := one.form.lower()) in row_of)
        name = question.text[part[0].start : part[-1].end].replace(" ", "").lower()
        if rows and len(name) > 1:
            found.setdefault(name, rows)
            if stem := _stem(part[-1], name):
                found.setdefault(stem, rows)
    return tuple(found.items())


def _stem(last: Morpheme, name: str) -> str:
    """An unknown name less the particle that Kiwi took for a part of it ("얼라이언스에"), or ""."""
    if vector_id(last) >= FIRST_WORD:
        return ""
    ending = next((one for one in _PARTICLES if name.endswith(one)), "")
    return name[: -len(ending)] if ending and len(name) - len(ending) >= HEAD else ""


def _runs(morphemes: Sequence[Morpheme]) -> list[list[Morpheme]]:
    """Nouns that touch each other, with signs between them but not around them ("R&D센터")."""
    runs: list[list[Morpheme]] = [[]]
    for m in morphemes:
        if not m.tag.startswith((*_NAMES, *_SIGNS)):
            runs.append([])
            continue
        if runs[-1] and runs[-1][-1].end != m.start:
            runs.append([])
        runs[-1].append(m)
    solid = [[place for place, m in enumerate(run) if m.tag not in _SIGNS] for run in runs]
    return [run[places[0] : places[-1] + 1] for run, places in zip(runs, solid, strict=True) if places]


def _spell(close: Floats, seen: View, question: Question) -> None:
    """Raise what stands in ``close`` where the text writes a noun of the question, however either is cut.

    A noun may begin or end a longer word; across a space it must be whole: "가수" is not in "참가 수".
    """
    flat, places = seen.flat
    for name, rows in _spelled(question):
        at = flat.find(name)
        while at >= 0:
            first, end = int(places[at]), int(places[at + len(name) - 1]) + 1
            columns = np.flatnonzero((seen.starts < end) & (seen.ends > first) & seen.content)
            here = np.ix_(np.array(rows), columns)
            if len(columns) and not _goes_on(seen.text, first, end) and close[here].max(axis=1).min() < 0.999:
                start, stop = int(seen.starts[columns[0]]), int(seen.ends[columns[-1]])
                heads, tails = first == start, end == stop
                long = len(name) >= HEAD
                part = (tails and (long or first - start >= BEFORE)) or (heads and long and end < stop)
                worth = 1.0 if heads and tails else WITHIN * (part and end - first == len(name))
                close[here] = np.maximum(close[here], worth)
            at = flat.find(name, at + 1)


_ON_LEFT = re.compile(r"[0-9][.,]?\Z")
_ON_RIGHT = re.compile(r"[.,]?[0-9]")


def _goes_on(text: str, first: int, end: int) -> bool:
    """Whether a number or Latin word goes on at either end: "30" is not in "130", "AI" not in "DAIRY"."""
    before, after = text[max(0, first - 2) : first], text[end : end + 2]
    left = text[first].isdigit() and _ON_LEFT.search(before)
    right = text[end - 1].isdigit() and _ON_RIGHT.match(after)
    pairs = (before[-1:] + text[first], text[end - 1] + after[:1])
    latin = any(len(pair) == 2 and pair.isascii() and pair.isalpha() for pair in pairs)
    return bool(left or right or latin)


def _asked_paraphrases(question: Question) -> tuple[dict[int, list[int]], Sought]:
    """Groups of the paraphrases that the question says with its words, and all that they say otherwise."""
    row_of = {form: row for row, form in enumerate(question.forms)}
    analysis, known = view(question.text).analysis, Paraphrases.load()
    words_of: dict[int, list[int]] = {}
    for rows, number in known.asked(analysis):
        said_by = (analysis.morphemes[row] for row in rows)
        forms = (m.form.lower() for m in said_by if m.is_content)
        if words := [row_of[form] for form in forms if form in row_of]:
            words_of.setdefault(number, []).extend(words)
    return words_of, known.sought(list(words_of))


def _liken(close: Floats, seen: View, words_of: Mapping[int, list[int]], sought: Sought) -> None:
    """Raise what stands in ``close`` where the text says in other words what the question says."""
    for columns, number in said(seen.analysis, sought):
        here = np.ix_(words_of[number], columns)
        close[here] = np.maximum(close[here], PARAPHRASE)


def _held(question: Question, seen: View, words_of: Mapping[int, list[int]], sought: Sought) -> Floats:
    """:func:`match`, and nouns however they are cut, and other words for the same."""
    close = match(question, seen)
    _spell(close, seen, question)
    _liken(close, seen, words_of, sought)
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
        titled = best_of(_held(question, view(context), *asked)) if context else nothing
        close = _held(question, seen, *asked)
        for rows, other in renamed:
            close[np.ix_(rows, _columns(seen, other))] = 1.0
        cosine = (question.rows @ seen.rows.T) * seen.content[None, :]
        loose = np.maximum(np.maximum(cosine, 0.0), close >= 0.999).astype(np.float32)
        found.append(Matched(item, seen, close, loose, titled))
    return tuple(found)


def best_of(matrix: Floats) -> Floats:
    """``(q,)`` best match of each question word; 0 where there is nothing to match."""
    return np.asarray(matrix.max(axis=1, initial=0.0), np.float32)
