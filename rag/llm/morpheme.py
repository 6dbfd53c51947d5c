"""Tokens of our own GGUF models: frequent morphemes whole, all else by characters, each at its code points.

A token that is a morpheme is spelled ``form/TAG`` in the file, a character as itself, a byte as
``<0xEA>``. The file carries this vocabulary and the layout of a prompt, so nothing else is needed to ask
it. How such a model is made: ``recipes/llm``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag.errors import ModelDamagedError
from rag.korean import Analysis, Morpheme, analyse
from rag.text import normalise
from rag.types import Span

#: Field of the GGUF head that names this kind of vocabulary, its value, and prefix of the layout's fields.
FIELD, SCHEME, LAYOUT_FIELD = "geungeo.vocabulary", "kiwi-morphemes-1", "geungeo.layout."
BEGIN, END = "<s>", "</s>"
QUESTION, EVIDENCE, ANSWER, MATCH = "<|question|>", "<|evidence|>", "<|answer|>", "<|match|>"
CONTROLS = ("<unk>", BEGIN, END, QUESTION, EVIDENCE, ANSWER, MATCH)
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))

#: Words that stand in any question and any text: meeting them again says nothing.
_COMMON = frozenset(
    "하 되 있 없 이 것 수 않 보 주 때 등 위하 대하 통하 따르 받 그 무엇 누구 어디 언제 얼마 몇".split()
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPELLED_TAGS = frozenset({"SN", "SL", "SH"})


def spelled(morpheme: Morpheme) -> str:
    """How a whole morpheme is written as a token."""
    return f"{morpheme.form}/{morpheme.tag}"


def by_characters(morpheme: Morpheme) -> bool:
    """Numbers and foreign words never become whole tokens: each is new."""
    return morpheme.tag in _SPELLED_TAGS


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ids with the code points ``[start, end)`` that each stands for, and the row of its morpheme."""

    ids: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    owners: tuple[int, ...]


class Vocabulary:
    """Ids by spelling.

    Args:
        tokens: Spellings in the order of ids; :data:`CONTROLS` and :data:`BYTES` must be among them.

    Raises:
        ModelDamagedError: They are not, or a spelling stands twice.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._ids = {token: row for row, token in enumerate(tokens)}
        if len(self._ids) != len(tokens) or not self._ids.keys() >= {*CONTROLS, *BYTES}:
            raise ModelDamagedError(
                "모델의 어휘가 형태소 어휘의 꼴이 아닙니다.", "모델을 다시 만들어 주세요."
            )

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, token: str) -> int:
        return self._ids[token]

    def encode(self, analysis: Analysis) -> Tokens:
        """Tokens of a whole text, in its order. Any text can be spelled."""
        found = [
            (token, start, end, row)
            for row, morpheme in enumerate(analysis.morphemes)
            for token, start, end in self._pieces(morpheme)
        ]
        ids, starts, ends, owners = zip(*found, strict=True) if found else ((), (), (), ())
        return Tokens(ids, starts, ends, owners)

    def characters(self, text: str) -> tuple[int, ...]:
        """Ids of a text spelled by characters, spaces left out."""
        return tuple(token for char in text if not char.isspace() for token in self._spelling(char))

    def _pieces(self, morpheme: Morpheme) -> Iterator[tuple[int, int, int]]:
        whole = None if by_characters(morpheme) else self._ids.get(spelled(morpheme))
        if whole is not None:
            yield whole, morpheme.start, morpheme.end
            return
        # Contracted forms differ from what is written: then all characters stand for the whole.
        apart = len(morpheme.form) == morpheme.end - morpheme.start
        for place, char in enumerate(morpheme.form):
            start = morpheme.start + place if apart else morpheme.start
            end = start + 1 if apart else morpheme.end
            for token in self._spelling(char):
                yield token, start, end

    def _spelling(self, char: str) -> tuple[int, ...]:
        whole = self._ids.get(char)
        if whole is not None:
            return (whole,)
        return tuple(self._ids[BYTES[byte]] for byte in char.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Layout:
    """Most tokens of each part of a prompt; longer texts lose their end, longer questions their beginning.

    Attributes:
        question: Of the question.
        evidence: Of all texts together, marks included.
        answer: Of an answer, its end included.
        repeats: How often the texts are shown, one time after the other: a causal model that reads them
            twice knows what follows each word.
    """

    question: int
    evidence: int
    answer: int
    repeats: int

    def __post_init__(self) -> None:
        if min(self.question, self.evidence, self.answer, self.repeats) < 1:
            raise ModelDamagedError(
                "모델의 프롬프트 틀에 0 이하의 길이가 있습니다.", "모델을 다시 만들어 주세요."
            )

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Layout:
        """From the fields of a GGUF head.

        Raises:
            ModelDamagedError: A field is missing or no number.
        """
        try:
            return cls(*(int(fields[LAYOUT_FIELD + name]) for name in cls.__slots__))
        except (KeyError, ValueError):
            raise ModelDamagedError(
                "모델에 프롬프트 틀(geungeo.layout)이 없습니다.", "모델을 다시 만들어 주세요."
            ) from None

    @property
    def prompt(self) -> int:
        """Most tokens of a prompt: three controls, the question, each showing with its control."""
        return 3 + self.question + self.repeats * (1 + self.evidence)

    @property
    def total(self) -> int:
        """Most tokens of a prompt with its answer."""
        return self.prompt + self.answer


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is shown before an answer.

    Attributes:
        ids: From the beginning to the control after which the answer comes.
        texts: Tokens of each text given, shown or not.
        places: For each id the text and the token in it that it shows; -1 for what is no token of a text.
    """

    ids: tuple[int, ...]
    texts: tuple[Tokens, ...]
    places: tuple[tuple[int, int], ...]


