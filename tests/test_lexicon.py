"""Strings on disk against a plain list."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.lexicon import Lexicon

WORDS = st.sets(st.text(max_size=6), max_size=40)


@given(held=WORDS, asked=st.text(max_size=6))
def test_finds_what_it_holds_and_nothing_else(held: set[str], asked: str) -> None:
    lexicon = Lexicon.of(held)
    assert list(lexicon) == sorted(held, key=lambda word: word.encode("utf-8", "surrogatepass"))
    assert [lexicon.find(word) for word in lexicon] == list(range(len(held)))
    assert (asked in lexicon) == (asked in held)


def test_saved_and_loaded(tmp_path: Path) -> None:
    for name, words in (("some", {"완공", "_완공", "", "ß", "\ud800", "가" * 500}), ("none", set[str]())):
        Lexicon.of(words).save(tmp_path, name)
        again = Lexicon.load(tmp_path, name)
        assert set(again) == words
        assert all(again[again.find(word) or 0] == word for word in words)
        assert again.find("없는 말") is None
    np.save(tmp_path / "some_ends.npy", np.array([3], np.int64))
    with pytest.raises(ValueError, match="some"):
        Lexicon.load(tmp_path, "some")
