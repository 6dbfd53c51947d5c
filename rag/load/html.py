"""HTML: the article by trafilatura, and what stands around it as aside."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from rag.errors import SourceError
from rag.load.decode import decode
from rag.load.line import find_date
from rag.text import normalise
from rag.types import Document, Role, Section, Span

_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_BLOCKS = "//p|//li|//h1|//h2|//h3|//h4|//td|//th|//figcaption|//blockquote|//pre|//dt|//dd|//a|//title"


class HtmlLoader:
    """``.html``; the stored text is the article, then every other line of the page."""

    suffixes: tuple[str, ...] = (".html", ".htm", ".xhtml")

    def load(self, data: bytes, name: str) -> Iterator[Document]:
        """One document; see :class:`rag.protocols.Loader`."""
        page = _decoded(data, name)
        body, facts = _article(page)
        rest = _others(page, body)
        if not body and not rest:
            raise SourceError(
                f"{name}: 글이 없는 페이지입니다.", "브라우저에서 본문이 보이는지 확인해 주세요."
            )
        text, sections = _laid_out(body, rest)
        yield Document(
            id=name,
            title=facts.get("title") or PurePosixPath(name).stem,
            text=text,
            source=facts.get("url", ""),
            published=find_date(facts.get("date", "")),
            publisher=facts.get("sitename", ""),
            licence=facts.get("license", ""),
            sections=sections,
        )


def _decoded(data: bytes, name: str) -> str:
    declared = _CHARSET.search(data[:4096])
    if declared:
        try:
            return data.decode(
                {"euc-kr": "cp949", "ks_c_5601-1987": "cp949"}.get(
                    declared.group(1).decode().lower(), declared.group(1).decode()
                )
            )
        except (UnicodeDecodeError, LookupError):
            pass
    return decode(data, name)


def _article(page: str) -> tuple[str, dict[str, str]]:
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.ERROR)
    found = trafilatura.bare_extraction(page, with_metadata=True, include_tables=True, include_comments=False)
    if found is None or isinstance(found, dict):
        return "", {}
    facts = {key: normalise(str(getattr(found, key, None) or "")).strip() for key in _FACTS}
    return normalise(found.text or ""), facts


_FACTS = ("title", "date", "sitename", "url", "license")


def _others(page: str, body: str) -> list[str]:
    """Lines of the page that the article does not hold, in page order, each once."""
    import lxml.html

    try:
        tree = lxml.html.fromstring(
            page.encode("utf-8", "replace"), parser=lxml.html.HTMLParser(encoding="utf-8")
        )
    except (ValueError, lxml.etree.LxmlError):
        return []
    for element in list(tree.iter("script", "style", "noscript", "template")):
        element.drop_tree()
    flat = re.sub(r"\s", "", body)
    seen: dict[str, None] = {}
    for block in tree.xpath(_BLOCKS):
        line = normalise(" ".join(block.text_content().split()))
        if line and re.sub(r"\s", "", line) not in flat:
            seen.setdefault(line)
    return list(seen)


def _laid_out(body: str, rest: list[str]) -> tuple[str, tuple[Section, ...]]:
    tail = "\n".join(rest)
    text = normalise(f"{body}\n\n{tail}" if body and tail else body or tail)
    if not tail:
        return text, (Section(Span(0, len(text))),)
    if not body:
        return text, (Section(Span(0, len(text))),)
    aside = Section(Span(len(body) + 2, len(text)), Role.ASIDE, own_title=True)
    return text, (Section(Span(0, len(body))), aside)
