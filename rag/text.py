"""Normalisation of text, done once at the door; positions only exist after it. No vendor, no state."""

from __future__ import annotations

import hashlib
import re
import unicodedata

#: Raise when :func:`normalise` changes, so that older indexes are refused rather than misread.
TEXT_VERSION = 1

_SPACES = re.compile(r"[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufff9-\ufffb]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE_ENDS = re.compile(r"\r\n?|\x85|\u2028|\u2029")
_TRAILING = re.compile(r"(?<! ) +(?=\n)")
_BLANK_LINES = re.compile(r"\n{3,}")
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


def normalise(text: str) -> str:
    """NFC text with ``\\n`` line ends, plain spaces, and no invisible or control characters.

    Lone surrogates become U+FFFD, so that the result always encodes to UTF-8. Runs of blank lines
    shrink to one, trailing blanks go. Idempotent; cost linear in the length.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _LINE_ENDS.sub("\n", text)
    text = _INVISIBLE.sub("", _CONTROL.sub(" ", text))
    text = unicodedata.normalize("NFC", _SPACES.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("", text.rstrip(" \n"))).lstrip("\n")


def digest(text: str) -> str:
    """SHA-256 of the text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def squeeze(text: str) -> str:
    """The text with every run of white space as one space: for one-line display."""
    return " ".join(text.split())


# --- Korean typed on an English keyboard layout (두벌식) -----------------------------------------

_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = ["", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"]
_KEYS = dict(
    zip("qwertyuiopasdfghjklzxcvbnm", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡ", strict=True)
) | dict(zip("QWERTOP", "ㅃㅉㄸㄲㅆㅒㅖ", strict=True))
_JOINED_VOWELS = {
    "ㅗㅏ": "ㅘ",
    "ㅗㅐ": "ㅙ",
    "ㅗㅣ": "ㅚ",
    "ㅜㅓ": "ㅝ",
    "ㅜㅔ": "ㅞ",
    "ㅜㅣ": "ㅟ",
    "ㅡㅣ": "ㅢ",
}
_JOINED_FINALS = {
    "ㄱㅅ": "ㄳ",
    "ㄴㅈ": "ㄵ",
    "ㄴㅎ": "ㄶ",
    "ㄹㄱ": "ㄺ",
    "ㄹㅁ": "ㄻ",
    "ㄹㅂ": "ㄼ",
    "ㄹㅅ": "ㄽ",
    "ㄹㅌ": "ㄾ",
    "ㄹㅍ": "ㄿ",
    "ㄹㅎ": "ㅀ",
    "ㅂㅅ": "ㅄ",
}
_INITIAL = f"[{_INITIALS}]"
_VOWEL = "(?:" + "|".join([*_JOINED_VOWELS, f"[{_VOWELS}]"]) + ")"
# A consonant closes a syllable only if no vowel follows it.
_FINAL = f"(?:(?:{'|'.join(_JOINED_FINALS)})(?!{_VOWEL})|[{''.join(_FINALS[1:])}](?!{_VOWEL}))?"
_SYLLABLE = re.compile(f"({_INITIAL})({_VOWEL})({_FINAL})")
_LATIN_WORD = re.compile(r"[A-Za-z]+")


def from_english_layout(word: str) -> str | None:
    """``"zkzkdh"`` → ``"카카오"``; ``None`` where the keys do not spell whole Korean syllables.

    Args:
        word: Latin letters as typed on a 두벌식 keyboard with the English layout on.
    """
    jamo = "".join(_KEYS.get(key) or _KEYS.get(key.lower(), "?") for key in word)
    built: list[str] = []
    position = 0
    while position < len(jamo):
        match = _SYLLABLE.match(jamo, position)
        if match is None:
            return None
        initial, vowel, final = match.groups()
        code = _INITIALS.index(initial) * 588
        code += _VOWELS.index(_JOINED_VOWELS.get(vowel, vowel)) * 28
        code += _FINALS.index(_JOINED_FINALS.get(final, final))
        built.append(chr(0xAC00 + code))
        position = match.end()
    return "".join(built) if built else None


def latin_words(text: str) -> tuple[tuple[int, int], ...]:
    """Positions ``(start, end)`` of runs of Latin letters."""
    return tuple(match.span() for match in _LATIN_WORD.finditer(text))


def is_address(source: str) -> bool:
    """Whether a source is an address of the web, to be fetched rather than opened."""
    return bool(_ADDRESS.match(source))
