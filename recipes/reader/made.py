"""Questions made from plain sentences: the answer out, words thinned and swapped, a question word in.

They teach the network to match and to tell kinds of answers apart before it sees questions that people
wrote. Their wording is poor on purpose: what is left of a sentence must be found again by meaning.
"""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rag.chunk import chunk
from rag.evidence.lexicon import UNIT_OF, Unit
from rag.evidence.paraphrase import Paraphrases
from rag.evidence.view import TAGS, View, vectors, view
from rag.korean import VECTOR_COUNT, Morpheme, analyse
from rag.text import normalise
from rag.types import Document, Section, Span
from recipes.reader.data import Article, Asked, Example, example, retrieve, without

#: Files of plain text, and how many paragraphs are taken of each at most: laws are all alike.
SOURCES = {
    "kobest_boolq_wiki_paragraphs": 10_000,
    "UD_Korean-GSD": 2000,
    "UD_Korean-Kaist": 2000,
    "kr_laws": 400,
}
_PARTICLES = frozenset("JKS JKO JKB JX JKC VCP JKG JC".split())
_NOUNS = frozenset("NNG NNP NNB SN NR SL XSN".split())
_BEGINS = frozenset("NNG NNP SN SL NR XPN MM".split())
_TIMES = {Unit.YEAR, Unit.MONTH, Unit.DAY, Unit.CENTURY}
_BY_UNIT = {
    Unit.PERSON: ("몇 명", "몇 명", "얼마나 많은 사람"),
    Unit.MONEY: ("얼마", "얼마", "몇 원"),
    Unit.PERCENT: ("몇 퍼센트", "몇 %"),
    Unit.AREA: ("얼마", "몇 ㎡"),
    Unit.LENGTH: ("얼마", "몇 m"),
    Unit.WEIGHT: ("얼마", "몇 kg"),
    Unit.AGE: ("몇 살", "몇 세"),
    Unit.CLOCK: ("몇 시", "언제"),
    Unit.CENTURY: ("몇 세기", "언제"),
}


def sources(folder: Path) -> list[Path]:
    """The files of plain text that questions are made from."""
    return [folder / "text" / f"{name}.jsonl.xz" for name in SOURCES]


def texts(folder: Path, limit: int, chance: random.Random) -> list[tuple[str, str]]:
    """``(title, text)`` of paragraphs of 150 to 1,200 characters, shuffled."""
    found = []
    for path, most in zip(sources(folder), SOURCES.values(), strict=True):
        taken = 0
        with lzma.open(path, "rt", encoding="utf-8") as stream:
            for line in stream:
                record = json.loads(line)
                text = normalise(record["text"])[:1200]
                if len(text) >= 150 and taken < most:
                    taken += 1
                    found.append((normalise(record.get("title") or ""), text))
    chance.shuffle(found)
    return found[:limit]


def _nouns(morphemes: Sequence[Morpheme], first: int, end: int) -> Iterator[tuple[int, int]]:
    """Noun phrases ``[first, last)`` that a particle follows, so that they are whole."""
    row = first
    while row < end:
        begins = morphemes[row].tag in _BEGINS and (
            row == first or morphemes[row - 1].end < morphemes[row].start or morphemes[row - 1].tag == "SSO"
        )
        if not begins:
            row += 1
            continue
        last = row + 1
        while last < end and morphemes[last].tag in _NOUNS and last - row < 6:
            last += 1
        if (
            last < end
            and morphemes[last].tag in _PARTICLES
            and morphemes[last].start == morphemes[last - 1].end
        ):
            yield row, last
        row = last


def _asked_for(seen: View, first: int, last: int, chance: random.Random) -> str:
    """A question word for an answer."""
    units = [Unit(int(u)) for u in seen.units[first:last] if u]
    morphemes = seen.analysis.morphemes[first:last]
    if units:
        return _number_word(units[-1], morphemes, chance)
    if any(m.tag == "NNP" for m in morphemes):
        return _name_word(int(seen.ids[last - 1]), chance)
    if last - first > 1 and chance.random() < 0.4:
        return chance.choice(("어떤", "어느", "무슨")) + f" {morphemes[-1].form}"
    return chance.choice(("무엇", "무엇", "뭐"))


