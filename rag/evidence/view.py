"""Texts as arrays: what reading needs to know of every morpheme, computed once a text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from rag.evidence.lexicon import UNIT_OF, UNIT_TAGS, Unit
from rag.korean import VECTOR_COUNT, Analysis, Morpheme, analyse
from rag.protocols import Vectors
from rag.vector import FIRST_WORD, MorphemeVectors

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Every tag that matters to reading, by number; 0 is any other.
TAGS = {
    tag: number
    for number, tag in enumerate(
        (
            "NNG NNP NNB NP NR SN SL SH XPN XSN XR MM SW SSO SSC SP SF SO JKS JX JKO JKB JKG JC JKQ JKC "
            "VCP VCN VV VA VX XSV XSA MAG MAJ EC ETM ETN EF EP IC W_SERIAL W_URL W_EMAIL SS SY"
        ).split(),
        1,
    )
}
_CLASSES = {"N": 1, "S": 1, "X": 1, "V": 2, "M": 3}


#: Classes of letters: other, digit, Latin, Han, a syllable beyond KS X 1001, and its 2,350 syllables.
_OTHER, _DIGIT, _LATIN, _HAN, _RARE, _COMMON = range(6)
LETTER_COUNT = _COMMON + 2350
_ROW, _FIRST_ROW, _FIRST_CELL = 94, 0xB0, 0xA1


@lru_cache(maxsize=8192)
def letter_class(letter: str) -> int:
    """A letter's number below :data:`LETTER_COUNT`: names that have no vector show in them what they are."""
    if "가" <= letter <= "힣":
        code = letter.encode("euc_kr")  # of eight bytes where KS X 1001 has no such syllable
        return _COMMON + (code[0] - _FIRST_ROW) * _ROW + code[1] - _FIRST_CELL if len(code) == 2 else _RARE
    if letter.isdigit():
        return _DIGIT
    if "a" <= letter.lower() <= "z":
        return _LATIN
    return _HAN if "一" <= letter <= "鿿" else _OTHER


def vectors() -> MorphemeVectors:
    """The shared table of morpheme vectors."""
    return MorphemeVectors.load()


def vector_id(morpheme: Morpheme) -> int:
    """The morpheme's row in the vector table, or -1."""
    return morpheme.id if 0 <= morpheme.id < VECTOR_COUNT else -1


def is_content(morpheme: Morpheme) -> bool:
    """Whether a morpheme can match a word of a question."""
    return morpheme.is_content or morpheme.tag.startswith("W_")


def word_class(morpheme: Morpheme) -> int:
    """1 noun-like, 2 verb-like, 3 modifier, 0 other."""
    return _CLASSES.get(morpheme.tag[0], 0)


@dataclass(frozen=True, eq=False)  # no slots: cached_property needs a __dict__
class View:
    """A text and its ``n`` morphemes as arrays.

    Attributes:
        analysis: Morphemes and sentences.
        forms: Lower-case form of each morpheme.
        ids: ``(n,)`` rows of the vector table, -1 for unknown words.
        rows: ``(n, dim)`` unit vectors, zero for unknown words: what Kiwi has for all of them is no meaning.
        idf: ``(n,)`` rarity in [0, 1].
        tags: ``(n,)`` numbers of :data:`TAGS`.
        classes: ``(n,)`` as :func:`word_class`.
        content: ``(n,)`` whether it can match a question word.
        clauses: ``(n,)`` running number of the clause (ends after EC, comma, full stop, bullet).
        units: ``(n,)`` :class:`Unit` of the number that ends here ("㎡" in "92,000㎡"), else 0.
        predicate: ``(n,)`` verbs, adjectives and nouns that take 하다/되다.
        starts: ``(n,)`` first code point of each morpheme.
        ends: ``(n,)`` one past the last code point.
        letters: ``(n, 2)`` :func:`letter_class` of the first and the last letter of each morpheme.
    """

    analysis: Analysis
    forms: tuple[str, ...]
    ids: Ints
    rows: Vectors
    idf: NDArray[np.float32]
    tags: Ints
    classes: Ints
    content: Mask
    clauses: Ints
    units: Ints
    predicate: Mask
    starts: Ints
    ends: Ints
    letters: Ints

    @property
    def text(self) -> str:
        """The text seen."""
        return self.analysis.text

    @cached_property
    def flat(self) -> tuple[str, Ints]:
        """The text in lower case without white space, and where each of its letters stands."""
        places = [place for place, letter in enumerate(self.text) if not letter.isspace()]
        lower = [self.text[place].lower()[:1] for place in places]
        return "".join(lower), np.array(places, np.int64)


def _ends(form: str) -> tuple[int, int]:
    return (letter_class(form[0]), letter_class(form[-1])) if form else (_OTHER, _OTHER)


def _clauses(morphemes: tuple[Morpheme, ...]) -> list[int]:
    found: list[int] = []
    clause = 0
    for m in morphemes:
        found.append(clause)
        clause += m.tag in {"EC", "SF"} or m.form in {",", "▲", "·", ";", "△"}
    return found


def _units(morphemes: tuple[Morpheme, ...]) -> list[int]:
    found = [0] * len(morphemes)
    counting = False
    for row, m in enumerate(morphemes):
        if m.tag in {"SN", "NR"} or (m.tag == "MM" and m.form in _COUNTERS):
            counting = True
            found[row] = int(Unit.NUMBER)
        elif counting and m.tag in UNIT_TAGS and m.form in UNIT_OF:
            found[row] = int(UNIT_OF[m.form])
            counting = False
        elif counting and m.tag not in {"XSN", "SP", "SO", "SW"}:
            counting = False
    return found


_COUNTERS = frozenset(
    ["한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "스무", "서너", "두세", "몇몇"]
)


def _predicates(morphemes: tuple[Morpheme, ...]) -> list[bool]:
    following = [m.tag for m in morphemes[1:]] + ["END"] * bool(morphemes)
    return [
        m.tag.startswith(("VV", "VA")) or (m.tag in {"NNG", "XR"} and after in {"XSV", "XSA"})
        for m, after in zip(morphemes, following, strict=True)
    ]


@lru_cache(maxsize=512)
def view(text: str) -> View:
    """The view of ``text``; cached, since the same passages are read again and again."""
    analysis = analyse(text)
    morphemes = analysis.morphemes
    ids = np.array([vector_id(m) for m in morphemes], np.int64)
    table = vectors()
    return View(
        analysis=analysis,
        forms=tuple(m.form.lower() for m in morphemes),
        ids=ids,
        rows=table.rows(np.where(ids >= FIRST_WORD, ids, -1)),
        idf=table.idf(ids),
        tags=np.array([TAGS.get(m.tag.split("-")[0], 0) for m in morphemes], np.int64),
        classes=np.array([word_class(m) for m in morphemes], np.int64),
        content=np.array([is_content(m) for m in morphemes], np.bool_),
        clauses=np.array(_clauses(morphemes), np.int64),
        units=np.array(_units(morphemes), np.int64),
        predicate=np.array(_predicates(morphemes), np.bool_),
        starts=np.array([m.start for m in morphemes], np.int64),
        ends=np.array([m.end for m in morphemes], np.int64),
        letters=np.array([_ends(m.form) for m in morphemes], np.int64).reshape(-1, 2),
    )
