"""HTML: the article by trafilatura, with headings and tables; the rest of the page as asides."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rag.errors import SourceError
from rag.load.block import Block, laid_out, table_text
from rag.load.decode import decode
from rag.load.fact import find_dateline
from rag.load.page import asides
from rag.text import normalise
from rag.types import Document, Section, Span

if TYPE_CHECKING:
    from lxml.etree import _Element

_CHARSET = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w-]{2,40})", re.IGNORECASE
)
_DROPPED = ("script", "style", "noscript", "template", "svg", "select", "head")
_FLOWING = frozenset(
    {"a", "abbr", "b", "bdi", "cite", "code", "data", "dfn", "em", "font", "i", "img", "ins", "kbd", "mark"}
    | {"q", "ruby", "rb", "rt", "s", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"}
)
_TAG = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Article:
    """The main part of a page, and what the page says of itself (empty where it does not)."""

    blocks: tuple[Block, ...]
    title: str = ""
    date: str = ""
    site: str = ""
    url: str = ""
    licence: str = ""


class HtmlLoader:
    """``.html``; the stored text is the article, then every other line of the page."""

    suffixes: tuple[str, ...] = (".html", ".htm", ".xhtml")

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; see :class:`rag.protocols.Loader`."""
        declared = _CHARSET.search(data[:4096])
        page = decode(data, name, declared.group(1).decode("ascii") if declared else "")
        article = extract(page)
        shown = _lines(page)
        text, sections = _joined(article, shown)
        if not text:
            raise SourceError(
                f"{name}: 글이 없는 페이지입니다.", "브라우저에서 본문이 보이는지 확인해 주세요."
            )
        yield Document(
            id=name,
            title=article.title or PurePosixPath(name).stem,
            text=text,
            source=article.url,
            published=article.date or find_dateline(shown),
            publisher=article.site,
            licence=article.licence,
            sections=sections,
        )


def extract(page: str) -> Article:
    """The article of a page; without blocks where there is none."""
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    logging.getLogger("htmldate").setLevel(logging.CRITICAL)
    found = trafilatura.bare_extraction(
        page,
        with_metadata=True,
        include_tables=True,
        include_comments=False,
        favor_recall=True,
        date_extraction_params={"extensive_search": False, "original_date": True},
    )
    if found is None or isinstance(found, dict):
        return Article(())
    facts = [_fact(getattr(found, key, None)) for key in ("title", "date", "sitename", "url", "license")]
    return Article(tuple(_blocks(found.body)) if found.body is not None else (), *facts)


def _fact(value: object) -> str:
    return " ".join(normalise(str(value or "")).split())


def _blocks(element: _Element) -> Iterator[Block]:
    """Paragraphs, headings, lists and tables of trafilatura's tree, in page order."""
    for child in element:
        if child.tag == "head":
            yield Block(_words(child), level=int((child.get("rend") or "h2")[1:2] or 2))
        elif child.tag == "table":
            yield Block(_table(child))
        elif child.tag == "list":
            yield Block("\n".join(_items(child)))
        elif child.tag in {"div", "body"}:
            yield from _blocks(child)
        else:
            yield Block(_words(child))
        if child.tail and child.tail.strip():
            yield Block(child.tail)


def _words(element: _Element) -> str:
    """Text of an element; line breaks kept, other white space squeezed."""
    parts = [element.text or ""]
    for child in element:
        parts.append("\n" if child.tag == "lb" else _words(child))
        parts.append(child.tail or "")
    joined = "".join(parts)
    return joined if element.tag == "code" else "\n".join(" ".join(x.split()) for x in joined.split("\n"))


def _items(element: _Element, depth: int = 0) -> Iterator[str]:
    for item in element:
        inner = [child for child in item if child.tag == "list"]
        for child in inner:
            item.remove(child)
        words = " ".join(_words(item).split())
        if words:
            yield f"{'  ' * depth}- {words}"
        for child in inner:
            yield from _items(child, depth + 1)


def _table(element: _Element) -> str:
    rows = list(element.iter("row"))
    headed = bool(rows) and all(cell.get("role") == "head" for cell in rows[0])
    cells = [["".join(_words(cell)) for cell in row.iter("cell")] for row in rows]
    return table_text(cells, headed=headed or None)


def _lines(page: str) -> list[str]:
    """Every line that a browser shows, in page order."""
    import lxml.html
    from lxml.etree import LxmlError

    try:
        parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
        tree = lxml.html.document_fromstring(page.encode("utf-8", "replace"), parser=parser)
    except (ValueError, LxmlError):
        return _split(_TAG.sub("\n", page))
    for element in list(tree.iter(*_DROPPED)):
        if element.getparent() is not None:
            element.drop_tree()
    return _split("".join(_shown(tree))) or _split(_TAG.sub("\n", page))  # too deep for the parser


def _shown(tree: _Element) -> Iterator[str]:
    """Text in page order, with a line break around every element that does not flow in a line."""
    from lxml.etree import iterwalk

    for event, element in iterwalk(tree, events=("start", "end", "comment", "pi")):
        is_element = isinstance(element.tag, str)
        if is_element and element.tag not in _FLOWING:
            yield "\n"
        yield (element.text if event == "start" else element.tail) or ""


def _split(text: str) -> list[str]:
    return [line for line in (" ".join(line.split()) for line in normalise(text).split("\n")) if line]


def _joined(article: Article, shown: list[str]) -> tuple[str, tuple[Section, ...]]:
    """The article's text, then the other lines of the page, each once."""
    body, sections = laid_out(article.blocks, article.title)
    flat = re.sub(r"\W", "", body)
    rest = [line for line in dict.fromkeys(shown) if not _held(line, flat)]
    tail = normalise("\n".join(rest))
    if not tail:
        return body, sections
    if not body:
        return tail, (Section(Span(0, len(tail))),)
    offset = len(body) + 2
    return f"{body}\n\n{tail}", (*sections, *asides(tail, offset))


def _held(line: str, flat: str) -> bool:
    letters = re.sub(r"\W", "", line)
    return not letters or letters in flat
