"""Pronouns and 그/이 with a noun: what they point at, and the question with it in their place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.dialogue import lexicon
from rag.dialogue.josa import with_josa
from rag.dialogue.phrase import Query, parse

_CONTRACTED = {"ᆫ": "은", "ᆯ": "을"}
_SHORT_ANSWER = re.compile(r"^[“\"']?(.{1,30}?)[”\"']?(?:입니다|이다|다|예요|이에요)?\.?\s*(?:\[\d+\]\s*)+$")


@dataclass(frozen=True, slots=True)
class Previous:
    """The question before, stand-alone, and what it was answered with.

    Attributes:
        query: The question.
        topic: What it is about, never empty.
        answer: Its short answer ("서재필"), or "".
        topics: Topics of the dialogue, latest first.
        person: The person last answered with, and what was asked about, as "독립신문 서재필"; or "".
    """

    query: Query
    topic: str
    answer: str
    topics: tuple[str, ...]
    person: str = ""

    def answered(self, kind: str, attributes: frozenset[str]) -> bool:
        """Whether a short answer is of a kind: by its question word, or by the property asked for."""
        asked = self.query.kind == kind
        words = [phrase.text.split()[-1] for phrase in self.query.phrases]
        return bool(self.answer) and (asked or (not self.query.kind and any(w in attributes for w in words)))


def short_answer(text: str) -> str:
    """The bare answer in the text of an answer ("서재필입니다. [1]"), or "" where it is a sentence."""
    found = _SHORT_ANSWER.match(text.strip())
    bare = found.group(1).strip() if found else ""
    return "" if any(m.tag in {"EF", "EC", "EP"} for m in parse(bare).morphemes) else bare


def resolved(query: Query, before: Previous) -> str:
    """The question with its first pointing word replaced by what it points at."""
    row = query.pointers[0]
    pointer = query.morphemes[row]
    if pointer.tag == "NP" or pointer.form in lexicon.TIME_PRONOUNS:
        meant = _pronoun(pointer.form, before)
        return _replaced(query, row, row + 1, meant, pointer.form)
    noun = query.morphemes[row + 1]
    if noun.form in lexicon.RELATIONS:
        return f"{with_josa(before.topic, '은')} {query.text}"
    last = row + 2
    while (
        last < len(query.morphemes)
        and query.morphemes[last].tag in {"NNG", "XSN"}
        and query.morphemes[last].start == query.morphemes[last - 1].end
    ):
        last += 1
    word = query.text[noun.start : query.morphemes[last - 1].end]
    return _replaced(query, row, last, _described(word, before), word)


def _pronoun(form: str, before: Previous) -> str:
    if form in lexicon.PERSON_PRONOUNS:
        return _person(before)
    if form in lexicon.PLACE_PRONOUNS:
        return _place(before)
    if form in lexicon.TIME_PRONOUNS:
        return _time(before)
    named = before.answered("what", frozenset({"이름", "명칭", "제목"}))
    return joined(before) if named else before.topic


def _person(before: Previous) -> str:
    if before.answered("who", lexicon.PERSON_ATTRIBUTES):
        return joined(before)
    return before.person if before.person.startswith(before.topic) else before.topic


def _place(before: Previous) -> str:
    facility = lexicon.FACILITY_END.search(before.topic)
    asked = before.answered("where", lexicon.PLACE_ATTRIBUTES)
    return joined(before) if asked and not facility else before.topic


def _time(before: Previous) -> str:
    when = before.answered("when", frozenset({"시점", "시기", "날짜", "연도", "해", "때", "날"}))
    return f"{before.topic} {before.answer}" if when else before.topic


def joined(before: Previous) -> str:
    """Topic and answer together: the answer alone may be met in other documents."""
    flat = before.answer.replace(" ", "")
    if before.topic.replace(" ", "") in flat:
        return before.answer
    return f"{before.topic} {before.answer}"


def _described(noun: str, before: Previous) -> str:
    """What "그 신문" means: the word that ends in the noun, or the answer of its kind, or the topic."""
    if noun in lexicon.PERSONS:
        return _person(before)
    if noun in lexicon.PLACES:
        return _place(before)
    if noun in lexicon.TIMES:
        return _time(before)
    if before.answer.endswith(noun):
        return joined(before)
    for text in (before.topic, *before.topics):
        words = text.split()
        ends = [row for row, word in enumerate(words, 1) if word.endswith(noun)]
        if ends:
            return " ".join(words[: ends[-1]])
    thing = (topic for topic in (before.topic, *before.topics) if topic != before.person)
    return next(thing, before.topic)


def _replaced(query: Query, first: int, last: int, meant: str, word: str) -> str:
    """``meant`` in place of the morphemes ``[first, last)``, with a particle that fits."""
    start, end = query.morphemes[first].start, query.morphemes[last - 1].end
    particle = ""
    after = query.morphemes[last] if last < len(query.morphemes) else None
    if after is not None and after.tag.startswith("J") and after.start <= end:
        particle, end = _CONTRACTED.get(after.form, after.form), max(end, after.end)
    elif after is not None and after.start > end:
        particle = "" if word in lexicon.TIME_PRONOUNS else _missing_particle(query, after.start, word)
    return query.text[:start] + with_josa(meant, particle) + query.text[end:]


def _missing_particle(query: Query, place: int, word: str) -> str:
    """Before a noun 의; after a bare word of place 에서 before anything else; 은 before a question word."""
    if any(phrase.start == place or phrase.start < place < phrase.end for phrase in query.phrases):
        return "의"
    asks_place = any(query.morphemes[row].form == "어디" for row in query.wh)
    return "에서" if word in lexicon.PLACE_PRONOUNS | lexicon.PLACES and not asks_place else "은"
