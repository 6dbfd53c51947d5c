"""Particles that change with the sound before them."""

from __future__ import annotations

#: Digits whose Korean reading ends in a consonant: 영, 일, 삼, 육, 칠, 팔.
_CLOSED_DIGITS = frozenset("013678")
#: Latin letters whose Korean name ends in a consonant: 엘, 엠, 엔, 알.
_CLOSED_LETTERS = frozenset("lmnrLMNR")
_PAIRS = (("은", "는"), ("이", "가"), ("을", "를"), ("과", "와"), ("으로", "로"))


def ends_closed(word: str) -> bool:
    """Whether the last sound of ``word`` is a consonant, as it is read in Korean."""
    sounds = [char for char in word if char.isalnum()]
    if not sounds:
        return False
    last = sounds[-1]
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28 != 0
    return last in _CLOSED_DIGITS or last in _CLOSED_LETTERS


def with_josa(word: str, particle: str) -> str:
    """``word`` and the form of ``particle`` that fits it.

    Args:
        word: Any text.
        particle: Either form of a pair (은/는, 이/가, 을/를, 과/와, 으로/로); any other is added as it is.
    """
    for closed, open_ in _PAIRS:
        if particle in {closed, open_}:
            liquid = closed == "으로" and _ends_in_rieul(word)
            return word + (closed if ends_closed(word) and not liquid else open_)
    return word + particle


def _ends_in_rieul(word: str) -> bool:
    last = next((char for char in reversed(word) if char.isalnum()), " ")
    return "가" <= last <= "힣" and (ord(last) - ord("가")) % 28 == 8
