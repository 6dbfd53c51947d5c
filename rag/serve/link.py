"""Where a citation can be opened: its own URL, or the words in place from this server."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from rag.types import Citation

Linker = Callable[[Citation], str]


def linker(base_url: str) -> Linker:
    """Citations to URLs, for a server at ``base_url`` (which ends in a slash)."""

    def link(citation: Citation) -> str:
        if citation.source.startswith(("https://", "http://")):
            return citation.source
        place = f"{citation.document_id}:{citation.span.start}-{citation.span.end}"
        return f"{base_url}api/show?place={quote(place, safe='')}"

    return link
