"""A question as data: its words and their weights, what it asks for, and in which role."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rag.evidence.lexicon import QUESTION_STOP, Kind, Unit, asked_kind, asked_unit
from rag.evidence.view import Ints, Mask, View, is_content, vectors, view
from rag.korean import Morpheme, analyse
from rag.protocols import Vectors

Floats = NDArray[np.float32]

#: Question words, and the noun whose vector stands for what they ask for.
_PROXIES = {"누구": "사람", "누": "사람", "어디": "장소", "언제": "날짜", "얼마": "금액", "왜": "이유"}
_WH = {*_PROXIES, "무엇", "뭐", "뭣", "며칠"}
_DETERMINERS = re.compile(r"(몇|무슨|어떤|어느)\s*")
_CASES = {"JKS": 1, "JKO": 2, "JKB": 3, "JX": 4, "JKG": 5, "VCP": 6, "JKC": 7}
_NOUNS = frozenset({"NNG", "NNP", "NNB", "SW"})
_EMPTY_NOUNS = frozenset({"것", "거", "점", "때문", "뜻"})
#: Nouns that stand for what is asked for without naming it.
_THINGS = frozenset((form, "NNB") for form in ("것", "거", "점", "데", "줄", "뿐", "수"))
_LIGHT_VERBS = frozenset({"있", "없", "하", "되", "알", "이", "않", "어떻", "그렇"})


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What reading needs to know of a question with ``q`` distinct content words.

    Attributes:
        text: As asked.
        forms: Lower-case words, in order of first use.
        rows: ``(q, dim)`` unit vectors; zero rows for unknown words.
        classes: ``(q,)`` word classes, see :func:`rag.evidence.view.word_class`.
        weights: ``(q,)`` rarity, verbs and modifiers lighter; sums to 1 unless there are no words.
        hard: ``(q,)`` names, numbers, foreign and unknown words: what an answer may not miss.
        kind: What it asks for.
        unit: Unit of the number it asks for.
        focus: The noun that names what is asked for ("시점" in "완공 시점은?"), or "".
        focus_row: ``(dim,)`` its vector.
        proxy_row: ``(dim,)`` vector of what the question word stands for ("사람" for 누구).
        predicate: The last verb or verbal noun, or "".
        predicate_row: ``(dim,)`` its vector.
        case: Role of the asked slot, a number of the particle after it; 0 unknown.
        has_subject: Whether some noun is marked as subject.
        has_object: Whether some noun is marked as object.
        has_wh: Whether there is a question word at all.
        bigrams: Character bigrams of words.
        flat: Text without spaces, lower case.
    """

    text: str
    forms: tuple[str, ...]
    rows: Vectors
    classes: Ints
    weights: Floats
    hard: Mask
    kind: Kind
    unit: Unit
    focus: str
    focus_row: Floats
    proxy_row: Floats
    predicate: str
    predicate_row: Floats
    case: int
    has_subject: bool
    has_object: bool
    has_wh: bool
    bigrams: frozenset[str]
    flat: str


@lru_cache(maxsize=64)
def _word_row(word: str) -> Floats:
    rows = vectors().rows([m.id for m in analyse(word).morphemes if m.is_content])
    return np.asarray(rows.mean(axis=0), np.float32)


def _terms(seen: View) -> list[int]:
    """Rows of distinct content morphemes that are not stop words."""
    found: dict[tuple[str, int], int] = {}
    for row, m in enumerate(seen.analysis.morphemes):
        if is_content(m) and m.form not in QUESTION_STOP:
            found.setdefault((seen.forms[row], int(seen.classes[row])), row)
    return list(found.values())


def _focus(text: str, morphemes: tuple[Morpheme, ...]) -> int | None:
    """Row of the noun that names what is asked for."""
    nouns = [r for r, m in enumerate(morphemes) if m.tag in _NOUNS and m.form not in _EMPTY_NOUNS]
    asked = _DETERMINERS.search(text)
    if asked:
        for row in nouns:
            if 0 <= morphemes[row].start - asked.end() <= 1:
                last = row
                while last + 1 in nouns and morphemes[last + 1].start <= morphemes[last].end:
                    last += 1
                return last
    wh = [r for r, m in enumerate(morphemes) if m.form in _WH and m.tag in {"NP", "MAG", "NNG"}]
    if wh and _asks_directly(morphemes, wh[-1]):
        nouns = [row for row in nouns if row < wh[-1]]
        return nouns[-1] if nouns else None
    if wh and morphemes[wh[-1]].form in _PROXIES:
        return None
    return nouns[-1] if nouns else None


