"""BM25 on disk against bm25s and against scoring everything."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bm25s import BM25
from hypothesis import given, settings
from hypothesis import strategies as st

from rag import lexicon as lexicon_module
from rag.array import scratch_array
from rag.lexical import K1, B, LexicalIndex, TermWriter
from rag.lexical import index as index_module
from rag.lexical import postings as postings_module
from rag.lexical import writer as writer_module

LISTS = st.lists(st.lists(st.sampled_from("가나다라마바사아자차"), max_size=12), max_size=40)
QUERY = st.lists(st.sampled_from("가나다라마바사아자차카"), max_size=6)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, runs, and lists at which a search looks up, as small as the data."""
    monkeypatch.setattr(postings_module, "BLOCK_TERMS", 7)
    monkeypatch.setattr(lexicon_module, "RUN_STRINGS", 50)
    monkeypatch.setattr(index_module, "LOOK_FROM", 0.0)
    monkeypatch.setattr(index_module, "STRETCH", 4)  # so that short lists of scores have many


def made(count: int, seed: int = 0) -> list[list[str]]:
    """Term lists with Zipf's frequencies."""
    rng = np.random.default_rng(seed)
    terms = np.minimum(rng.zipf(1.4, (count, 12)), 300)
    return [[f"t{term}" for term in row] for row in terms.tolist()]


def reference(lists: list[list[str]], query: list[str]) -> np.ndarray:
    """What bm25s itself makes of the lists."""
    engine = BM25(k1=K1, b=B, method="lucene")
    vocabulary: dict[str, int] = {}
    ids = [[vocabulary.setdefault(term, len(vocabulary)) for term in terms] for terms in lists]
    known = [term for term in query if any(term in terms for terms in lists)]
    if not vocabulary or not known:
        return np.zeros(len(lists), np.float32)
    engine.index((ids, vocabulary), create_empty_token=True, show_progress=False)
    return np.asarray(engine.get_scores(known))


@settings(max_examples=60)
@given(lists=LISTS, query=QUERY)
def test_scores_are_those_of_bm25s(lists: list[list[str]], query: list[str]) -> None:
    index = LexicalIndex.build(lists)
    assert index.count == len(lists)
    assert np.allclose(index.scores(query), reference(lists, query), rtol=1e-5, atol=1e-6)


@settings(max_examples=150)
@given(
    lists=LISTS,
    query=QUERY,
    k=st.integers(0, 12),
    admits=st.none() | st.integers(0, 5),
    seed=st.integers(0, 3),
)
def test_search_is_exact(
    lists: list[list[str]], query: list[str], k: int, admits: int | None, seed: int
) -> None:
    _check_search(LexicalIndex.build(lists), query, k, admits, seed)


def _check_search(index: LexicalIndex, query: list[str], k: int, admits: int | None, seed: int) -> None:
    everything = index.scores(query)
    allowed = None
    if admits is not None:
        allowed = np.random.default_rng(seed).random(index.count) < admits / 5
        everything = np.where(allowed, everything, 0)
    rows, scores = index.search(query, k, allowed)
    positive = np.sort(everything[everything > 0])[::-1]
    least = positive[min(k, len(positive)) - 1] if k and len(positive) else np.inf
    expected = np.flatnonzero((everything > 0) & (everything >= least))
    assert rows.tolist() == expected.tolist()
    assert scores.tolist() == everything[expected].tolist()


@pytest.mark.parametrize("k", [1, 5, 50])
def test_search_is_exact_on_zipf(k: int) -> None:
    lists = made(3000)
    index = LexicalIndex.build(lists)
    for row in range(0, 3000, 151):
        _check_search(index, lists[row][:8], k, None, 0)
        _check_search(index, lists[row][:8], k, 3, row)


