"""Questions that the corpus can answer, each asked once before it is offered.

A sentence "연면적은 약 92,000㎡이다." states a fact; "연면적은 얼마인가요?" asks for it. Only questions that
the assistant answers with confidence, from that very sentence, are offered.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from threading import Lock, Thread

from rag.assistant import Assistant
from rag.chat.parts import Parts
from rag.errors import GeungeoError
from rag.index import Index
from rag.korean import Morpheme, analyse
from rag.types import Document, Outcome, Role, Span

logger = logging.getLogger(__name__)

#: Least confidence of an answer whose question is offered.
SURE = 0.5
#: Questions tried in one document before it is given up.
_TRIES = 6
#: Documents looked into for the first page, and questions kept of each.
_DOCUMENTS = 40
_EACH = 1
#: Documents whose questions are offered first after a refusal, and questions looked for in each.
_NEAR = 4
_NEAR_EACH = 3
#: A title this short is a name, and may stand in front of a topic that says too little alone.
_NAME_MAX_CHARS = 16
_SENTENCE_MAX_CHARS = 46

_DATE = re.compile(
    r"(?:\d{4}년(?: \d{1,2}월)?(?: \d{1,2}일)?|\d{1,2}월 \d{1,2}일)(?:에|부터)?(?= (?!\d|음력)|$)"
)
_PEOPLE = re.compile(r"(?:약 )?[\d,]+(?:여 )?명(?=[이을은 ])")
_IS = re.compile(r"(?:이다|입니다)\.?$")
#: What the predicate "…이다" states, and how one asks for it.
_ASKS = (
    (re.compile(r"\d{1,2}월 \d{1,2}일$|\d{4}년$"), "언제인가요?"),
    (re.compile(r"[\d만억조천] ?명$"), "몇 명인가요?"),
    (re.compile(r"[\d만억조천백] ?(?:원|㎡|㎢|m|km|㎞|미터|킬로미터|ha|%|퍼센트)$"), "얼마인가요?"),
)
_PERSON = re.compile(
    r"(?:시인|작가|화가|예술가|학자|과학자|기술자|사람|인물|임금|왕|장군)(?:이다|입니다)\.?$"
)
_PRONOUN = re.compile(r"^(?:이|그|저|이것|그것|이들|그들|여기|이곳|그곳|이후|당시)(?=[은는이가 ]|$)")
_OTHERS = re.compile(r",(?!\d)|[\n“”\"'‘’()]|(?:^| )(?:그|이) |[ㄴ-힣] 지 \d")


def questions(document: Document) -> Iterator[tuple[str, Span]]:
    """``(question, sentence)``: what sentences of the article state, asked; in text order."""
    for section in document.sections:
        if section.role is not Role.BODY or section.own_title:
            continue
        text = document.text[section.span.start : section.span.end]
        analysis = analyse(text)
        for sentence, (first, last) in zip(analysis.sentences, analysis.bounds, strict=True):
            asked = _asked(text, sentence, analysis.morphemes[first:last], document.title)
            if asked:
                yield asked, sentence.shift(section.span.start)


def _topic_end(morphemes: Sequence[Morpheme]) -> int:
    """Where the topic's 은 or 는 after a noun ends; 0 where the sentence begins otherwise."""
    for before, here in pairwise(morphemes[:12]):
        if here.tag == "JX" and here.form in {"은", "는"} and before.tag.startswith("N"):
            return here.end
        if before.tag.startswith(("E", "SF", "JKS", "JKO", "JKB")):
            return 0
    return 0


def _asked(text: str, sentence: Span, morphemes: Sequence[Morpheme], title: str) -> str:
    said, topic_end = text[sentence.start : sentence.end].rstrip(". "), _topic_end(morphemes)
    if not topic_end or len(said) > _SENTENCE_MAX_CHARS or _PRONOUN.match(said) or _OTHERS.search(said):
        return ""
    topic, rest = text[sentence.start : topic_end], said[topic_end - sentence.start :]
    if asked := _what_it_is(rest):
        return f"{_name(topic, title)}{topic}{asked}"
    if topic[:-1] == title and _IS.search(rest):
        return f"{topic} 누구인가요?" if _PERSON.search(rest) else f"{topic} 무엇인가요?"
    named = any(word in title for word in topic[:-1].split()) or any(m.tag == "NNP" for m in morphemes)
    asked = _when_or_how_many(rest) if named else ""
    return f"{topic}{asked}" if asked else ""


def _what_it_is(rest: str) -> str:
    """Asks for what " 약 92,000㎡이다" states: " 얼마인가요?"."""
    stated = _IS.sub("", rest) if _IS.search(rest) else ""
    short = stated if len(stated) <= 30 else ""
    return next((f" {form}" for pattern, form in _ASKS if short and pattern.search(short)), "")


