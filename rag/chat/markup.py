"""Text as HTML. Everything that a document, a file name or a person says goes through here."""

from __future__ import annotations

from html import escape

#: Besides HTML's own, what Gradio's templates read: ``${…}``, ``{{…}}``, ``@children``, backquotes.
_TEMPLATE = str.maketrans({char: f"&#{ord(char)};" for char in "${}@`\\"})
#: Characters that turn the reading direction or vanish: a quote must look like what it is.
_UNSEEN = {
    ord(char): "\N{REPLACEMENT CHARACTER}"
    for char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
}
_UNSEEN |= dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}") | {
    0: "\N{REPLACEMENT CHARACTER}"
}


def safe(text: str) -> str:
    """``text`` as HTML that shows exactly its characters, in an element or a quoted attribute.

    Lone surrogates, NUL and characters that turn the reading direction show as U+FFFD.
    """
    return escape(text.translate(_UNSEEN), quote=True).translate(_TEMPLATE)