def test_search_leaves_common_lists_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes it fast: a common term is looked up for few passages."""
    lists = [["흔한", f"드문{row % 500}"] for row in range(4000)]
    index = LexicalIndex.build(lists)
    looked: list[int] = []
    plain = index_module._add
    monkeypatch.setattr(index_module, "_add", lambda *args: (looked.append(len(args[1])), plain(*args))[1])
    rows, _ = index.search(["흔한", "드문7"], 3)
    assert rows.tolist() == list(range(7, 4000, 500))
    assert looked == [8]


def test_scores_of_some_rows() -> None:
    lists = made(200)
    index = LexicalIndex.build(lists)
    rows = np.array([0, 3, 4, 199])
    assert index.scores(lists[3], rows).tolist() == index.scores(lists[3])[rows].tolist()
    assert index.scores(lists[3], rows[:0]).tolist() == []


def test_written_is_what_was_built(tmp_path: Path) -> None:
    lists = made(300)
    writer = TermWriter(tmp_path)
    for terms in lists[:100]:
        writer.add(terms)
    names = sorted({term for terms in lists[100:] for term in terms}, reverse=True)
    ids = np.array([names.index(term) for terms in lists[100:] for term in terms], np.int32)
    writer.add_many(names, ids, np.cumsum([len(terms) for terms in lists[100:]]))
    writer.close()
    written, built = LexicalIndex.load(tmp_path, 300), LexicalIndex.build(lists)
    assert list(written.lexicon) == list(built.lexicon)
    for terms in lists[::29]:
        assert written.scores(terms).tolist() == built.scores(terms).tolist()
        assert all(written.knows(term) for term in terms)
    assert not written.knows("t100000")
    (tmp_path / "copied").mkdir()
    copy = TermWriter(tmp_path / "copied")
    with pytest.MonkeyPatch.context() as patch:
        maps: list[int] = []
        patch.setattr(writer_module, "scratch_array", lambda *a: (maps.append(1), scratch_array(*a))[1])
        for rows in (range(50, 300), range(20), range(20, 50)):
            copy.copy(written, rows)
        assert maps == [1], "the map of a base index's terms is made once, not for every document"
    copy.close()
    copied = LexicalIndex.load(tmp_path / "copied", 300)
    assert copied.scores(lists[7]).tolist() == np.roll(built.scores(lists[7]), -50).tolist()


@pytest.mark.parametrize("lists", [[], [[], []]], ids=["no passages", "no terms"])
def test_nothing_to_find(tmp_path: Path, lists: list[list[str]]) -> None:
    index = LexicalIndex.build(lists)
    index.save(tmp_path)
    for one in (index, LexicalIndex.load(tmp_path, len(lists))):
        assert one.scores(["가"]).tolist() == [0.0] * len(lists)
        assert one.search(["가"], 3)[0].tolist() == []
        assert not one.knows("가")


def test_bm25s_reads_the_files(tmp_path: Path) -> None:
    """They are its own format: it loads them, and so does our search, without it."""
    lists = made(200)
    index = LexicalIndex.build(lists)
    index.save(tmp_path)
    theirs = BM25.load(tmp_path, mmap=True, load_vocab=False, show_progress=False)
    ours = LexicalIndex.load(tmp_path, 200)
    assert ours._postings is not None
    for terms in lists[::17]:
        ids = [row for row in map(ours.lexicon.find, terms) if row is not None]
        expected = index.scores(terms)
        assert np.allclose(theirs.get_scores_from_ids(ids), expected, rtol=1e-5)
        assert np.allclose(ours._postings.engine().get_scores_from_ids(ids), expected, rtol=1e-5)
    code = f"from rag.lexical import LexicalIndex; from pathlib import Path; import sys; \
LexicalIndex.load(Path({str(tmp_path)!r}), 200).search(['t1'], 3); print('bm25s' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_saved_and_loaded(tmp_path: Path) -> None:
    lists = made(50)
    index = LexicalIndex.build(lists)
    index.save(tmp_path)
    again = LexicalIndex.load(tmp_path, 50)
    assert again.search(lists[3], 5)[0].tolist() == index.search(lists[3], 5)[0].tolist()
    with pytest.raises(ValueError, match="49 passages"):
        LexicalIndex.load(tmp_path, 49)
    np.save(tmp_path / postings_module.PEAKS, np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="fit"):
        LexicalIndex.load(tmp_path, 50)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no such call here")
def test_files_have_all_their_room_before_they_are_filled(tmp_path: Path) -> None:
    """Holes of a mapped file on a full disk kill the process at the first write to them."""
    postings_module._array(tmp_path, "data.npy", np.float32, 1_000_000)
    found = (tmp_path / "data.npy").stat()
    assert found.st_blocks * 512 >= found.st_size


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no such call here")
def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        postings_module.fit(np.zeros(3, np.int32), np.array([1, 3]), 1, tmp_path)
