"""Drafts of cases from one's own documents: sentences that state a date, sum or number, asked back.

A draft is no case: it carries ``"draft": true``, which a set refuses, until a person has accepted it.
The rules are plain (the quantity becomes "언제", "얼마", "몇 명", the ending becomes a question), so that
a draft is sometimes clumsy; the review is there to reject or reword it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import rag
from eval import jsonl
from eval.case import DRAFT, EvalCase, GoldEvidence, parse_case
from rag.errors import UsageError
from rag.quantity import Amount, Date, Quantity, find

#: Sentences outside these lengths (code points) make poor questions.
SENTENCE_CHARS = (12, 120)
#: Paragraphs outside these lengths are not shown to a model.
PARAGRAPH_CHARS = (60, 1500)
#: Drafts from one document at most, so that a set covers many.
PER_DOCUMENT = 3
#: Typed to end a review; the rest stays a draft.
END = "q"

_MONEY = frozenset({"원", "달러", "유로", "엔", "위안"})
_ASKED = {
    "%": "몇 %",
    "%p": "몇 %포인트",
    "m": "어느 정도의 길이",
    "kg": "어느 정도의 무게",
    "㎡": "어느 정도의 넓이",
    "시각": "몇 시",
    "세": "몇 살",
    "회": "몇 번",
}
_COUNTED = frozenset("명개곳대권채척건층위종배장편쪽동점") | {"가지", "마리", "그루", "가구"}
_ENDINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=[가-힣])이다$"), "인가요"),
    (re.compile(r"(?<=[았었였했됐섰갔왔났졌봤줬렸켰쳤냈웠꿨놨있없겠])다$"), "나요"),
    (re.compile(r"는다$"), "나요"),
)
_HEDGE = re.compile(r"(?:약|총|모두|무려)\s*$")
_AFTER_VOWEL = {"을": "를", "은": "는", "이": "가", "과": "와", "으로": "로"}
_AFTER_CONSONANT = re.compile(r"^(?:을|은|이|과|으로)(?=\s)")
#: Speech says what someone thinks; a sentence cut out of it is no fact.
_SPEECH = re.compile(r"[“”\"]")
#: Sentences that lean on the one before them say nothing alone.
_LEANING = re.compile(
    r"^(?:이|그|저|또|하지만|그러나|다만|특히|반면|한편|아울러|이어|이에|당시|앞서)(?:\s|는|를|가|번|들)"
)


def asked_for(quantity: Quantity) -> str | None:
    """The question word for a quantity, or ``None`` where none fits."""
    if isinstance(quantity, Date):
        return "언제" if quantity.year is not None else None
    if quantity.unit in _MONEY:
        return "얼마"
    return f"몇 {quantity.unit}" if quantity.unit in _COUNTED else _ASKED.get(quantity.unit)


def _present(stem: str) -> str | None:
    """``"운영한"`` (before 다) → ``"운영하"``: a syllable without its ㄴ, or ``None``."""
    code = ord(stem[-1]) - 0xAC00 if stem else -1
    if 0 <= code < 11172 and code % 28 == 4:  # the final ㄴ is the fifth of 28
        return stem[:-1] + chr(0xAC00 + code - 4)
    return None


def as_question(statement: str) -> str | None:
    """``"다리는 언제 놓였다"`` → ``"다리는 언제 놓였나요?"``; ``None`` where the ending is not known."""
    for pattern, ending in _ENDINGS:
        if pattern.search(statement):
            return f"{pattern.sub(ending, statement)}?"
    stem = _present(statement.removesuffix("다")) if statement.endswith("다") else None
    return f"{stem}나요?" if stem else None


def _question(sentence: str, quantity: Quantity) -> str | None:
    word = asked_for(quantity)
    if word is None:
        return None
    before = _HEDGE.sub("", sentence[: quantity.span.start])
    after = sentence[quantity.span.end :]
    if word == "언제":
        after = re.sub(r"^에(?=\s)", "", after)
    if word == "얼마":  # ends in a vowel, where 원 does not
        after = _AFTER_CONSONANT.sub(lambda match: _AFTER_VOWEL[match.group()], after)
    return as_question(f"{before}{word}{after}".rstrip(" ."))


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed case; only :func:`review` makes it one."""

    case: EvalCase

    def to_json(self) -> dict[str, object]:
        """One line of a draft file."""
        return {**self.case.to_json(), DRAFT: True}