def _compound(text: str, morphemes: tuple[Morpheme, ...], focus: int | None) -> str:
    """The word that ends in the focus noun ("개원일" for 일)."""
    if focus is None:
        return ""
    first = focus
    while (
        first and morphemes[first - 1].end == morphemes[first].start and morphemes[first - 1].tag[0] in "NXS"
    ):
        first -= 1
    return text[morphemes[first].start : morphemes[focus].end]


def _asked_noun(text: str, morphemes: tuple[Morpheme, ...], focus: int | None) -> str:
    """The noun that is asked for, compound; "" where the question word is the verb's, or it says nothing."""
    wh = [r for r, m in enumerate(morphemes) if m.form in _WH]
    which = _DETERMINERS.search(text)
    if which:
        after = focus is not None and morphemes[focus].end >= which.end()
        return _compound(text, morphemes, focus) if after else ""
    if wh and not _asks_directly(morphemes, wh[-1]):
        return ""
    nouns = [r for r, m in enumerate(morphemes[: wh[-1] if wh else None]) if m.tag in _NOUNS]
    if nouns and (morphemes[nouns[-1]].form, morphemes[nouns[-1]].tag) in _THINGS:
        return ""
    return _compound(text, morphemes, focus)


def _asks_directly(morphemes: tuple[Morpheme, ...], row: int) -> bool:
    """Whether the question word at ``row`` is the predicate ("…은 누구인가"), not an argument of one."""
    after = morphemes[row + 1 :]
    return not any(m.tag.startswith(("VV", "VA", "XSV", "N")) for m in after)


def _predicate(seen: View) -> int | None:
    rows = [int(r) for r in np.flatnonzero(seen.predicate) if seen.forms[r] not in _LIGHT_VERBS]
    return rows[-1] if rows else None


def _case(morphemes: tuple[Morpheme, ...], focus: int | None) -> int:
    wh = [r for r, m in enumerate(morphemes) if m.form in _WH]
    row = wh[-1] if wh else focus
    if row is None or row + 1 >= len(morphemes):
        return 0
    return _CASES.get(morphemes[row + 1].tag, 0)


def _weights(seen: View, terms: list[int]) -> Floats:
    weights = np.maximum(seen.idf[terms], 0.08) * np.where(seen.classes[terms] == 1, 1.0, 0.6)
    return np.asarray(weights / max(float(weights.sum()), 1e-6), np.float32)


_HARD_TAGS = frozenset({"NNP", "SN", "SL", "SH", "NR"})


def _is_hard(m: Morpheme, vector_id: int) -> bool:
    return m.tag in _HARD_TAGS or (m.tag == "NNG" and vector_id < 0)


@lru_cache(maxsize=256)
def ask(text: str) -> Question:
    """The question as data. Cost: one Kiwi analysis, about half a millisecond."""
    seen = view(text)
    morphemes = seen.analysis.morphemes
    terms = _terms(seen)
    focus = _focus(text, morphemes)
    predicate = _predicate(seen)
    kind = asked_kind(text, _asked_noun(text, morphemes, focus))
    flat = text.replace(" ", "").lower()
    zero = np.zeros(vectors().dim, np.float32)
    wh = [m.form for m in morphemes if m.form in _WH]
    named = kind is Kind.NAME  # "…회사는 어디인가": no place
    proxy = next((_PROXIES[form] for form in reversed(wh) if form in _PROXIES and not named), None)
    tags = {m.tag for m in morphemes}
    return Question(
        text=text,
        forms=tuple(seen.forms[row] for row in terms),
        rows=seen.rows[terms],
        classes=seen.classes[terms],
        weights=_weights(seen, terms),
        hard=np.array([_is_hard(morphemes[r], int(seen.ids[r])) for r in terms], np.bool_),
        kind=kind,
        unit=asked_unit(text, kind, _compound(text, morphemes, focus)),
        focus="" if focus is None else seen.forms[focus],
        focus_row=zero if focus is None else seen.rows[focus],
        proxy_row=_word_row(proxy) if proxy else (zero if focus is None else seen.rows[focus]),
        predicate="" if predicate is None else seen.forms[predicate],
        predicate_row=zero if predicate is None else seen.rows[predicate],
        case=_case(morphemes, focus),
        has_subject="JKS" in tags,
        has_object="JKO" in tags,
        has_wh=bool(wh) or _DETERMINERS.search(text) is not None,
        bigrams=frozenset(flat[i : i + 2] for i in range(len(flat) - 1) if flat[i : i + 2].isalnum()),
        flat=flat,
    )
