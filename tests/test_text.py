"""Normalisation and the English keyboard layout."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import from_english_layout, latin_words, normalise

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too


@given(ANY_TEXT)
def test_normalise_is_idempotent_and_encodable(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    once.encode()
    assert unicodedata.is_normalized("NFC", once)
    assert "\r" not in once
    assert "\u200b" not in once


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (unicodedata.normalize("NFD", "카카오 디지털"), "카카오 디지털"),
        ("가\r\n나\r다", "가\n나\n다"),
        ("가\u00a0나\u3000다\t라", "가 나 다 라"),
        ("가\u200b나\ufeff", "가나"),
        ("가\n\n\n\n나  \n", "가\n\n나"),
        ("가\ud800나", "가\ufffd나"),
    ],
)
def test_normalise(raw: str, clean: str) -> None:
    assert normalise(raw) == clean


@pytest.mark.parametrize("blank", [" ", "\n", " \n", "\t"])
def test_long_runs_of_blanks_cost_no_more_than_text(blank: str) -> None:
    assert normalise("가" + blank * 1_000_000 + "나").startswith("가")  # hours, if quadratic
    assert normalise("가" + blank * 1_000_000) == "가"


@pytest.mark.parametrize(
    ("keys", "korean"),
    [
        ("zkzkdh", "카카오"),
        ("dhksrhd", "완공"),
        ("rkqt", "값"),
        ("Rhc", "꽃"),
        ("dhkdtnr", "왕숙"),
        ("dkssudgktpdy", "안녕하세요"),
        ("API", None),
        ("hello", None),
        ("", None),
    ],
)
def test_english_layout(keys: str, korean: str | None) -> None:
    assert from_english_layout(keys) == korean


def test_every_syllable_can_be_typed() -> None:
    """Typing each syllable's keys gives it back: the composer against the decomposition of Unicode."""
    keys = {"ㄱ": "r", "ㄲ": "R", "ㄴ": "s", "ㄷ": "e", "ㄸ": "E", "ㄹ": "f", "ㅁ": "a", "ㅂ": "q"}
    keys |= {"ㅃ": "Q", "ㅅ": "t", "ㅆ": "T", "ㅇ": "d", "ㅈ": "w", "ㅉ": "W", "ㅊ": "c", "ㅋ": "z"}
    keys |= {"ㅌ": "x", "ㅍ": "v", "ㅎ": "g"}
    finals = ["", "r", "R", "rt", "s", "sw", "sg", "e", "f", "fr", "fa", "fq", "ft", "fx", "fv", "fg"]
    finals += ["a", "q", "qt", "t", "T", "d", "w", "c", "z", "x", "v", "g"]
    vowels = ["k", "o", "i", "O", "j", "p", "u", "P", "h", "hk", "ho", "hl", "y", "n", "nj", "np", "nl"]
    vowels += ["b", "m", "ml", "l"]
    for code in range(0xAC00, 0xD7A4):
        initial, rest = divmod(code - 0xAC00, 588)
        vowel, final = divmod(rest, 28)
        typed = list(keys.values())[initial] + vowels[vowel] + finals[final]
        assert from_english_layout(typed) == chr(code), typed


def test_latin_words() -> None:
    assert latin_words("zkzkdh 허브 MOU") == ((0, 6), (10, 13))