def _number_word(unit: Unit, morphemes: Sequence[Morpheme], chance: random.Random) -> str:
    if unit is Unit.NUMBER:
        return chance.choice(("몇", "얼마"))
    if unit in _TIMES:
        return chance.choice(("언제", "언제", "몇 년" if unit is Unit.YEAR else "며칠"))
    if unit in _BY_UNIT:
        return chance.choice(_BY_UNIT[unit])
    return f"몇 {next((m.form for m in reversed(morphemes) if m.form in UNIT_OF), '개')}"


def _name_word(row: int, chance: random.Random) -> str:
    """Whom, where or what a name is asked for by, as its vector has it."""
    kinds = ("누구", "어디", "무엇")
    if row >= 0:
        models = np.stack([view(word).rows[0] for word in ("사람", "지역", "물건")])
        near = models @ vectors().rows([row])[0]
        if near.max() > 0.25:
            return kinds[int(near.argmax())]
    return chance.choice(kinds)


_OPEN = {"은": "는", "이": "가", "을": "를", "과": "와", "으로": "로"}
_CLOSED = {opened: closed for closed, opened in _OPEN.items()}


def _marked(word: str, particle: str) -> str:
    """A word with its particle in the form that fits its last syllable."""
    has_final = "가" <= word[-1] <= "힣" and (ord(word[-1]) - ord("가")) % 28 > 0
    fitting = _CLOSED.get(particle, particle) if has_final else _OPEN.get(particle, particle)
    return {"누구가": "누가"}.get(word + fitting, word + fitting)


