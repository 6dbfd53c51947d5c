"""Where an answer can stand: runs of noun-like morphemes, quotations, and clauses for why and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rag.evidence import Kind, Matched, Place, Question
from rag.korean import Morpheme

_NOUN_LIKE = frozenset(("NNG NNP NNB SN NR SL SH XSN XPN XR NP MM SW W_EMAIL W_URL W_SERIAL").split())
_LAST = frozenset(("NNG NNP NNB SN NR SL SH XSN XR SW NP W_EMAIL W_URL W_SERIAL SSC").split())
_INSIDE = frozenset(["JKG", "SP", "SO", "SSO", "SSC", "SS", "JC", "SF", "SY"])
_REACH = "까지"
_NUMBERS = frozenset({"SN", "NR"})
_BULLETS = frozenset("▲ △ ○ ● ■ - ·".split())
_CLOSING = frozenset("JKS JKO JKB JX JKC VCP JKQ SF SSC NR MM SN".split())
_SKIPPED_FIRST = frozenset({"XSN"})
#: Longest run, quotation and clause, in morphemes.
LONGEST_RUN = 12
LONGEST_QUOTE = 24
LONGEST_CLAUSE = 30
#: Clauses and phrases are sought in this many of the best sentences.
CLAUSE_SENTENCES = 4
PHRASE_SENTENCES = 3
_EXPLAINED = frozenset({Kind.WHY, Kind.HOW})
_COUNTED = frozenset({Kind.WHEN, Kind.HOWMUCH})


class Shape(IntEnum):
    """How a candidate was found."""

    RUN = 0
    QUOTED = 1  # with its quotation marks
    UNQUOTED = 2
    CLAUSE = 3
    PHRASE = 4  # a noun with what describes it, or a list


@dataclass(frozen=True, slots=True)
class Candidate:
    """Morphemes ``[first, last)`` of the passage of the ``sentence``-th kept sentence."""

    sentence: int
    first: int
    last: int
    shape: Shape


def _quotes(morphemes: Sequence[Morpheme], first: int, end: int) -> Iterator[tuple[int, int, Shape]]:
    for last in range(first + 2, min(first + LONGEST_QUOTE, end)):
        if morphemes[last].tag == "SSC":
            yield first, last + 1, Shape.QUOTED
            yield first + 1, last, Shape.UNQUOTED
            return


def _splits_number(morphemes: Sequence[Morpheme], row: int) -> bool:
    """Whether a cut before ``row`` would tear a number from its unit or from its other digits."""
    before, here = morphemes[row - 1], morphemes[row]
    touching = before.end == here.start
    if before.tag in _NUMBERS and here.tag in {"NNB", "NR", "SW", "XSN"}:
        return touching or here.tag == "NR"
    return touching and here.tag == "SN" and before.tag in {"SN", "SO"}


def _ranges(morphemes: Sequence[Morpheme], row: int, end: int) -> bool:
    """Whether a particle joins two ends of a range ("5년에서 7년", "6시부터 9시까지")."""
    here = morphemes[row]
    if here.form not in {"에서", "부터", "내지", "~"} or row + 1 >= end:
        return False
    after = morphemes[row + 1]
    return after.tag in _NUMBERS or after.form in {"이듬해", "다음", "오전", "오후", "내년"}


def _may_end(morphemes: Sequence[Morpheme], row: int, end: int) -> bool:
    if morphemes[row].tag not in _LAST and morphemes[row].form != _REACH:
        return False
    if row + 1 >= end:
        return True
    here, after = morphemes[row], morphemes[row + 1]
    touching = here.end == after.start
    if touching and after.tag in {"XSN", "NNB"}:
        return False
    if touching and here.tag in _NUMBERS and after.tag in {"SW", "SN", "NR", "SO"}:
        return False
    return not (here.tag in _NUMBERS and after.tag in {"NR", "NNB"})


def _runs(morphemes: Sequence[Morpheme], first: int, end: int) -> Iterator[tuple[int, int, Shape]]:
    opened = 0
    for row in range(first, min(first + LONGEST_RUN, end)):
        tag = morphemes[row].tag
        joins = _ranges(morphemes, row, end) or (row > first and morphemes[row].form == _REACH)
        if tag not in _NOUN_LIKE and tag not in _INSIDE and not joins:
            return
        opened += (tag == "SSO") - (tag == "SSC")
        if opened < 0:
            return
        if opened == 0 and _may_end(morphemes, row, end):
            yield first, row + 1, Shape.RUN


def _ends_clause(morphemes: Sequence[Morpheme], row: int, end: int) -> bool:
    here = morphemes[row]
    after = morphemes[row + 1].tag if row + 1 < end else "END"
    if here.tag in {"EC", "ETN"}:
        return True
    if here.tag == "EF" or here.form in {"때문", "덕분", "까닭", "이유", "목적", "것", "탓"}:
        return True
    if here.tag == "JKB":
        return after not in {"JX", "JKG"}
    return here.tag in {"NNG", "NNP", "NNB", "XSN"} and after in {"JKB", "VCP", "JKO", "SF", "JKS", "END"}


def _word_starts(morphemes: Sequence[Morpheme], start: int, end: int) -> list[int]:
    return [
        row
        for row in range(start, end)
        if (
            row == start
            or morphemes[row - 1].end < morphemes[row].start
            or morphemes[row - 1].form in _BULLETS
        )
        and morphemes[row].tag not in {"SP", "SF", "SSC"}
    ]


def _reaching(
    morphemes: Sequence[Morpheme], start: int, end: int, last: Callable[[Sequence[Morpheme], int, int], bool]
) -> Iterator[tuple[int, int]]:
    """From the start of any word to any morpheme that may be the last one."""
    firsts = _word_starts(morphemes, start, end)
    for row in range(start + 1, end):
        if last(morphemes, row, end):
            yield from ((first, row + 1) for first in firsts if 2 <= row - first < LONGEST_CLAUSE)


def _ends_phrase(morphemes: Sequence[Morpheme], row: int, end: int) -> bool:
    """Whether a noun closes here, and a particle, 이다, 등 or the end of the sentence follows."""
    if not _may_end(morphemes, row, end):
        return False
    after = morphemes[row + 1] if row + 1 < end else None
    return after is None or after.tag in _CLOSING or after.form in {"등", "뿐"}


def _clauses(morphemes: Sequence[Morpheme], start: int, end: int) -> Iterator[tuple[int, int, Shape]]:
    return ((a, b, Shape.CLAUSE) for a, b in _reaching(morphemes, start, end, _ends_clause))


def _phrases(morphemes: Sequence[Morpheme], start: int, end: int) -> Iterator[tuple[int, int, Shape]]:
    return ((a, b, Shape.PHRASE) for a, b in _reaching(morphemes, start, end, _ends_phrase))


def _in_sentence(morphemes: Sequence[Morpheme], start: int, end: int) -> Iterator[tuple[int, int, Shape]]:
    for first in range(start, end):
        tag = morphemes[first].tag
        if tag == "SSO":
            yield from _quotes(morphemes, first, end)
        elif (
            tag in _NOUN_LIKE
            and tag not in _SKIPPED_FIRST
            and not (first > start and _splits_number(morphemes, first))
        ):
            yield from _runs(morphemes, first, end)


def candidates(question: Question, pages: Sequence[Matched], kept: Sequence[Place]) -> list[Candidate]:
    """Every place in the kept sentences (best first) where an answer can stand; no duplicates."""
    found: list[Candidate] = []
    for number, place in enumerate(kept):
        morphemes = pages[place.passage].seen.analysis.morphemes
        spots = list(_in_sentence(morphemes, place.first, place.last))
        if question.kind in _EXPLAINED and number < CLAUSE_SENTENCES:
            spots += _clauses(morphemes, place.first, place.last)
        if question.kind not in _COUNTED and number < PHRASE_SENTENCES:
            spots += _phrases(morphemes, place.first, place.last)
        seen: set[tuple[int, int]] = set()
        for first, last, shape in spots:
            reach = (morphemes[first].start, morphemes[last - 1].end)
            if reach not in seen and reach[0] < reach[1]:
                seen.add(reach)
                found.append(Candidate(number, first, last, shape))
    return found
