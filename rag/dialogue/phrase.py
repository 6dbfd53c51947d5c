"""A question as noun phrases and question words, by morphemes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.dialogue.lexicon import DETERMINERS, TIME_PRONOUNS, WH
from rag.korean import Morpheme, analyse

_NOMINAL = frozenset({"NNG", "NNP", "NNB", "NR", "SN", "SL", "SH", "XPN", "XSN", "XR", "SW", "W_SERIAL"})
_QUOTES = frozenset("『』「」‘’“”'\"《》〈〉")
_COUNTERS = frozenset("한 두 세 네 다섯 여섯 일곱 여덟 아홉 열 첫 몇몇 모든 새 옛".split())


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run of nouns at ``[start, end)`` of the question.

    Attributes:
        text: As written, without its particle.
        start: Code points of the question.
        end: Code points of the question.
        nouns: Its nouns as ``(form, tag, start, end)`` morphemes.
        particle: Particle right after it as written ("에서는"), or "".
        tag: Kiwi's tag of the first particle, ``"VCP"`` before the copula, or "".
    """

    text: str
    start: int
    end: int
    nouns: tuple[Morpheme, ...]
    particle: str
    tag: str

    @property
    def is_proper(self) -> bool:
        """Whether it holds a proper name or a foreign word."""
        return any(noun.tag in {"NNP", "SL"} for noun in self.nouns)


@dataclass(frozen=True, slots=True)
class Query:
    """A question seen as phrases.

    Attributes:
        text: The question.
        morphemes: All of it.
        phrases: Its noun phrases, in order; question words and verbal nouns of predicates are none.
        wh: Rows of question words among the morphemes.
        pointers: Rows of pronouns and of 그/이/저 before a noun.
        has_predicate: Whether a verb, an adjective or a verbal noun with 하/되 is there.
    """

    text: str
    morphemes: tuple[Morpheme, ...]
    phrases: tuple[Phrase, ...]
    wh: tuple[int, ...]
    pointers: tuple[int, ...]
    has_predicate: bool

    @property
    def kind(self) -> str:
        """What the last question word asks for ("who", "when" …), or ""."""
        return WH[self.morphemes[self.wh[-1]].form] if self.wh else ""


def _is_wh(m: Morpheme) -> bool:
    return m.form in WH and m.tag in {"NP", "MAG", "NNG", "MM", "NR", "VA"}


def _is_pointer(row: int, morphemes: Sequence[Morpheme]) -> bool:
    m = morphemes[row]
    if m.form in TIME_PRONOUNS:
        return True
    if m.tag == "NP":
        return not _is_wh(m)
    nominal = row + 1 < len(morphemes) and morphemes[row + 1].tag in {"NNG", "NNB", "NNP", "MM", "SN"}
    return m.tag == "MM" and m.form in DETERMINERS and nominal


def _in_phrase(row: int, morphemes: Sequence[Morpheme]) -> bool:
    m = morphemes[row]
    after = morphemes[row + 1].tag if row + 1 < len(morphemes) else ""
    if m.tag in {"NNG", "XR"} and after in {"XSV", "XSA"}:
        return False
    if m.form in _QUOTES:
        return True
    if m.form == "-" and row and morphemes[row - 1].end == m.start:
        return True
    counter = m.tag == "MM" and m.form in _COUNTERS
    return (m.tag in _NOMINAL or counter) and not _is_wh(m) and m.form not in TIME_PRONOUNS


def _phrase(text: str, morphemes: Sequence[Morpheme], first: int, last: int) -> Phrase:
    after = last
    while after < len(morphemes) and morphemes[after].tag.startswith("J"):
        after += 1
    end = max(m.end for m in morphemes[first:last])
    particle = text[end : max([end, *(m.end for m in morphemes[last:after])])]
    tag = morphemes[last].tag if last < len(morphemes) else ""
    nouns = tuple(m for m in morphemes[first:last] if m.form not in _QUOTES and m.form != "-")
    start = morphemes[first].start
    while start and text[start - 1].isalnum():  # a name that Kiwi took for a verb and a noun ("느티책방")
        start -= 1
    return Phrase(text[start:end], start, end, nouns, particle, tag if tag[:1] == "J" or tag == "VCP" else "")


@lru_cache(maxsize=512)
def parse(text: str) -> Query:
    """The question as data. Cost: one Kiwi analysis."""
    morphemes = analyse(text).morphemes
    rows = range(len(morphemes))
    phrases: list[Phrase] = []
    first: int | None = None
    for row in [*rows, len(morphemes)]:
        inside = row < len(morphemes) and _in_phrase(row, morphemes)
        if inside and first is None:
            first = row
        elif not inside and first is not None:
            made = _phrase(text, morphemes, first, row)
            counted = first > 0 and morphemes[first - 1].form in {"몇", "무슨", "어떤", "어느"}
            if made.nouns and not counted:
                phrases.append(made)
            first = None
    verbs = any(m.tag.startswith(("VV", "VA", "XSV", "XSA", "VX")) for m in morphemes)
    return Query(
        text=text,
        morphemes=morphemes,
        phrases=tuple(phrases),
        wh=tuple(row for row in rows if _is_wh(morphemes[row])),
        pointers=tuple(row for row in rows if _is_pointer(row, morphemes)),
        has_predicate=verbs,
    )