class _Swap:
    """Words of like meaning: half by the paraphrases where they know one, else by Kiwi's vectors."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._table = vectors().rows(np.arange(VECTOR_COUNT))
        self._forms: dict[int, tuple[str, str]] = {}
        self._near: dict[int, list[int]] = {}
        self._same: dict[str, set[str]] = {}
        self._nouns: dict[str, list[str]] = {}
        known = Paraphrases.load()
        for number in range(len(known)):
            single = [one[0] for one in known.group(number) if len(one) == 1]
            for form in single:
                self._same.setdefault(form, set()).update(single)

    def learn(self, seen: View) -> None:
        for m, row in zip(seen.analysis.morphemes, seen.ids.tolist(), strict=True):
            if row >= 0 and m.tag in {"NNG", "VV", "XR"}:
                self._forms[row] = (m.form, m.tag)

    def _said(self, form: str) -> list[str]:
        """Nouns that say the same as a noun."""
        if form not in self._nouns:
            others = sorted(self._same.get(form, set()) - {form})
            self._nouns[form] = [
                other for other in others if [m.tag for m in analyse(other).morphemes] == ["NNG"]
            ]
        return self._nouns[form]

    def word(self, m: Morpheme, row: int) -> str:
        if (same := self._said(m.form)) and self._chance.random() < 0.5:
            return self._chance.choice(same)
        if row not in self._near:
            cosines = self._table @ self._table[row]
            best = np.argsort(-cosines)[1:12]
            self._near[row] = [int(r) for r in best if cosines[r] > 0.55]
        fitting = [
            self._forms[r][0] for r in self._near[row] if r in self._forms and self._forms[r][1] == m.tag
        ]
        return self._chance.choice(fitting) if fitting else m.form


def _question(
    seen: View, bounds: tuple[int, int], first: int, last: int, swap: _Swap, chance: random.Random
) -> str:
    """Words around the answer, some left out, some swapped, with a question word in its place."""
    morphemes, text = seen.analysis.morphemes, seen.text
    low, high = bounds
    if chance.random() < 0.7:  # only the part of the sentence around the answer
        clause = seen.clauses[first]
        same = np.flatnonzero(seen.clauses[low:high] == clause) + low
        low, high = int(same[0]), int(same[-1]) + 1
        if high - low < 6:
            low, high = max(bounds[0], low - 8), min(bounds[1], high + 8)
    words: list[str] = []
    keep = chance.uniform(0.45, 0.95)
    row = low
    wh = _asked_for(seen, first, last, chance)
    while row < high:
        if row == first:
            particle = morphemes[last].form if last < high and morphemes[last].tag.startswith("J") else ""
            words.append(_marked(wh, particle) if chance.random() < 0.7 else wh)
            row = last + 1
            continue
        end = row + 1
        while end < high and end != first and morphemes[end].start <= morphemes[end - 1].end:
            end += 1
        piece = text[morphemes[row].start : morphemes[end - 1].end]
        if chance.random() < keep:
            m = morphemes[row]
            if chance.random() < 0.2 and m.tag == "NNG" and seen.ids[row] >= 0 and piece.startswith(m.form):
                piece = swap.word(m, int(seen.ids[row])) + piece[len(m.form) :]
            words.append(piece.strip(".,\"'“”‘’"))
        row = end
    style = chance.random()
    if style < 0.3 and wh in " ".join(words):  # noun-final: what is asked for comes last
        asked = next(word for word in words if wh.split()[0] in word)
        words.remove(asked)
        ending = {"언제": "시기는", "누구": "사람은", "어디": "곳은", "얼마": "금액은"}.get(wh, f"{wh}인가")
        words.append(ending)
    elif style < 0.5:
        chance.shuffle(words)
    made = " ".join(word for word in words if word)
    for old, new in (("하였다", "했나"), ("이다", "인가"), ("었다", "었나"), ("았다", "았나"), ("다", "나")):
        if made.endswith(old):
            made = made[: -len(old)] + new
            break
    return made + "?"


def made(
    folder: Path, paragraphs: int, seed: int, bereft_share: float, per_text: int = 3
) -> Iterator[Example]:
    """Questions on plain text, each with passages found among a few paragraphs.

    ``bereft_share`` of them are asked once more with the sentence that answers taken out, so that what is
    left speaks of the same things and does not answer.
    """
    chance = random.Random(seed)
    swap = _Swap(chance)
    found = texts(folder, paragraphs, chance)
    for start in range(0, len(found), 8):
        group = []
        for row, (title, text) in enumerate(found[start : start + 8], start):
            document = Document(f"made/{row}", title, text, sections=(Section(Span(0, len(text))),))
            group.append(document)
        passages = [p for document in group for p in chunk(document, 400)]
        for document in group:
            seen = view(document.text)
            swap.learn(seen)
            places = [
                (bounds, span)
                for bounds in seen.analysis.bounds
                if bounds[1] - bounds[0] >= 8
                for span in _nouns(seen.analysis.morphemes, *bounds)
            ]
            heavy = [
                p
                for p in places
                if seen.units[p[1][0] : p[1][1]].any() or (seen.tags[p[1][0] : p[1][1]] == TAGS["NNP"]).any()
            ]
            picks = chance.sample(places, min(per_text - 1, len(places))) + chance.sample(
                heavy, min(1, len(heavy))
            )
            for bounds, (first, last) in picks:
                morphemes = seen.analysis.morphemes
                begin, end = morphemes[first].start, morphemes[last - 1].end
                question = _question(seen, bounds, first, last, swap, chance)
                if len(question) < 8:
                    continue
                answer = document.text[begin:end]
                asked = Asked(question, (answer,), begin, None, "made")
                article = Article(document, f"made/{document.id}", "made", (asked,))
                evidence = retrieve(question, passages)
                if evidence:
                    yield example(article, asked, evidence)
                less = without(article, asked) if chance.random() < bereft_share else None
                if less is not None:
                    rest = [p for p in passages if p.document_id != document.id]
                    evidence = retrieve(question, [*rest, *chunk(less.document, 400)])
                    if evidence and not any(answer in item.passage.text for item in evidence):
                        yield example(article, replace(asked, answers=()), evidence)
