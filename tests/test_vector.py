"""Morpheme vectors: unit rows, nearness of meaning, and refusal of damaged files."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from rag.errors import ModelDamagedError, ModelMissingError
from rag.korean import VECTOR_COUNT, analyse
from rag.vector import FIRST_WORD, FOLDER, MorphemeVectors, has_vector


@pytest.fixture(scope="module")
def vectors() -> MorphemeVectors:
    return MorphemeVectors.load()


def known(word: str) -> int:
    (morpheme,) = [m for m in analyse(word).morphemes if m.is_content]
    assert morpheme.id < VECTOR_COUNT
    return morpheme.id


def test_rows_are_unit_or_zero(vectors: MorphemeVectors) -> None:
    ids = [known("완공"), VECTOR_COUNT, -1, 2**31 - 1, VECTOR_COUNT - 1]
    rows = vectors.rows(ids)
    assert (rows.shape, rows.dtype) == ((5, vectors.dim), np.float32)
    norms = np.linalg.norm(rows, axis=1)
    assert np.allclose(norms[[0, 4]], 1, atol=1e-6)
    assert not rows[1:4].any()
    assert vectors.rows([]).shape == (0, vectors.dim)
    assert np.array_equal(vectors.rows(np.array(ids, np.int64)), rows)


@pytest.mark.parametrize(("word", "near", "far"), [("완공", "준공", "김치"), ("의사", "간호사", "소금")])
def test_meanings_are_near(vectors: MorphemeVectors, word: str, near: str, far: str) -> None:
    rows = vectors.rows([known(word), known(near), known(far)])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


def test_rarity(vectors: MorphemeVectors) -> None:
    common, rare, unknown = vectors.idf([known("사람"), known("완공"), VECTOR_COUNT])
    assert 0 <= common < rare <= unknown == 1


def test_unknown_words_share_ids_that_are_no_words() -> None:
    """The trap: an unknown name, a number and a foreign word have small ids, and vectors of their tags."""
    ids = {m.id for m in analyse("뷁쉙뷁쉙 2029 MOU").morphemes if m.is_content}
    assert len(ids) == 3
    assert max(ids) < FIRST_WORD
    assert not any(map(has_vector, ids))
    assert has_vector(known("완공"))
    assert not has_vector(VECTOR_COUNT)


def test_loaded_once_a_process() -> None:
    assert MorphemeVectors.load() is MorphemeVectors.load()


def test_damaged_and_missing(tmp_path: Path) -> None:
    copy = tmp_path / "morphemes"
    shutil.copytree(FOLDER, copy)
    data = bytearray((copy / "vectors.npy").read_bytes())
    data[-1] ^= 1
    (copy / "vectors.npy").write_bytes(data)
    with pytest.raises(ModelDamagedError, match="SHA-256"):
        MorphemeVectors.load(copy)
    with pytest.raises(ModelMissingError):
        MorphemeVectors.load(tmp_path / "none")