def prompt(vocabulary: Vocabulary, layout: Layout, question: str, texts: Sequence[str]) -> Prompt:
    """The prompt for a question and texts, best first: the best stands last, next to the answer.

    Question before evidence, so that reading the evidence can depend on it. After each word of the
    evidence that also stands in the question comes a mark, so that matching need not be learnt.
    """
    asked = analyse(normalise(question))
    words = {_word(m) for m in asked.morphemes if _tells(m)}
    analyses = [analyse(_whole(text)) for text in texts]
    read = tuple(vocabulary.encode(analysis) for analysis in analyses)
    pieces = [
        _marked(vocabulary, analysis, tokens, words) for analysis, tokens in zip(analyses, read, strict=True)
    ]
    shown = _fitting([len(piece) for piece in pieces], layout.evidence)
    evidence = [(token, (row, at)) for row in reversed(shown) for token, at in pieces[row][: layout.evidence]]
    nothing = (-1, -1)
    start = [BEGIN, QUESTION]
    laid = [(vocabulary[control], nothing) for control in start]
    laid += [(token, nothing) for token in vocabulary.encode(asked).ids[-layout.question :]]
    for _ in range(layout.repeats):
        laid += [(vocabulary[EVIDENCE], nothing), *evidence]
    laid.append((vocabulary[ANSWER], nothing))
    return Prompt(tuple(i for i, _ in laid), read, tuple(place for _, place in laid))


def answer(vocabulary: Vocabulary, tokens: Tokens, text: str, span: Span) -> tuple[int, ...]:
    """Ids of the answer at ``span`` of ``text``, without its end: whole tokens, torn ones by characters."""
    found: list[int] = []
    torn: set[tuple[int, int]] = set()
    for token, start, end in zip(tokens.ids, tokens.starts, tokens.ends, strict=True):
        if not (start < span.end and end > span.start):
            continue
        if span.start <= start and end <= span.end:
            found.append(token)
        elif (start, end) not in torn:
            torn.add((start, end))
            found += vocabulary.characters(text[max(start, span.start) : min(end, span.end)])
    return tuple(found)


def _fitting(sizes: Sequence[int], room: int) -> list[int]:
    """Rows of those that fit, taken in order; the first always, for its end can be cut."""
    found: list[int] = []
    for row, size in enumerate(sizes):
        if not found or size <= room:
            found.append(row)
            room -= size
    return found


def _whole(text: str) -> str:
    """The text with lone surrogates, which Kiwi cannot read, as U+FFFD; positions stay."""
    return _SURROGATES.sub("\ufffd", text)


def _word(morpheme: Morpheme) -> str:
    return morpheme.form.lower()


def _tells(morpheme: Morpheme) -> bool:
    return morpheme.is_content and morpheme.form not in _COMMON


def _marked(
    vocabulary: Vocabulary, analysis: Analysis, tokens: Tokens, words: Collection[str]
) -> list[tuple[int, int]]:
    """``(id, token)`` of a text, with a mark after the last token of each word of the question."""
    morphemes = analysis.morphemes
    mark = vocabulary[MATCH]
    found: list[tuple[int, int]] = []
    for at, (token, owner) in enumerate(zip(tokens.ids, tokens.owners, strict=True)):
        found.append((token, at))
        last = at + 1 == len(tokens.ids) or tokens.owners[at + 1] != owner
        if last and _tells(morphemes[owner]) and _word(morphemes[owner]) in words:
            found.append((mark, -1))
    return found
