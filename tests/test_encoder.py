"""The sentence encoder: the same numbers as in PyTorch, alone or among others; damaged files are refused."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag.encoder import FOLDER, LONGEST, Encoded, SentenceEncoder
from rag.errors import ModelDamagedError, ModelMissingError

TEXTS = (
    "카카오 디지털 허브는 언제 다 지어지나?",
    "총사업비는 3,000억 원이며 연면적은 92,000㎡다.",
    "",
    "뷁쉙 \ud800 ＡＢＣ　①",
    "가 " * 400,
    "<s> 안녕하세요 </s>",
)


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder.load()


def wholes(encoder: SentenceEncoder, found: list[Encoded]) -> np.ndarray:
    counts = np.array([one.count for one in found], np.float32)
    return encoder.wholes(np.stack([one.total for one in found]), counts)


def test_vectors_are_unit_and_pieces_have_their_places(encoder: SentenceEncoder) -> None:
    found = encoder.encode(TEXTS)
    assert np.allclose(np.linalg.norm(wholes(encoder, found), axis=1), 1, atol=1e-5)
    for text, one in zip(TEXTS, found, strict=True):
        assert len(one.pieces) == len(one.weights) == len(one.places) <= LONGEST
        assert (one.weights > 0).all()
        assert np.allclose(np.linalg.norm(one.pieces.astype(np.float32), axis=1), 1, atol=2e-3)
        assert (one.places[:, 0] < one.places[:, 1]).all()
        assert (one.places >= 0).all()
        assert (one.places <= len(text)).all()
    assert len(found[2].pieces) == 0
    assert len(found[4].pieces) == LONGEST
    words = [TEXTS[0][start:end].strip() for start, end in found[0].places.tolist()]
    assert "".join(words) == TEXTS[0].replace(" ", "")


def test_a_text_is_read_the_same_alone_and_among_others(encoder: SentenceEncoder) -> None:
    together = encoder._read(TEXTS)
    for text, one in zip(TEXTS, together, strict=True):
        (alone,) = encoder._read([text])
        assert np.allclose(alone.total, one.total, atol=1e-3)
        assert np.allclose(alone.pieces, one.pieces, atol=2e-3)
        assert np.array_equal(alone.places, one.places)


def test_totals_add_up_to_that_of_both(encoder: SentenceEncoder) -> None:
    title, text = encoder.encode(["해솔도서관", "연면적은 3,200㎡다."])
    both = encoder.wholes((title.total + text.total)[None], np.array([title.count + text.count], np.float32))
    (joined,) = encoder.encode(["해솔도서관 연면적은 3,200㎡다."])
    other = wholes(encoder, encoder.encode(["누리시장에는 점포 120곳이 있다."]))[0]
    whole = wholes(encoder, [joined])[0]
    assert both[0] @ whole > both[0] @ other + 0.1


def test_what_was_read_is_kept_up_to_a_bound(encoder: SentenceEncoder) -> None:
    small = SentenceEncoder(encoder._cutter, encoder._table, encoder._arrays, kept=3)
    first = small.encode(["하나"])[0]
    assert small.encode(["하나", "둘"])[0] is first
    assert len(small.encode([f"글 {n}" for n in range(9)])) == 9
    assert len(small._kept) == 3
    small.forget()
    assert not small._kept
    assert small.encode(["하나"])[0] is not first


def test_threads_may_share_it(encoder: SentenceEncoder) -> None:
    small = SentenceEncoder(encoder._cutter, encoder._table, encoder._arrays, kept=4)
    texts = [[f"글 {n + shift}" for n in range(6)] for shift in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for one, found in zip(texts, pool.map(small.encode, texts), strict=True):
            for each, alone in zip(found, encoder.encode(one), strict=True):
                assert np.allclose(each.total, alone.total, atol=1e-3)
                assert np.array_equal(each.places, alone.places)


def test_numpy_and_torch_agree(encoder: SentenceEncoder) -> None:
    import torch

    from recipes.encoder.net import Cutter, Net

    plain = encoder._table.vectors(np.arange(len(encoder._table._rows)))
    heads = ("late.weight", "weigh.weight", "weigh.bias")
    net = Net(plain, {k: v for k, v in encoder._arrays.items() if k not in heads}, 0, 0.0).eval()
    net.load_state_dict({name: torch.from_numpy(encoder._arrays[name]) for name in heads}, strict=False)
    row = Cutter(encoder._cutter._tokenizer).row([text for text in TEXTS if "\ud800" not in text])
    with torch.no_grad():
        seen = net(row)
        totals, counts = net.totals(seen, row)
        pieces, weights = net.pieces(seen[row.known])
        whole = net.wholes(totals, counts).numpy()
    found = encoder.encode([text for text in TEXTS if "\ud800" not in text])
    assert np.allclose(whole, wholes(encoder, found), atol=1e-4)
    assert np.allclose(weights.numpy(), np.concatenate([one.weights for one in found]), atol=1e-3)
    assert np.allclose(pieces.numpy(), np.concatenate([one.pieces for one in found]), atol=2e-3)


def test_damaged_or_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError):
        SentenceEncoder.load(tmp_path / "none")
    folder = tmp_path / "encoder"
    shutil.copytree(FOLDER, folder)
    (folder / "table.npy").write_bytes((folder / "table.npy").read_bytes()[:-1] + b"x")
    with pytest.raises(ModelDamagedError):
        SentenceEncoder.load(folder)
