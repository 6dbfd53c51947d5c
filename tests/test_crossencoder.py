"""The cross-encoder as it ships: every place counts, threads share it, damaged files are refused."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag.crossencoder import BEGIN, END, FOLDER, LONGEST, SENTENCE, CrossEncoder
from rag.errors import ModelDamagedError, ModelMissingError


@pytest.fixture(scope="module")
def encoder() -> CrossEncoder:
    return CrossEncoder.load()


def sequence(encoder: CrossEncoder, question: str, *sentences: str) -> tuple[np.ndarray, np.ndarray]:
    asked, *said = encoder.cut([question, *sentences])
    ids, parts = [BEGIN, *asked.ids.tolist(), END], [0] * (len(asked.ids) + 2)
    for one in said:
        ids += [SENTENCE, *one.ids.tolist()]
        parts += [2] * (len(one.ids) + 1)
    return np.array(ids), np.array(parts)


def test_each_place_is_read_beside_all_others(encoder: CrossEncoder) -> None:
    sentences = "해솔도서관은 3월에 문을 열었다.", "연면적은 3,200㎡다."
    ids, parts = sequence(encoder, "도서관은 얼마나 넓은가?", *sentences)
    found = encoder.read(ids, parts)
    assert found.holds.shape == (len(ids),)
    assert found.spans.shape == (len(ids), 2)
    other = encoder.read(*sequence(encoder, "도서관은 언제 열었나?", *sentences))
    marks = np.flatnonzero(ids == SENTENCE)
    others = np.flatnonzero(sequence(encoder, "도서관은 언제 열었나?", *sentences)[0] == SENTENCE)
    assert found.holds[marks].argmax() == 1
    assert other.holds[others].argmax() == 0


def test_the_longest_sequence_is_read(encoder: CrossEncoder) -> None:
    ids = np.tile(encoder.cut(["가나다라마바사"])[0].ids, LONGEST)[:LONGEST]
    assert np.isfinite(encoder.read(ids, np.zeros(LONGEST, np.int64)).holds).all()


def test_threads_may_share_it(encoder: CrossEncoder) -> None:
    asked = [sequence(encoder, f"{n}월에는 무엇을 하나?", f"{n}월에는 꽃을 심는다.") for n in range(1, 13)]
    alone = [encoder.read(*one) for one in asked]
    with ThreadPoolExecutor(4) as pool:
        for found, again in zip(pool.map(lambda one: encoder.read(*one), asked), alone, strict=True):
            assert np.array_equal(found.holds, again.holds)


def test_damaged_or_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError):
        CrossEncoder.load(tmp_path / "none")
    folder = tmp_path / "crossencoder"
    shutil.copytree(FOLDER, folder)
    (folder / "table.npy").write_bytes((folder / "table.npy").read_bytes()[:-1] + b"x")
    with pytest.raises(ModelDamagedError):
        CrossEncoder.load(folder)
