"""What a question is about: the noun phrase that a follow-up leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from rag.dialogue.lexicon import FACILITY_END, contrast_class, is_attribute
from rag.dialogue.phrase import Phrase, Query
from rag.dialogue.title import Titles

_TOPIC_MARKS = frozenset({"은", "는", "의", "이란", "란", "에서는", "에는"})
_FACILITY_MIN_CHARS = 4


@dataclass(frozen=True, slots=True)
class Topic:
    """Words at ``[start, end)`` of a question.

    Attributes:
        text: The words.
        start: Code points of the question.
        end: Code points of the question.
        particle: Particle right after them ("은"), "" where another noun follows.
    """

    text: str
    start: int
    end: int
    particle: str


def is_name(words: str, phrase: Phrase, titles: Titles) -> bool:
    """Whether words of a phrase name something by themselves.

    A proper name, a compound that ends like an institution ("새벽강도서관"), or a title of the index.
    """
    last = phrase.start + len(words)
    proper = any(noun.tag in {"NNP", "SL"} and noun.start < last for noun in phrase.nouns)
    flat = words.replace(" ", "")
    facility = len(flat) >= _FACILITY_MIN_CHARS and FACILITY_END.search(flat) is not None
    return proper or facility or titles.name(words)


def core(phrase: Phrase, titles: Titles, *, asks_property: bool) -> str:
    """The words of a phrase without the property that is asked for: "한라산" of "한라산 높이".

    Args:
        phrase: Of a question.
        titles: Of the index; words of a title hold together.
        asks_property: Whether the phrase ends in what is asked for even where no list knows the word.
    """
    words = phrase.text.split()
    if phrase.particle == "의":
        asks_property = False
    anchor, held = _anchor(phrase, words, titles)
    kept = len(words)
    if held == anchor > 0:
        return " ".join(words[:anchor])
    while kept > anchor and (is_attribute(words[kept - 1]) or words[kept - 1][0].isdigit()):
        kept -= 1
    if asks_property and kept == len(words) and kept > max(1, anchor):
        kept -= 1
    return " ".join(words[:kept])


def _anchor(phrase: Phrase, words: list[str], titles: Titles) -> tuple[int, int]:
    """How many leading words surely belong to the name; and how many by an institution's or title's words.

    What follows the latter is no part of the name: "개막식" in "연꽃 축제 개막식".
    """
    place = phrase.start
    anchor = held = 0
    for row, word in enumerate(words, 1):
        place = phrase.text.index(word, place - phrase.start) + phrase.start
        proper = any(
            n.tag in {"NNP", "SL"} and place <= n.start < place + len(word) and len(n.form) > 1
            for n in phrase.nouns
        )
        named = FACILITY_END.search(word) is not None or titles.contain(" ".join(words[:row]))
        if not is_attribute(word):
            anchor = row if proper or named else anchor
            held = row if named else held
        place += len(word)
    return anchor, held


def topic_of(query: Query, titles: Titles) -> Topic | None:
    """What the question is about, or ``None`` where it names nothing."""
    best: tuple[int, int] | None = None
    found: Topic | None = None
    for row, phrase in enumerate(query.phrases):
        words = core(phrase, titles, asks_property=_asks_property(phrase, query))
        if not words or _is_measure(phrase) or contrast_class(words) >= 0:
            continue
        rank = (-_weight(words, phrase, titles), row)
        if best is None or rank < best:
            best, found = rank, _topic(query, phrase, words)
    return found


def _topic(query: Query, phrase: Phrase, words: str) -> Topic:
    start, end = phrase.start, phrase.start + len(words)
    if not phrase.text.startswith(words):  # several spaces between words
        end = phrase.end
    before = [m for m in query.morphemes if m.end <= phrase.start]
    described = bool(before) and before[-1].tag == "ETM" and not phrase.is_proper
    asked = [query.morphemes[row] for row in query.wh]
    if described and not any(m.start < phrase.start for m in asked):
        start = before[0].start
    whole = end == phrase.end
    return Topic(query.text[start:end], start, end, phrase.particle if whole else "")


def _asks_property(phrase: Phrase, query: Query) -> bool:
    """Whether the question is "X Y은?" or "X Y은 얼마야?": the phrase ends in what is asked for."""
    return not query.has_predicate and phrase is query.phrases[0]


def _is_measure(phrase: Phrase) -> bool:
    """Numbers with units ("2023년", "두 번째 곳") name nothing."""
    return all(noun.tag in {"SN", "NR", "NNB", "MM", "XSN", "SW"} for noun in phrase.nouns)


def _weight(words: str, phrase: Phrase, titles: Titles) -> int:
    named = 6 if is_name(words, phrase, titles) else 0
    marked = 2 if phrase.particle in _TOPIC_MARKS else 0
    acted_on = 1 if phrase.particle in {"을", "를"} else 0
    aside = 3 if phrase.tag == "JKB" and phrase.particle not in _TOPIC_MARKS else 0
    return named + marked + acted_on - aside
