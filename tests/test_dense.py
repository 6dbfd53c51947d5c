"""The dense index against brute force, and the traps of its engine."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.dense import DenseIndex, VectorWriter
from rag.dense.flat import Flat
from rag.dense.kind import Kind
from rag.dense.scan import Scan


def unit(count: int, dim: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def brute_force(vectors: np.ndarray, query: np.ndarray, k: int) -> list[int]:
    scores = vectors @ query
    return sorted(range(len(vectors)), key=lambda row: (-scores[row], row))[:k]


@settings(max_examples=25)
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
    (tmp_path / "v.faiss" / "codes.faiss").write_bytes(b"no index")
    with pytest.raises(RuntimeError):
        DenseIndex.load(tmp_path / "v.faiss")
    (tmp_path / "v.faiss" / "vectors.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match="pickle"):
        DenseIndex.load(tmp_path / "v.faiss")


def scanned(count: int = 3000) -> tuple[np.ndarray, DenseIndex]:
    vectors = unit(count, 64)
    return vectors, DenseIndex(vectors, Scan.build(vectors, rerank=400))


def test_many_rows_are_searched_nearly_exactly_and_scored_by_their_vectors(tmp_path: Path) -> None:
    vectors, index = scanned()
    index.save(tmp_path)
    again = DenseIndex.load(tmp_path)
    assert not again.is_exact
    found = 0
    for query in unit(40, 64, 5):
        rows, scores = again.search(query, 10)
        assert np.allclose(scores, vectors[rows] @ query, atol=1e-6)
        assert rows.tolist() == index.search(query, 10)[0].tolist()
        found += len(set(rows.tolist()) & set(brute_force(vectors, query, 10)))
    assert found >= 0.97 * 400
    np.save(tmp_path / "vectors.npy", vectors[:-1])
    with pytest.raises(ValueError, match="fit"):
        DenseIndex.load(tmp_path)


@pytest.mark.parametrize(
    "kind", [Flat, lambda vectors: Scan.build(vectors, rerank=400)], ids=["flat", "scan"]
)
@pytest.mark.parametrize("share", [0.0, 0.002, 0.04, 0.3, 1.0])
def test_only_allowed_rows_are_found(kind: Callable[[np.ndarray], Kind], share: float) -> None:
    vectors = unit(3000, 64)
    index = DenseIndex(vectors, kind(vectors))
    allowed = np.random.default_rng(3).random(len(vectors)) < share
    missed = 0
    for query in unit(20, 64, 6):
        rows, _ = index.search(query, 10, allowed)
        assert allowed[rows].all()
        expected = [row for row in brute_force(vectors, query, len(vectors)) if allowed[row]][:10]
        if index.is_exact or share < 0.1:
            assert rows.tolist() == expected
        assert len(rows) == len(expected)
        missed += len(set(expected) - set(rows.tolist()))
    assert missed <= 0.03 * 200


def test_a_filter_that_admits_only_what_is_far_away() -> None:
    """The best codes of all rows hold none of the admitted: all those are scored."""
    vectors, index = scanned()
    query = vectors[0]
    allowed = vectors @ query < 0
    rows, _ = index.search(query, 10, allowed)
    assert rows.tolist() == [row for row in brute_force(vectors, query, 3000) if allowed[row]][:10]


@pytest.mark.parametrize("step", [90, 700])
def test_a_vector_writer_streams_what_build_holds(tmp_path: Path, step: int) -> None:
    vectors = unit(700, 8)
    writer = VectorWriter(tmp_path, 8, flat_max=500)
    for first in range(0, 700, step):
        writer.append(vectors[first : first + step])
    with pytest.raises(ValueError, match="shape"):
        writer.append(vectors[:, :4])
    writer.close()
    index = DenseIndex.load(tmp_path)
    assert index.vectors.dtype == np.float16
    assert np.array_equal(index.vectors, vectors.astype(np.float16))
    assert not index.is_exact
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codes.faiss", "codes.json", "vectors.npy"]


def test_few_vectors_stay_as_they_are(tmp_path: Path) -> None:
    writer = VectorWriter(tmp_path, 8, flat_max=500)
    writer.append(unit(500, 8))
    writer.close()
    index = DenseIndex.load(tmp_path)
    assert index.is_exact
    assert np.array_equal(index.vectors, unit(500, 8))
