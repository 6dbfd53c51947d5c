"""Strings on disk against a plain list."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import lexicon as lexicon_module
from rag.lexicon import Lexicon, LexiconWriter

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


@given(
    words=st.lists(
        st.sampled_from(["", "가", "나", "가나", "ß", "\ud800", "_가", "a", "ab", "b"]), max_size=60
    ),
    run=st.integers(1, 9),
)
def test_written_in_runs_is_what_was_added(words: list[str], run: int) -> None:
    """However few strings memory may hold, each number leads to its string, and nothing else is left."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexicon_module, "RUN_STRINGS", run)
        writer = LexiconWriter(Path(name), "words")
        numbers = [writer.add(word) for word in words]
        rows = writer.close()
        made = Lexicon.load(Path(name), "words")
        assert list(made) == list(Lexicon.of(set(words)))
        assert [made[int(rows[number])] for number in numbers] == words
        assert sorted(path.name for path in Path(name).iterdir()) == ["words.utf8.npy", "words_ends.npy"]
