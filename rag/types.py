"""The nouns of the pipeline: frozen, positional facts about normalised text.

Every position is a half-open :class:`Span` of Unicode code points in the NFC text of one
:class:`Document`. Nothing here reads files or loads models.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase

from rag.errors import UsageError


class Role(StrEnum):
    """What a part of a page is for."""

    BODY = "body"
    ASIDE = "aside"  # navigation, related articles, comments: findable, but never above the body


class Route(StrEnum):
    """Which retriever produced a score."""

    LEXICAL = "lexical"
    DENSE = "dense"
    FUSED = "fused"


class Outcome(StrEnum):
    """How a question ended."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open range ``[start, end)`` of code points, ``0 <= start < end``.

    Raises:
        ValueError: If the range is empty, reversed or negative.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"not a span: [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def shift(self, offset: int) -> Span:
        """The same range seen from an origin ``offset`` code points earlier."""
        return Span(self.start + offset, self.end + offset)

    def contains(self, other: Span) -> bool:
        """Whether ``other`` lies wholly inside this span."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        """Whether the two spans share at least one code point."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one heading and with one role.

    ``heading`` is the section path ("제2장 > 신청 방법"), empty where there is none; it is context for
    retrieval and display, never part of the span. A section that stands for itself (an item of a
    related-article list) has ``own_title`` set, and then the document's title says nothing about it.
    """

    span: Span
    role: Role = Role.BODY
    heading: str = ""
    own_title: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One source, normalised once.

    Attributes:
        id: File path relative to the indexed folder (POSIX), or the ``id`` of a JSONL record.
        title: As the source states it; the file's stem where it states none.
        text: NFC, ``\\n`` line ends; the space in which all spans live.
        source: Where it came from: a URL if stated, else the path as given.
        published: ISO date (``YYYY-MM-DD``) or empty.
        publisher: Who published it, or empty.
        licence: SPDX identifier or free text, or empty.
        sha256: Hex digest of ``text`` in UTF-8.
        tags: Words that someone filed it under, as given.
        sections: Non-overlapping, ascending; together they cover all text worth indexing.
    """

    id: str
    title: str
    text: str
    source: str = ""
    published: str = ""
    publisher: str = ""
    licence: str = ""
    sha256: str = ""
    sections: tuple[Section, ...] = ()
    tags: tuple[str, ...] = ()


_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")


def _is_date(text: str) -> bool:
    """Whether ``text`` is ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD`` of a day, month or year that exists."""
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text + "-01-01"[len(text) - 4 :]))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents may be searched; all that is given must hold, and nothing given admits all.

    Attributes:
        since: Earliest publication date, inclusive: ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``. A document
            without a date is left out as soon as either date is given.
        until: Latest publication date, inclusive.
        sources: One of these stands in the document's id, source or publisher, or matches one of them
            as a pattern if it holds ``*`` or ``?``; case is ignored.
        tags: The document has every one of these; case is ignored.
        documents: The document's id is one of these.

    Raises:
        UsageError: A date of another form, or one that does not exist.
    """

    since: str = ""
    until: str = ""
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for given in (self.since, self.until):
            if given and not _is_date(given):
                raise UsageError(
                    f"날짜 {given!r}을(를) 알 수 없습니다.", "2024, 2024-05, 2024-05-31 꼴로 적어 주세요."
                )

    def __bool__(self) -> bool:
        return self != Filter()

    def admits(self, document: Document) -> bool:
        """Whether the document may be searched."""
        return (
            self._in_time(document.published)
            and (not self.documents or document.id in self.documents)
            and (not self.sources or any(_matches(source, document) for source in self.sources))
            and set(map(_folded, self.tags)) <= set(map(_folded, document.tags))
        )

    def _in_time(self, published: str) -> bool:
        if not (self.since or self.until):
            return True
        if not published or (self.since and published < self.since):
            return False
        return not self.until or published[: len(self.until)] <= self.until


def _folded(word: str) -> str:
    """A word without its case and its way of writing syllables (macOS gives names in NFD)."""
    return unicodedata.normalize("NFC", word).casefold()


def _matches(source: str, document: Document) -> bool:
    wanted = _folded(source)
    facts = [fact.casefold() for fact in (document.id, document.source, document.publisher)]
    if "*" in wanted or "?" in wanted:
        return any(fnmatchcase(fact, wanted) for fact in facts)
    return any(wanted in fact for fact in facts)


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrievable piece of one document; ``text`` equals the document's text at ``span``.

    ``title`` and ``heading`` are context (what the passage is about), not part of the span.
    """

    id: str
    document_id: str
    span: Span
    text: str
    title: str = ""
    heading: str = ""
    role: Role = Role.BODY

    @classmethod
    def cut(cls, document: Document, section: Section | None, span: Span, text: str) -> Passage:
        """The passage of ``document`` at ``span``, whose text is ``text``, in ``section``'s context.

        The id is the first 16 hex digits of a SHA-256 over document id, span and text.
        """
        key = "\x1f".join((document.id, str(span.start), str(span.end), text))
        alone = section is not None and section.own_title
        return cls(
            id=hashlib.sha256(key.encode()).hexdigest()[:16],
            document_id=document.id,
            span=span,
            text=text,
            title="" if alone else document.title,
            heading=section.heading if section is not None else "",
            role=section.role if section is not None else Role.BODY,
        )

    @property
    def context(self) -> str:
        """Title and section path, one line, for retrieval and prompts."""
        return " > ".join(part for part in (self.title, self.heading) if part)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its retrieval score; higher is better, always finite."""

    passage: Passage
    score: float
    route: Route


def ranked(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """The one total order of hits: descending score, then ascending passage id."""
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.passage.id)))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a hit's passage, with its relevance to the question.

    Attributes:
        marker: 1-based number of the evidence passage it stands in.
        document_id: The passage's document.
        span: Position in the document's text.
        text: Verbatim source.
        score: Relevance, higher is better; comparable within one question only.
    """

    marker: int
    document_id: str
    span: Span
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A hit as shown to a reader: ``marker`` is its 1-based number in the prompt."""

    marker: int
    hit: Hit

    @property
    def passage(self) -> Passage:
        """The passage shown."""
        return self.hit.passage


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of answer text as it streams."""

    text: str


