"""Titles of an index, asked whether words name one of its documents."""

from __future__ import annotations

from collections.abc import Iterable


def _flat(text: str) -> str:
    return "".join(char for char in text if char.isalnum()).lower()


class Titles:
    """Titles without spaces and marks; both questions cost one look over their characters at most.

    Args:
        titles: As documents state them.
    """

    def __init__(self, titles: Iterable[str] = ()) -> None:
        seen = tuple(titles)
        self._text = "\n".join(_flat(title) for title in seen)
        short = (title.split() for title in seen)
        words = {(part) for parts in short if len(parts) == 2 for part in (_flat(parts[0]), _flat(parts[1]))}
        self._names = words | {_flat(title) for title in seen}

    def contain(self, phrase: str) -> bool:
        """Whether some title holds these words side by side."""
        flat = _flat(phrase)
        return bool(flat) and flat in self._text

    def name(self, phrase: str) -> bool:
        """Whether the phrase is a whole title, or one word of a title of two ("제주 해녀")."""
        return _flat(phrase) in self._names
