"""Ellipsis: what a follow-up left out, put back where it belongs."""

from __future__ import annotations

import re
from itertools import takewhile

from rag.dialogue.josa import with_josa
from rag.dialogue.lexicon import AGAIN, FACILITY_END, ORDINAL, SMALL_TALK, contrast_class, is_attribute
from rag.dialogue.phrase import Phrase, Query
from rag.dialogue.pointing import Previous
from rag.dialogue.title import Titles
from rag.dialogue.topic import Topic, core, is_name, topic_of

_PAIRED = frozenset("은 는 이 가 을 를 과 와 으로 로".split())
_TOPIC_PARTICLES = frozenset({"은", "는", "이", "가", "도", ""})
_ORDINAL_WORDS = re.compile(r"(?:첫|두|세|네|다섯|여섯|일곱|\d+)\s*번?째(?: [가-힣]+)?")
_WH_NOUNS = frozenset({"몇", "무슨", "어떤", "어느"})


def names_own_subject(query: Query, before: Previous, titles: Titles) -> bool:
    """Whether a question says itself what it is about, and asks something of it.

    A bare name ("네이버는?") asks nothing, so it does not count; nor does a name in the role of a place or
    an end ("부산까지 얼마나 걸려?"), nor a short form of the topic ("산업단지는").
    """
    if _bare(query) is not None:
        return False
    for phrase in query.phrases:
        words = core(phrase, titles, asks_property=not query.has_predicate)
        if not words or contrast_class(words) >= 0 or _short_form(words, before):
            continue
        alone = len(query.phrases) == 1
        if phrase.tag == "JKB" and (alone or phrase.particle not in {"에서는", "에는"}):
            continue
        if phrase.particle in {"까지", "부터", "보다"}:
            continue
        if is_name(words, phrase, titles):
            return True
    return False


def completed(query: Query, before: Previous, titles: Titles) -> str:
    """The question with what it left out."""
    bare = _bare(query)
    if bare is not None:
        return _bare_completed(bare, query, before, titles)
    if not query.phrases and not query.wh:
        return _talk(query, before)
    if not query.phrases and not query.has_predicate:
        return _reworded(query, before)
    for phrase in query.phrases:
        if _short_form(phrase.text, before):
            return query.text[: phrase.start] + before.topic + query.text[phrase.start + len(phrase.text) :]
    lead = query.phrases[0] if query.phrases else None
    repeats = not query.has_predicate and query.kind == before.query.kind and before.query.kind
    if lead and repeats and contrast_class(lead.text) >= 0:
        return _inserted(lead, before, titles)
    return _asked_of(before.topic, query)


def _talk(query: Query, before: Previous) -> str:
    """Thanks stay thanks; "더 자세히 알려줘" asks the same again; the rest is asked of the topic."""
    forms = [m.form for m in query.morphemes]
    if AGAIN & set(forms):
        return before.query.text
    asks = "?" in query.text or not SMALL_TALK & set(forms)
    return _asked_of(before.topic, query) if asks else query.text


def _bare(query: Query) -> Phrase | None:
    """The one phrase of "X는?", "X에서는?", "X는 어때?"."""
    asks = [query.morphemes[row].form for row in query.wh]
    rest = [m for m in query.morphemes if m.tag.startswith(("VV", "XSV"))]
    how = any(m.form == "어떻" for m in query.morphemes)
    if len(query.phrases) != 1 or (asks and not how) or (rest and not how):
        return None
    return None if query.has_predicate and not how else query.phrases[0]


def _bare_completed(phrase: Phrase, query: Query, before: Previous, titles: Titles) -> str:
    if (
        contrast_class(phrase.text) >= 0
        or phrase.tag == "JKB"
        or phrase.particle.startswith(("까지", "부터"))
    ):
        return _inserted(phrase, before, titles)
    words = core(phrase, titles, asks_property=True)
    case = _other_case(phrase, before, titles)
    if case:
        return case
    if words == phrase.text and is_name(words, phrase, titles) and not _short_form(words, before):
        return _swapped(phrase, before, titles)
    if words and is_name(words, phrase, titles) and not _short_form(words, before):
        return query.text  # "백두산 높이는?" names what it asks of
    return _asked_of(before.topic, query)


def _short_form(words: str, before: Previous) -> bool:
    """Whether words are the last ones of a longer topic ("산업단지" of "가람 미래차 산업단지")."""
    flat, topic = words.replace(" ", ""), before.topic.replace(" ", "")
    return flat != topic and topic.endswith(flat) and not is_attribute(words)


def _asked_of(topic: str, query: Query) -> str:
    lead = query.phrases[0] if query.phrases else None
    if lead is not None and lead.start == query.morphemes[0].start:
        marked = lead.particle in {"은", "는", "도", "란", "이란"} or not lead.particle or lead.tag == "VCP"
        if marked or is_attribute(lead.text):
            return f"{topic}의 {query.text}"
    if any(phrase.particle in {"은", "는"} for phrase in query.phrases):
        return f"{topic} {query.text}"
    return f"{with_josa(topic, '은')} {query.text}"


