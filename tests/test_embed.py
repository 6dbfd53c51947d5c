"""Embedders: unit vectors, the cache, prefixes, and models of the wrong kind."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rag.config import load_settings
from rag.embed import (
    CachedEmbedder,
    EmbeddedEmbedder,
    SentenceTransformerEmbedder,
    bucket,
    load_embedder,
    ngrams,
)
from rag.errors import ModelDamagedError, ModelKindError, ModelMissingError
from rag.korean import analyse
from rag.protocols import Embedder, Vectors
from tests.fakes import FakeEmbedder


@pytest.fixture(scope="module")
def embedded() -> EmbeddedEmbedder:
    return EmbeddedEmbedder.load()


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real sentence-transformers folder: word embeddings of a handful of words, mean pooling."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    folder = tmp_path_factory.mktemp("models") / "multilingual-e5-tiny"
    words = ["query:", "passage:", "카카오", "허브", "완공", "포항"]
    torch.manual_seed(0)
    tokenizer = modules.tokenizer.WhitespaceTokenizer(words, do_lower_case=False)
    weights = torch.nn.functional.normalize(torch.randn(len(words), 16), dim=1)
    embedding = modules.WordEmbeddings(tokenizer, weights)
    SentenceTransformer(modules=[embedding, modules.Pooling(16, "mean")], device="cpu").save(str(folder))
    return str(folder)


@pytest.mark.parametrize("make", [EmbeddedEmbedder.load, FakeEmbedder])
def test_contract(make) -> None:
    embedder = make()
    assert isinstance(embedder, Embedder)
    texts = ["카카오 디지털 허브 완공", "포항 애플 아카데미", ""]
    vectors = embedder.embed_passages(texts)
    assert (vectors.shape, vectors.dtype) == ((3, embedder.dim), np.float32)
    assert np.allclose(np.linalg.norm(vectors[:2], axis=1), 1, atol=1e-5)
    assert not vectors[2].any()
    assert embedder.embed_passages([]).shape == (0, embedder.dim)
    assert np.allclose(embedder.embed_queries(texts), vectors, atol=1e-5)
    assert np.allclose(embedder.embed_passages(texts[1:2])[0], vectors[1], atol=1e-5)


def test_meaning_beats_letters(embedded: EmbeddedEmbedder) -> None:
    asked = embedded.embed_queries(["다리는 언제 준공되나?"])[0]
    near, far = embedded.embed_passages(["교량이 2029년에 완공된다.", "김치는 배추를 소금에 절여 담근다."])
    assert asked @ near > asked @ far + 0.1


def test_unknown_words_still_count(embedded: EmbeddedEmbedder) -> None:
    asked = embedded.embed_queries(["뷁쉙뷁쉙"])[0]
    near, far = embedded.embed_passages(["뷁쉙뷁쉙 회사", "남양주 회사"])
    assert asked @ near > asked @ far


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    import shutil

    from rag.embed import FOLDER

    copy = tmp_path / "embedder"
    shutil.copytree(FOLDER, copy)
    data = bytearray((copy / "mapping.npy").read_bytes())
    data[-1] ^= 1
    (copy / "mapping.npy").write_bytes(data)
    with pytest.raises(ModelDamagedError, match="SHA-256"):
        EmbeddedEmbedder.load(copy)
    with pytest.raises(ModelMissingError):
        EmbeddedEmbedder.load(tmp_path / "none")


def test_torch_and_numpy_paths_agree(embedded: EmbeddedEmbedder) -> None:
    """The shipped folder is a sentence-transformers model; both paths give the same vectors."""
    from rag.embed import FOLDER

    texts = ["카카오 디지털 허브 완공 시점은 2029년이다.", "MOU 체결", "뷁쉙", "가", ""]
    torch_path = SentenceTransformerEmbedder.load(str(FOLDER), 2)
    assert torch_path.dim == embedded.dim
    assert np.abs(torch_path.embed_passages(texts) - embedded.embed_passages(texts)).max() < 1e-5


def test_light_path_needs_no_torch() -> None:
    import subprocess
    import sys

    code = "from rag.embed import EmbeddedEmbedder as E; E.load().embed_queries(['가']); import sys; "
    code += "print('torch' in sys.modules, 'sentence_transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


def test_ngrams_and_buckets() -> None:
    assert ngrams(analyse("카카오 MOU, 2029년")) == ["카카", "카오", "mou", "20", "02", "29", "9년"]
    assert bucket("카카", 1000) == bucket("카카", 1000) < 1000


def test_sentence_transformers_folder_with_its_prefix(model_folder: str, tmp_path: Path) -> None:
    embedder = SentenceTransformerEmbedder.load(model_folder, 8)
    passages = embedder.embed_passages(["카카오 허브", "포항"])
    assert passages.shape == (2, 16)
    assert np.allclose(np.linalg.norm(passages, axis=1), 1, atol=1e-5)
    # e5 asks for "query: " and "passage: ", so the same text gives different vectors
    assert not np.allclose(embedder.embed_queries(["카카오 허브"])[0], passages[0], atol=1e-3)
    again = SentenceTransformerEmbedder.load(model_folder, 8)
    assert again.fingerprint == embedder.fingerprint
    settings = load_settings({"embedder": model_folder}, environment={})
    cached = load_embedder(settings, tmp_path)
    assert isinstance(cached, CachedEmbedder)
    assert np.allclose(cached.embed_passages(["카카오 허브"])[0], passages[0], atol=1e-6)
    assert len(list(tmp_path.glob("*.sqlite"))) == 1
    assert load_embedder(settings).dim == 16


def test_missing_and_wrong_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelMissingError, match="없습니다"):
        SentenceTransformerEmbedder.load("./nowhere", 8)
    with pytest.raises(ModelMissingError, match="받을 수 없습니다"):
        SentenceTransformerEmbedder.load("nobody/no-such-model", 8)
    with pytest.raises(ModelKindError, match="모델 폴더가 아닙니다"):
        SentenceTransformerEmbedder.load(str(tmp_path), 8)


class Counting(FakeEmbedder):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.seen += texts
        return super().embed_passages(texts)


def test_cache_computes_once_and_survives_damage(tmp_path: Path) -> None:
    inner = Counting()
    cached = CachedEmbedder(inner, tmp_path)
    first = cached.embed_passages(["가나", "다라", "가나"])
    assert inner.seen == ["가나", "다라"]
    second = CachedEmbedder(inner, tmp_path).embed_passages(["다라", "마바"])
    assert inner.seen == ["가나", "다라", "마바"]
    assert np.array_equal(first[1], second[0])
    next(tmp_path.glob("*.sqlite")).write_bytes(b"broken" * 100)
    assert np.array_equal(CachedEmbedder(inner, tmp_path).embed_passages(["가나"])[0], first[0])
    assert inner.seen[-1] == "가나"
