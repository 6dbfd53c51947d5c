"""Documents to passages. The only module that imports langchain_text_splitters.

Lines and clauses are split by langchain, sentences by Kiwi; spans are sums of piece lengths, which is exact
because nothing is stripped or overlapped (langchain's own start index is wrong with a length function, see
ARCHITECTURE).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.korean import analyse
from rag.types import Document, Passage, Section, Span

#: Raise when cuts or ids may change.
CHUNK_VERSION = 2

_LINES = ("\n\n", "\n")
_CLAUSES = (r"[,;]\s+", " ", "")
# Sentence ends by their marks, with closing quotes: only to cut a line of a megabyte before Kiwi sees it.
_MARKS = (r"[.!?…][\"'”’)\]]*\s+", " ", "")
_KIWI_MAX_CHARS = 20_000
#: Tokens that a passage may have at least, however long its title.
_LEAST_TOKENS = 16

Size = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class TokenLimit:
    """Longest passage in tokens of an embedder, its title and section path included.

    Attributes:
        most: Tokens.
        count: Tokens of a text.
    """

    most: int
    count: Size


def chunk(document: Document, max_chars: int, tokens: TokenLimit | None = None) -> Iterator[Passage]:
    """Passages of at most ``max_chars`` code points and ``tokens``, in text order, never across sections.

    Cuts fall on blank lines, lines, or sentence ends, and inside a sentence only if it alone is too long.
    Every letter and digit of every section lies in exactly one passage; pieces without any (rules, bullets)
    are left out. A document without sections is one body section.
    """
    whole = (Section(Span(0, len(document.text))),) if document.text else ()
    for section in document.sections or whole:
        size = _size(Passage.cut(document, section, section.span, "").context, max_chars, tokens)
        for span in _spans(document.text, section.span, size, max_chars):
            yield Passage.cut(document, section, span, document.text[span.start : span.end])


def _size(context: str, max_chars: int, tokens: TokenLimit | None) -> Size:
    """Length in code points, or in tokens scaled so that ``max_chars`` means the limit, whichever is more."""
    if tokens is None:
        return len
    room, count = max(_LEAST_TOKENS, tokens.most - tokens.count(context)), tokens.count
    return lambda text: max(len(text), -(-count(text) * max_chars // room))


def _spans(text: str, section: Span, size: Size, most: int) -> Iterator[Span]:
    piece_start = section.start
    for piece in _pieces(text[section.start : section.end], size, most):
        start = piece_start + len(piece) - len(piece.lstrip())
        end = piece_start + len(piece.rstrip())
        piece_start += len(piece)
        if any(char.isalnum() for char in piece):
            yield Span(start, end)


def _pieces(text: str, size: Size, most: int) -> Iterator[str]:
    """``text`` in pieces whose size is at most ``most``, as whole lines, else sentences, else clauses."""
    for lines in _split(text, _LINES, size, most):
        if size(lines) <= most:
            yield lines
            continue
        for rough in _split(lines, _MARKS, len, _KIWI_MAX_CHARS):
            for piece in _joined(_sentences(rough), size, most):
                yield from (piece,) if size(piece) <= most else _split(piece, _CLAUSES, size, most)


def _sentences(text: str) -> list[str]:
    """Kiwi's sentences, each with the white space that follows it."""
    starts = [sentence.start for sentence in analyse(text).sentences[1:]]
    return [text[start:end] for start, end in pairwise([0, *starts, len(text)])]


def _joined(sentences: Sequence[str], size: Size, most: int) -> Iterator[str]:
    """Neighbours put together for as long as they fit."""
    held = ""
    for sentence in sentences:
        if held and size(held + sentence) > most:
            yield held
            held = ""
        held += sentence
    yield held


def _split(text: str, separators: Sequence[str], size: Size, most: int) -> list[str]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    return RecursiveCharacterTextSplitter(
        separators=list(separators),
        is_separator_regex=True,
        keep_separator="end",
        chunk_size=most,
        chunk_overlap=0,
        strip_whitespace=False,
        length_function=lambda piece: max(1, size(piece)),
    ).split_text(text)