def _swapped(phrase: Phrase, before: Previous, titles: Titles) -> str:
    """The question before, asked of another name."""
    place = _parallel(phrase, before, titles)
    if place is None:
        return _asked_of(before.topic, before.query)
    text, particle = before.query.text, place.particle
    after = text[place.end :]
    if particle in _PAIRED and after.startswith(particle):
        return text[: place.start] + with_josa(phrase.text, particle) + after[len(particle) :]
    return text[: place.start] + phrase.text + after


def _parallel(phrase: Phrase, before: Previous, titles: Titles) -> Topic | None:
    """What a new name replaces: the name most like it ("충북도" for "경남도"), else the topic."""
    best, found = 0, None
    for other in before.query.phrases:
        words = core(other, titles, asks_property=not before.query.has_predicate)
        for last in range(1, len(words.split()) + 1):
            name = " ".join(words.split()[:last])
            alike = _likeness(name, phrase.text)
            if is_name(name, other, titles) and alike > best:
                place = Topic(name, other.start, other.start + len(name), _rest(other, name))
                best, found = alike, place
    return found or topic_of(before.query, titles)


def _likeness(one: str, other: str) -> int:
    """Characters that two names share at their ends, or at their beginnings; Latin names are alike."""
    if one == other:
        return 0
    ends = _shared(one[::-1], other[::-1])
    latin = 1 if one[:1].isascii() and other[:1].isascii() else 0
    return max(ends, _shared(one, other), latin)


def _shared(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _rest(phrase: Phrase, words: str) -> str:
    return phrase.particle if words == phrase.text else ""


def _other_case(phrase: Phrase, before: Previous, titles: Titles) -> str:
    """The question before of another case of the same thing, or "": "생산 관리는 몇 명?", "품질 검사는?".

    The words between the name and the property or the particle change.
    """
    strong = FACILITY_END.search(phrase.text) is not None or titles.contain(phrase.text)
    if strong or any(is_attribute(word) for word in phrase.text.split()) or phrase.nouns[0].tag == "SL":
        return ""
    for other in before.query.phrases:
        name = core(other, titles, asks_property=False)
        tail = other.text[len(name) :].split()
        while tail and is_attribute(tail[-1]):
            tail.pop()
        if name and tail and other.text.startswith(f"{name} {tail[0]}"):
            rest = other.text[len(f"{name} {' '.join(tail)}") :]
            if not before.query.wh:
                return ""
            text = before.query.text
            fitted = phrase.text + other.particle if rest else with_josa(phrase.text, other.particle)
            fitted = phrase.text + rest + other.particle if rest else fitted
            return f"{text[: other.start]}{name} {fitted}{text[other.end + len(other.particle) :]}"
    return ""


def _inserted(phrase: Phrase, before: Previous, titles: Titles) -> str:
    """The question before, narrowed to a case: "천문대 어린이 관람료는?"."""
    text, case = before.query.text, contrast_class(phrase.text)
    for other in before.query.phrases:
        if case >= 0 and any(contrast_class(word) == case for word in (other.text, *other.text.split())):
            return text[: other.start] + _same_case(phrase, other, case) + text[other.end :]
    for other in before.query.phrases if phrase.is_proper else ():
        ends = other.particle and phrase.particle.startswith(other.particle)
        if ends and other.particle in {"까지", "부터", "에서"}:
            return text[: other.start] + phrase.text + text[other.end :]
    if case == ORDINAL and (told := _ORDINAL_WORDS.search(text)):
        return text[: told.start()] + phrase.text + text[told.end() :]
    place = topic_of(before.query, titles)
    if place is None:
        return f"{before.topic} {text}"
    after = text[place.end + len(place.particle) :]
    words = phrase.text + ("" if phrase.particle in _TOPIC_PARTICLES else phrase.particle)
    particle = place.particle
    if place.particle in {"은", "는"} and phrase.particle in {"은", "는"}:
        particle, words = "", with_josa(phrase.text, "은")
    return f"{text[: place.start]}{place.text}{particle} {words}{after}"


def _same_case(phrase: Phrase, other: Phrase, case: int) -> str:
    """The other phrase with its word of contrast changed for the new one."""
    words = other.text.split()
    kept = [word for word in words if contrast_class(word) != case]
    if case == ORDINAL or len(kept) == len(words):
        return phrase.text
    return " ".join(phrase.text if contrast_class(word) == case else word for word in words)


def _reworded(query: Query, before: Previous) -> str:
    """The question before with another question word: "왜?"."""
    asked = before.query
    if not asked.wh:
        return f"{with_josa(before.topic, '은')} {query.text}"
    row = asked.wh[-1]
    start = asked.morphemes[row].start
    if not asked.has_predicate:
        return f"{asked.text[:start]}{query.text}"
    last = row + 1
    if asked.morphemes[row].form in _WH_NOUNS:
        while last < len(asked.morphemes) and asked.morphemes[last].tag[0] in "NX":
            last += 1
    while last < len(asked.morphemes) and asked.morphemes[last].tag.startswith("J"):
        last += 1
    end = max(m.end for m in asked.morphemes[row:last])
    return f"{asked.text[:start]}{query.text.rstrip('?.! ')}{asked.text[end:]}"
