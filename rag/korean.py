"""Korean as data: morphemes, sentences and search terms, by Kiwi. The only module that imports kiwipiepy.

Pure: equal text gives equal analyses for one Kiwi version, which :data:`KOREAN_VERSION` names and
indexes record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from rag.types import Span

if TYPE_CHECKING:
    from kiwipiepy import Kiwi, Token

#: What changes when terms or sentences may change: our rules, then Kiwi and its model.
KOREAN_VERSION = f"1+kiwi{version('kiwipiepy')}+model{version('kiwipiepy_model')}"

#: Ids of Kiwi's morphemes that have a vector in its language model are below this.
VECTOR_COUNT = 70_488

CONTENT_TAGS = ("N", "V", "M", "XR", "SL", "SN", "SH")


class Morpheme(NamedTuple):
    """One morpheme at ``[start, end)`` of the analysed text.

    ``id`` is Kiwi's morpheme id; ids below :data:`VECTOR_COUNT` have a vector, others are unknown
    words. Contracted morphemes ("인" = 이 + ᆫ) overlap or are empty ranges.
    """

    form: str
    tag: str
    start: int
    end: int
    id: int

    @property
    def is_content(self) -> bool:
        """Noun, verb, modifier, root, foreign word or number: what search is about."""
        return self.tag.startswith(CONTENT_TAGS)


@dataclass(frozen=True, slots=True)
class Analysis:
    """A text, its morphemes, and its sentences as spans and as ranges of morphemes.

    ``sentences[i]`` covers ``morphemes[bounds[i][0]:bounds[i][1]]``.
    """

    text: str
    morphemes: tuple[Morpheme, ...]
    sentences: tuple[Span, ...]
    bounds: tuple[tuple[int, int], ...]


@lru_cache(maxsize=1)
def _loaded() -> Kiwi:
    from kiwipiepy import Kiwi

    made = Kiwi(model_type="cong", load_multi_dict=False, load_typo_dict=False)
    made.tokenize("가")  # half of the loading is done by the first analysis
    return made


_LOADING = Lock()


def kiwi() -> Kiwi:
    """Kiwi with its CoNg language model: 300 MB, loaded once a process; other threads wait for it.

    The dictionary of multi-word names is left out: it doubles the loading time, and a name cut
    into words is found by its words.
    """
    with _LOADING:
        return _loaded()


def _analysis(text: str, tokens: Sequence[Token]) -> Analysis:
    morphemes = tuple(Morpheme(t.form, str(t.tag), t.start, t.start + t.len, t.id) for t in tokens)
    sentences: list[Span] = []
    bounds: list[tuple[int, int]] = []
    first = 0
    for row in range(1, len(tokens) + 1):
        before = tokens[row - 1]
        if row < len(tokens):
            here = tokens[row]
            same_line = "\n" not in text[before.start + before.len : here.start]
            if here.sent_position == before.sent_position and same_line:
                continue
        end = max(m.end for m in morphemes[first:row])
        if end > morphemes[first].start:
            sentences.append(Span(morphemes[first].start, end))
            bounds.append((first, row))
            first = row
    return Analysis(text, morphemes, tuple(sentences), tuple(bounds))


def analyse(text: str) -> Analysis:
    """Morphemes and sentences of one text; a line break always ends a sentence.

    About 100,000 characters a second. Every morpheme lies in exactly one sentence.
    """
    return _analysis(text, kiwi().tokenize(text)) if text.strip() else Analysis(text, (), (), ())


def analyse_many(texts: Iterable[str]) -> Iterator[Analysis]:
    """:func:`analyse` over many texts on all cores, in order, streaming."""
    for tokens, text in kiwi().tokenize(texts, echo=True):
        yield _analysis(text, tokens)


_WORD = re.compile(r"[0-9A-Za-z가-힣㐀-鿿]+")


def terms(analysis: Analysis) -> list[str]:
    """Search terms in text order: content morphemes (``완공``) and character bigrams (``_완공``).

    Both kinds go into one BM25: morphemes carry meaning, bigrams forgive spacing, unknown names and
    wrong cuts. Latin letters are folded to lower case. Measured in ARCHITECTURE: recall@1 0.917 on
    KorQuAD dev, against 0.897 and 0.892 for either alone.
    """
    found = [m.form.lower() for m in analysis.morphemes if m.is_content]
    for match in _WORD.finditer(analysis.text.lower()):
        word = match.group()
        found += [f"_{word[i : i + 2]}" for i in range(max(1, len(word) - 1))]
    return found