def _usable(sentence: str) -> bool:
    low, high = SENTENCE_CHARS
    return (
        low <= len(sentence) <= high
        and "\n" not in sentence
        and not (_LEANING.search(sentence) or _SPEECH.search(sentence))
    )


def _of_document(name: str, text: str) -> Iterator[Draft]:
    for span in rag.analyse(text).sentences:
        sentence = text[span.start : span.end]
        found = find(sentence) if _usable(sentence) else ()
        if len(found) != 1:  # with two quantities, which one is asked for is not clear
            continue
        question = _question(sentence, found[0])
        if question:
            answer = sentence[found[0].span.start : found[0].span.end]
            kind = "howmuch" if isinstance(found[0], Amount) else "when"
            evidence = (GoldEvidence(name, sentence),)
            case = EvalCase(f"{name}-{span.start}", question, (answer,), True, evidence, kind, name)
            yield Draft(case)


#: Asks a question of a text: the question and an answer that stands in it, or ``None``.
Writer = Callable[[str], tuple[str, str] | None]


def _written(name: str, text: str, writer: Writer) -> Iterator[Draft]:
    """Drafts that a model writes, one a paragraph; those whose answer lies in no sentence are dropped."""
    sentences = rag.analyse(text).sentences
    low, high = PARAGRAPH_CHARS
    for paragraph in re.finditer(rf"[^\n]{{{low},{high}}}", text):
        pair = writer(paragraph.group())
        if pair is None:
            continue
        question, answer = pair
        start = paragraph.start() + paragraph.group().find(answer)
        held = next((s for s in sentences if s.start <= start and start + len(answer) <= s.end), None)
        if held is not None:
            evidence = (GoldEvidence(name, text[held.start : held.end]),)
            yield Draft(EvalCase(f"{name}-{start}", question, (answer,), True, evidence, "what", name))


def make(
    texts: Mapping[str, str], per_document: int = PER_DOCUMENT, writer: Writer | None = None
) -> Iterator[Draft]:
    """Drafts from documents (id to normalised text), in order.

    Args:
        texts: By document id.
        per_document: At most, of each way of drafting.
        writer: A model that drafts beside the rules, if one is configured.
    """
    for name, text in texts.items():
        yield from islice(_of_document(name, text), per_document)
        if writer is not None:
            yield from islice(_written(name, text, writer), per_document)


def read(path: Path) -> list[Draft]:
    """A draft file.

    Raises:
        UsageError: A malformed line, or one that is no draft.
    """
    drafts: list[Draft] = []
    for number, record in jsonl.read(path):
        marked = record.pop(DRAFT, False)
        try:
            if marked is not True:
                raise ValueError("초안이 아닙니다")
            drafts.append(Draft(parse_case(record)))
        except ValueError as error:
            raise UsageError(
                f"{path}의 {number}번째 줄: {error}.", "eval make 가 쓴 파일을 주세요."
            ) from None
    return drafts


@dataclass(slots=True)
class Review:
    """What a person decided so far.

    Attributes:
        accepted: Cases, reworded where the person did.
        rejected: How many were turned down.
        left: Drafts not looked at, where the review was ended early.
    """

    accepted: list[EvalCase]
    rejected: int
    left: list[Draft]


def review(drafts: Iterable[Draft], show: Callable[[str], None], ask: Callable[[str], str]) -> Review:
    """Go through drafts: y accepts, n rejects, q ends; any other words are the question instead.

    Args:
        drafts: In the order to be shown.
        show: Prints a line.
        ask: Prompts and returns what was typed, or :data:`END`.
    """
    queue = list(drafts)
    done = Review([], 0, [])
    for n, draft in enumerate(queue):
        case = draft.case
        show(f"\n[{n + 1}/{len(queue)}] {case.question}\n  답: {', '.join(case.answers)}")
        show(f"  근거({case.evidence[0].document}): {case.evidence[0].quote}")
        said = ask("받아들임 y, 버림 n, 끝 q, 또는 고친 질문").strip()
        if said.lower() == END:
            done.left = queue[n:]
            break
        if said.lower() == "n":
            done.rejected += 1
        else:
            done.accepted.append(case if said.lower() in {"y", ""} else replace(case, question=said))
    return done