def _when_or_how_many(rest: str) -> str:
    """Asks for what " 1996년에 문을 열었다" states: " 언제 문을 열었나요?"."""
    found = [*_DATE.finditer(rest), *_PEOPLE.finditer(rest)]
    if not _is_past(rest) or len(found) != 1 or _modifies(rest[: found[0].start()].rstrip()):
        return ""
    word = "몇 명" if found[0].re is _PEOPLE else "언제부터" if found[0].group().endswith("부터") else "언제"
    return f"{rest[: found[0].start()]}{word}{rest[found[0].end() : -1]}나요?"


def _modifies(before: str) -> bool:
    """Whether it ends in "…ㄴ" or "…ㄹ", as "일어난 1931년": what it modifies cannot be asked for."""
    return bool(before) and (ord(before[-1]) - ord("가")) % 28 in {4, 8} and "가" <= before[-1] <= "힣"


def _is_past(said: str) -> bool:
    """Whether it ends in a past tense "…ㅆ다": only that becomes "…ㅆ나요?" unchanged."""
    return said.endswith("다") and (ord(said[-2:-1] or "가") - ord("가")) % 28 == 20


def _name(topic: str, title: str) -> str:
    """A short title in front of a topic that names none of its words: "연면적은" alone asks nothing."""
    words = [word for word in re.split(r"[^0-9A-Za-z가-힣]+", title) if len(word) > 1]
    told = any(word in topic for word in words)
    return "" if told or len(title) > _NAME_MAX_CHARS or re.search(r"[.,…]", title) else f"{title} "


def answerable(assistant: Assistant, document: Document, count: int) -> list[str]:
    """Up to ``count`` questions that ``assistant`` answers from the sentences they were made of."""
    found: list[str] = []
    for tried, (question, sentence) in enumerate(questions(document)):
        if len(found) == count or tried == _TRIES:
            break
        try:
            answer = assistant.ask(question)
        except GeungeoError:
            continue
        first = answer.citations[0] if answer.citations else None
        sure = answer.outcome is Outcome.ANSWERED and answer.confidence >= SURE
        if sure and first and first.document_id == document.id and first.span.overlaps(sentence):
            found.append(question)
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """Questions of a document, and how many were looked for: it may have fewer."""

    questions: tuple[str, ...] = ()
    looked_for: int = 0


class Suggestions:
    """Checked questions of the live index, gathered in the background; nobody who asks waits for them.

    Args:
        parts: Asked with the server's choice, whose reader should be fast.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._checked: dict[tuple[str, str], _Found] = {}
        self._lock = Lock()

    def refresh(self) -> None:
        """Begin to look for first questions, also anew after the documents changed; returns at once."""
        _begin(self.gather)

    def gather(self) -> None:
        """Look for first questions now."""
        for document in self._outlines()[:_DOCUMENTS]:
            self.of(document.id, _EACH)

    def _outlines(self) -> list[Document]:
        """Every so many-th document, so that the first ones differ in kind."""
        index = self._parts.index
        every = list(index.store.outlines()) if index is not None else []
        step = max(1, len(every) // 7)
        return [document for start in range(step) for document in every[start::step]]

    def of(self, document_id: str, count: int = _NEAR_EACH) -> list[str]:
        """Checked questions of one document; asks them where fewer were looked for before."""
        index = self._parts.index
        if index is None or document_id not in index.store:
            return []
        with self._lock:  # one at a time: answering people comes first
            if self._found(index, document_id).looked_for < count:
                asked = answerable(self._assistant(), index.store.document(document_id), count)
                self._checked[index.digest, document_id] = _Found(tuple(asked), count)
            return list(self._found(index, document_id).questions[:count])

    def _found(self, index: Index, document_id: str) -> _Found:
        return self._checked.get((index.digest, document_id), _Found())

    def _assistant(self) -> Assistant:
        return self._parts.assistant(self._parts.choice)

    def first(self, count: int) -> list[str]:
        """Questions for an empty page, from as many documents as there are; those known by now."""
        index = self._parts.index
        return self._known(index, [document.id for document in self._outlines()])[:count] if index else []

    def _known(self, index: Index, document_ids: Sequence[str]) -> list[str]:
        lists = [self._found(index, name).questions for name in document_ids]
        found = {question for row in zip_longest(*lists) for question in row if question}
        return sorted(found, key=lambda question: (len(question), question))

    def beside(self, document_ids: Sequence[str], count: int) -> list[str]:
        """After a refusal: questions of the nearest documents first, then of others; those known by now."""
        index = self._parts.index
        if index is None:
            return []
        near = list(dict.fromkeys(document_ids))[:_NEAR]
        found = [self._found(index, name) for name in near]
        if any(one.looked_for < _NEAR_EACH for one in found):
            _begin(lambda: [self.of(name) for name in near])
        mixed = [question for row in zip_longest(*(one.questions for one in found)) for question in row]
        return list(dict.fromkeys([*filter(None, mixed), *self.first(count)]))[:count]


def _begin(look: Callable[[], object]) -> None:
    """Look for questions in the background."""

    def looked() -> None:
        try:
            look()
        except Exception:  # the page works without suggestions
            logger.warning("no suggestions", exc_info=True)

    Thread(target=looked, name="suggestions", daemon=True).start()
