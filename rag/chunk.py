"""Documents to passages. The only module that imports langchain_text_splitters.

The splitter decides where to cut; spans are sums of piece lengths, which is exact because nothing is
stripped or overlapped (its own start index is wrong with a length function, see ARCHITECTURE).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from rag.types import Document, Passage, Section, Span

if TYPE_CHECKING:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

#: Raise when cuts or ids may change.
CHUNK_VERSION = 1

# Paragraph, line, sentence end (with closing quotes), clause, word, character: the coarsest that fits.
_SEPARATORS = ["\n\n", "\n", r"[.!?…][\"'”’)\]]*\s+", r"[.!?](?=[가-힣])", r"[,;]\s+", " ", ""]


@lru_cache(maxsize=8)
def _splitter(max_chars: int) -> RecursiveCharacterTextSplitter:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    return RecursiveCharacterTextSplitter(
        separators=_SEPARATORS,
        is_separator_regex=True,
        keep_separator="end",
        chunk_size=max_chars,
        chunk_overlap=0,
        strip_whitespace=False,
        length_function=lambda piece: max(1, len(piece)),
    )


def _spans(text: str, section: Section, max_chars: int) -> Iterator[Span]:
    piece_start = section.span.start
    for piece in _splitter(max_chars).split_text(text[section.span.start : section.span.end]):
        start = piece_start + len(piece) - len(piece.lstrip())
        end = piece_start + len(piece.rstrip())
        piece_start += len(piece)
        if any(char.isalnum() for char in piece):
            yield Span(start, end)


def chunk(document: Document, max_chars: int) -> Iterator[Passage]:
    """Passages of at most ``max_chars`` code points, in text order, never across sections.

    Every letter and digit of every section lies in exactly one passage; pieces without any (rules,
    bullets) are left out. A document without sections is one body section.
    """
    whole = (Section(Span(0, len(document.text))),) if document.text else ()
    for section in document.sections or whole:
        for span in _spans(document.text, section, max_chars):
            yield Passage.cut(document, section, span, document.text[span.start : span.end])
