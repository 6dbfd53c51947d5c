"""Documents made by a seeded program, for measuring size: any number of passages, none of them true.

Words are those of the articles of this repository (``eval/corpora``, ``corpus``), by rank as frequent as
Zipf says; the words of a document come partly from a topic of its own, as those of real articles do, and
its names, numbers and dates are invented, so that the vocabulary grows with the text (Heaps). It is
no Korean that anyone would write: a benchmark on it measures time, memory and the agreement of fast with
exact search, and says nothing about answers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from rag.types import Document, Section, Span

TOPICS = 2_000  # documents share topics, as articles share events
TOPIC_WORDS = 60
PASSAGES_PER_DOCUMENT = 8
_SYLLABLES = (
    "가나다라마바사아자차카하강건경고광구국군권규금기김남노대도동두명모무문미민박백범병보복봉부상서석"
    "선성세소송수순승시신안양연영예오온용우운원유윤은의이인일임장재전정제조종주준중지진창철청최춘태택평필학한해현형혜호홍화환황효훈희"
)
_KINDS = ("시", "군", "대학교", "산업", "연구원", "재단", "전자", "병원", "센터", "은행")
_UNITS = ("명", "원", "건", "곳", "년", "㎡", "km", "개월", "대", "퍼센트")


def vocabulary(folders: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Words of articles by falling frequency, and those that end a sentence."""
    counts: Counter[str] = Counter()
    for path in sorted(file for folder in folders for file in folder.rglob("*") if file.is_file()):
        text = path.read_text("utf-8", errors="ignore")
        if path.suffix == ".jsonl":
            text = " ".join(json.loads(line).get("text", "") for line in text.splitlines())
        if path.suffix in {".jsonl", ".txt", ".md"}:
            counts.update(text.split())
    words = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    hangul = [word for word in words if all("가" <= char <= "힣" or char in ".," for char in word)]
    return [w for w in hangul if w[-1] not in ".,"], [w for w in hangul if w.endswith("다.") and len(w) > 2]


def zipf(count: int, shift: float = 2.7) -> np.ndarray:
    """Cumulative probabilities of ranks ``1 … count`` (Mandelbrot 1953)."""
    weights = 1 / (np.arange(1, count + 1) + shift)
    return np.cumsum(weights / weights.sum())


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes documents: equal seeds and numbers give equal text, whatever was made before.

    Attributes:
        words: By falling frequency.
        endings: Words that end sentences.
        seed: Of everything.
        passage_chars: Length of a paragraph, which becomes one passage.
    """

    words: tuple[str, ...]
    endings: tuple[str, ...]
    seed: int
    passage_chars: int

    @classmethod
    def of(cls, folders: Sequence[Path], seed: int = 0, passage_chars: int = 80) -> Maker:
        """With the vocabulary of the articles in ``folders``."""
        words, endings = vocabulary(folders)
        return cls(tuple(words), tuple(endings), seed, passage_chars)

    def documents(self, passages: int) -> Iterator[Document]:
        """Documents of :data:`PASSAGES_PER_DOCUMENT` paragraphs each, ``passages`` in all."""
        common, last = zipf(len(self.words)), zipf(len(self.endings))
        for number, first in enumerate(range(0, passages, PASSAGES_PER_DOCUMENT)):
            paragraphs = min(PASSAGES_PER_DOCUMENT, passages - first)
            yield self._document(number, paragraphs, common, last)

    def _document(self, number: int, paragraphs: int, common: np.ndarray, last: np.ndarray) -> Document:
        dice = np.random.default_rng((self.seed, number))
        topic = np.random.default_rng((self.seed, 1, int(dice.integers(TOPICS))))
        about = [self.words[row] for row in topic.integers(100, len(self.words), TOPIC_WORDS)]
        names = [name(dice) for _ in range(6)]
        parts = [self._paragraph(dice, common, last, about, names) for _ in range(paragraphs)]
        title = f"{names[0]} {about[0]}"
        starts = np.cumsum([0, *(len(part) + 2 for part in parts)]).tolist()
        sections = [Section(Span(s, s + len(part))) for s, part in zip(starts, parts, strict=False)]
        text = "\n\n".join(parts)
        return Document(f"made-{number}", title, text, published=date(dice), sections=tuple(sections))

    def _paragraph(
        self, dice: Generator, common: np.ndarray, last: np.ndarray, about: list[str], names: list[str]
    ) -> str:
        size = self.passage_chars // 4  # no fewer words than fit
        ranks = np.searchsorted(common, dice.random(size)).tolist()
        topical = dice.integers(len(about), size=size).tolist()
        kinds = dice.random(size).tolist()
        ends = np.searchsorted(last, dice.random(size)).tolist()
        made: list[str] = []
        length = 0
        for n in range(size):
            if length >= self.passage_chars - 8:
                break
            word = self._word(dice, kinds[n], self.words[ranks[n]], about[topical[n]], names)
            made.append(self.endings[ends[n]] if n % 11 == 10 else word)
            length += len(made[-1]) + 1
        return " ".join([*made, self.endings[ends[-1]]])

    @staticmethod
    def _word(dice: Generator, kind: float, common: str, topical: str, names: list[str]) -> str:
        if kind < 0.55:
            return common
        if kind < 0.85:
            return topical
        if kind < 0.93:
            return names[int(dice.integers(len(names)))] + "의"
        return number(dice)


def name(dice: Generator) -> str:
    """A person or a body that does not exist."""
    word = "".join(_SYLLABLES[row] for row in dice.integers(len(_SYLLABLES), size=3))
    return word + _KINDS[int(dice.integers(len(_KINDS)))] if dice.random() < 0.5 else word


def number(dice: Generator) -> str:
    """A quantity: small ones are more frequent (Benford)."""
    return f"{int(10 ** (5 * dice.random())):,}{_UNITS[int(dice.integers(len(_UNITS)))]}"


def date(dice: Generator) -> str:
    """A day of the years 2000 to 2025."""
    return f"{dice.integers(2000, 2026)}-{dice.integers(1, 13):02}-{dice.integers(1, 29):02}"


def questions(maker: Maker, passages: int, count: int) -> list[str]:
    """Questions that share words with some passage each: six of its words in their order, and an ending."""
    dice = np.random.default_rng((maker.seed, 2))
    common, last = zipf(len(maker.words)), zipf(len(maker.endings))
    documents = -(-passages // PASSAGES_PER_DOCUMENT)
    asked = []
    for _ in range(count):
        document = maker._document(int(dice.integers(documents)), 1, common, last)
        words = document.text.split()
        rows = np.sort(dice.permutation(len(words))[:6])
        asked.append(" ".join([document.title.split()[0], *(words[row].rstrip(".") for row in rows)]) + "?")
    return asked