@dataclass(frozen=True, slots=True)
class Located:
    """A stretch of evidence that a reader points at: verbatim, by position.

    Attributes:
        marker: 1-based number of the evidence passage.
        sentence: The quoted sentence, in the document's text.
        span: The bare answer inside the sentence, or ``None`` where the sentence is the answer.
        support: Probability in [0, 1] that this holds the answer.
    """

    marker: int
    sentence: Span
    span: Span | None
    support: float


@dataclass(frozen=True, slots=True)
class Draft:
    """What a reader says, before grounding.

    Attributes:
        text: Answer text; may carry ``[n]`` markers. Empty for extractive readers, whose text the
            assistant composes from ``located``.
        located: Positions an extractive reader chose, best first; empty for generative readers.
        confidence: Probability in [0, 1] that the answer is right.
        refused: Whether the reader says that the evidence does not hold the answer.
        tokens: Tokens generated, 0 for extractive readers.
    """

    text: str
    located: tuple[Located, ...]
    confidence: float
    refused: bool
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """Proof: ``quote`` is the document's text at ``span``, character for character.

    ``support`` in [0, 1] says how well the quote carries the claim it is attached to.
    """

    marker: int
    document_id: str
    title: str
    source: str
    span: Span
    quote: str
    support: float


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall time of one question by stage, in milliseconds."""

    retrieve_ms: float
    read_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class Provenance:
    """What produced an answer; equal provenance and question give an equal answer.

    Values are hex digests (``settings``, ``index``, ``prompt``), model fingerprints, and versions
    as ``("name", "1.2.3")`` pairs in name order.
    """

    settings: str
    index: str
    embedder: str
    reader: str
    prompt: str
    seed: int
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of the pipeline. An answered question without a citation cannot be built.

    Attributes:
        text: What a person reads, with ``[n]`` markers.
        short_answer: The bare span ("2029년") where there is one; always verbatim source.
        unsupported: Sentences of ``text`` that no citation carries (generative readers only).
        stray_markers: Markers in the draft that named no shown passage.
        tokens: Tokens that the reader generated; 0 for extractive readers.

    Raises:
        ValueError: If ``outcome`` is ANSWERED without citations, or a citation's quote is of
            another length than its span.
    """

    question: str
    text: str
    short_answer: str | None
    outcome: Outcome
    confidence: float
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    provenance: Provenance
    timings: Timings
    unsupported: tuple[str, ...] = ()
    stray_markers: tuple[int, ...] = ()
    tokens: int = 0
    interpreted: str = field(default="")  # the question as searched for, where it was rewritten

    def __post_init__(self) -> None:
        if self.outcome is Outcome.ANSWERED and not self.citations:
            raise ValueError("an answered question needs at least one citation")
        for citation in self.citations:
            if len(citation.quote) != len(citation.span):
                raise ValueError(f"citation {citation.marker}: quote and span differ in length")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence {self.confidence} is outside [0, 1]")


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier question of a conversation and the text it was answered with."""

    question: str
    answer: str
