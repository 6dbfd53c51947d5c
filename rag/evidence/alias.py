"""Two names for one thing, as a text states them: "한국토지주택공사(LH)", "인공지능(이하 AI)"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_WORD = r"[가-힣A-Za-z0-9·&]{2,20}"
_STATED = re.compile(
    rf"(?P<long>{_WORD}(?: {_WORD}){{0,3}}) ?"
    rf"\((?P<told>(?:이하|약칭|옛|구|일명),? ?)?['‘“\"「]?(?P<short>{_WORD})['’”\"」]?\)"
)


def _is_latin(text: str) -> bool:
    return text.isascii() and any(c.isalpha() for c in text)


def _abbreviates(short: str, long: str) -> bool:
    """Whether the letters of ``short`` stand in ``long`` in this order, from its first one on."""
    letters = iter(long)
    return len(short) < len(long) and short[0] == long[0] and all(letter in letters for letter in short)


def _named(long: str, short: str, *, told: bool) -> str | None:
    """The words before the bracket that ``short`` is another name of."""
    words = long.split()
    if told or _is_latin(short) != _is_latin(words[-1]):
        return words[-1] if not told or _abbreviates(short, words[-1]) else long
    tails = (" ".join(words[at:]) for at in range(len(words) - 1, -1, -1))
    return next((tail for tail in tails if _abbreviates(short, tail.replace(" ", ""))), None)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for found in _STATED.finditer(text):
        short = found["short"]
        if short[0].isdigit():
            continue
        named = _named(found["long"], short, told=bool(found["told"]))
        if named and named != short:
            yield named, short


@lru_cache(maxsize=512)
def aliases(text: str) -> tuple[tuple[str, str], ...]:
    """Pairs of names that ``text`` says are one thing: a name, and what stands in brackets after it.

    Taken are abbreviations ("과기정통부", "LH"), the same in another script ("AI(인공지능)"), and what is
    announced by 이하, 약칭, 옛 or 일명; other bracketed words (ages, offices, places) are not names.
    """
    return tuple(dict.fromkeys(_pairs(text)))
