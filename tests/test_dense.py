"""The dense index against brute force, and the traps of its engine."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.dense import DenseIndex


def unit(count: int, dim: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def brute_force(vectors: np.ndarray, query: np.ndarray, k: int) -> list[int]:
    scores = vectors @ query
    return sorted(range(len(vectors)), key=lambda row: (-scores[row], row))[:k]


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 40), dim=st.integers(1, 16), k=st.integers(1, 60), seed=st.integers(0, 9))
def test_equals_brute_force(count: int, dim: int, k: int, seed: int) -> None:
    # few distinct values per entry make exact sums, so that ties are ties in both
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, (count, dim)).astype(np.float32)
    query = rng.integers(-2, 3, dim).astype(np.float32)
    rows, scores = DenseIndex.build(vectors).search(query, k)
    assert np.allclose(scores, (vectors @ query)[rows])
    expected = brute_force(vectors, query, k)
    assert (vectors @ query)[rows].tolist() == (vectors @ query)[expected].tolist()
    assert len(set(rows.tolist())) == len(rows) == min(k, count)
    assert rows.tolist() == sorted(rows.tolist(), key=lambda row: (-(vectors @ query)[row], row))


def test_ties_come_by_row_even_at_the_cut() -> None:
    vectors = np.tile(unit(1, 8), (20, 1))
    rows, _ = DenseIndex.build(vectors).search(vectors[0], 5)
    assert rows.tolist() == [0, 1, 2, 3, 4]


def test_more_asked_than_there_are() -> None:
    """faiss pads with -1, which Python would read as the last row."""
    index = DenseIndex.build(unit(3, 8))
    rows, scores = index.search(unit(1, 8)[0], 100)
    assert sorted(rows.tolist()) == [0, 1, 2]
    assert np.isfinite(scores).all()
    assert index.search(unit(1, 8)[0], 0)[0].shape == (0,)


def test_empty_index(tmp_path: Path) -> None:
    index = DenseIndex.build(np.zeros((0, 8), np.float32))
    assert (index.count, index.dim) == (0, 8)
    index.save(tmp_path / "v.faiss")
    rows, scores = DenseIndex.load(tmp_path / "v.faiss").search(unit(1, 8)[0], 5)
    assert (len(rows), len(scores)) == (0, 0)


@pytest.mark.parametrize(
    "query",
    [np.zeros(7, np.float32), np.zeros((1, 8), np.float32), np.full(8, np.nan, np.float32)],
    ids=["wrong dimension", "wrong shape", "not finite"],
)
def test_wrong_queries_are_named(query: np.ndarray) -> None:
    index = DenseIndex.build(unit(3, 8))
    with pytest.raises(ValueError, match="vectors"):
        index.search(query, 2)
    with pytest.raises(ValueError, match="vectors"):
        index.scores(query, np.array([0]))


def test_wrong_vectors_are_named() -> None:
    with pytest.raises(ValueError, match="shape"):
        DenseIndex.build(np.zeros(8, np.float32))
    with pytest.raises(ValueError, match="finite"):
        DenseIndex.build(np.full((2, 8), np.inf, np.float32))


def test_saved_and_loaded(tmp_path: Path) -> None:
    vectors, query = unit(50, 32), unit(1, 32, 1)[0]
    index = DenseIndex.build(vectors)
    index.save(tmp_path / "v.faiss")
    again = DenseIndex.load(tmp_path / "v.faiss")
    assert (again.count, again.dim) == (50, 32)
    assert again.search(query, 9)[0].tolist() == brute_force(vectors, query, 9)
    assert np.allclose(again.scores(query, np.array([4, 2])), (vectors @ query)[[4, 2]], atol=1e-6)
    assert again.scores(query, np.zeros(0, np.int64)).shape == (0,)
    (tmp_path / "bad.faiss").write_bytes(b"no index")
    with pytest.raises(RuntimeError):
        DenseIndex.load(tmp_path / "bad.faiss")
