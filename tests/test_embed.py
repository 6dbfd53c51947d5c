"""Embedders: unit vectors, the cache, prefixes, and models of the wrong kind."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rag.config import load_settings
from rag.embed import (
    FOLDER,
    CachedEmbedder,
    EmbeddedEmbedder,
    SentenceTransformerEmbedder,
    load_embedder,
)
from rag.embed.light import bags, bucket, directions
from rag.embed.transformer import known_prefixes
from rag.errors import ModelDamagedError, ModelKindError, ModelMissingError
from rag.index import Index, build
from rag.korean import analyse, analyse_many, terms
from rag.protocols import Embedder, Vectors
from rag.vector import has_vector
from tests.fakes import FakeEmbedder, document


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


@pytest.fixture(scope="module")
def short_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real transformer of one layer that reads 24 tokens, a letter each."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("models") / "short"
    plain = folder / "plain"
    plain.mkdir(parents=True)
    letters = sorted(set("카카오는 남양주에 디지털 허브를 짓는다.") - {" "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (plain / "vocab.txt").write_text("\n".join(words), "utf-8")
    BertTokenizer(str(plain / "vocab.txt"), do_lower_case=False).save_pretrained(plain)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=24,
    )
    BertModel(config).save_pretrained(plain)
    model = modules.Transformer(str(plain), max_seq_length=24)
    SentenceTransformer(modules=[model, modules.Pooling(16, "mean")], device="cpu").save(str(folder))
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
    assert embedder.max_tokens >= 0
    assert 0 == embedder.count_tokens("") < embedder.count_tokens("카카오") < embedder.count_tokens(texts[0])


def test_meaning_beats_letters(embedded: EmbeddedEmbedder) -> None:
    asked = embedded.embed_queries(["다리는 언제 준공되나?"])[0]
    texts = ["교량이 2029년에 완공된다.", "김치는 배추를 소금에 절여 담근다.", "다리는 준공되었다."]
    near, far, same = embedded.embed_passages(texts)
    assert asked @ same > asked @ near > 2 * max(0.0, float(asked @ far)), (
        "no word of the question is in near"
    )


def test_unknown_words_still_count(embedded: EmbeddedEmbedder) -> None:
    asked = embedded.embed_queries(["뷁쉙뷁쉙"])[0]
    near, far = embedded.embed_passages(["뷁쉙뷁쉙 회사", "쀍뛟쀍 회사"])
    assert asked @ near > asked @ far + 0.5


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
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
    texts = ["카카오 디지털 허브 완공 시점은 2029년, 허브 연면적은?", "MOU 체결", "뷁쉙", "가", ""]
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


def test_vectors_depend_on_no_neighbour(embedded: EmbeddedEmbedder) -> None:
    """Blocks, batches and order change nothing; 300 texts cross a block border."""
    texts = [f"{n}번 마을 도서관은 {n * 7}명이 쓴다." if n % 50 else "" for n in range(300)]
    together = embedded.embed_analyses(list(analyse_many(texts)))
    for row in (0, 1, 255, 256, 299):
        assert np.allclose(together[row], embedded.embed_analyses([analyse(texts[row])])[0], atol=1e-6)
    for count in range(1, 20):  # to the bit: an index that was added to is that of a rebuild
        some = embedded.embed_analyses(list(analyse_many(texts[:count])))
        assert np.array_equal(some, together[: len(some)])


def test_sums_equal_the_formula(embedded: EmbeddedEmbedder) -> None:
    """Brute force over one text: Σ √c u R + Σ √c w V A, normalised."""
    analysis = analyse("다리가 준공되자 다리 위로 다리를 건넜다.")
    total = np.zeros(embedded.dim)
    found = Counter(bucket(term, len(embedded.term_weights)) for term in terms(analysis))
    for term, count in found.items():
        places, signs = directions(np.array([term]), embedded.dim)
        for place, sign in zip(places[0], signs[0], strict=True):
            total[place] += count**0.5 * embedded.term_weights[term] * sign
    counted = Counter(m.id for m in analysis.morphemes if m.is_content and has_vector(m.id))
    assert max(counted.values()) >= 2
    for word, count in counted.items():
        vector = embedded.vectors.rows([word])[0] @ embedded.mapping
        total += count**0.5 * embedded.morpheme_weights[word] * vector
    assert np.allclose(embedded.embed_analyses([analysis])[0], total / np.linalg.norm(total), atol=1e-5)


def test_bags_count_by_text() -> None:
    made = bags([[3, 1, 3], [], [1]], 10)
    assert (made.rows.tolist(), made.ids.tolist()) == ([0, 0, 2], [1, 3, 1])
    assert np.allclose(made.roots, [1, 2**0.5, 1])


def test_directions_are_fixed_and_nearly_orthogonal() -> None:
    places, signs = directions(np.arange(200), 1024)
    assert places[7].tolist() == directions(np.array([7]), 1024)[0][0].tolist()
    rows = np.zeros((200, 1024))
    np.add.at(rows, (np.arange(200)[:, None], places), signs)
    products = rows @ rows.T - np.diag((rows**2).sum(1))
    assert abs(np.diag(rows @ rows.T).mean() - 1) < 0.05
    assert products.std() < 1.2 / 1024**0.5
    # these numbers are part of the weights' meaning: they must never change
    assert places[1].tolist() == [652, 790, 951, 388, 633, 40, 971, 986]
    assert np.sign(signs[1]).tolist() == [1, 1, 1, -1, -1, 1, 1, 1]


def test_encoder_saves_what_it_learned(tmp_path: Path) -> None:
    import torch

    from rag.embed.encoder import MorphemeEncoder

    encoder = MorphemeEncoder(str(FOLDER))
    with torch.no_grad():
        encoder.terms.mul_(0.0)
    encoder.save(str(tmp_path))
    before, after = EmbeddedEmbedder.load(), EmbeddedEmbedder.load(tmp_path)
    assert after.fingerprint != before.fingerprint
    assert not after.embed_queries(["뷁쉙뷁쉙"]).any()
    assert before.embed_queries(["뷁쉙뷁쉙"]).any()


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


@pytest.mark.parametrize(
    ("name", "prompts", "query", "passage"),
    [
        ("dragonkue/multilingual-e5-small-ko-v2", {}, "query: ", "passage: "),
        ("nlpai-lab/KoE5", {"query": "", "document": ""}, "query: ", "passage: "),
        ("intfloat/multilingual-e5-large-instruct", {}, "Instruct: ", ""),
        ("intfloat/e5-mistral-7b-instruct", {"web_search_query": "Instruct: "}, "Instruct: ", ""),
        ("microsoft/harrier-oss-v1-270m", {"web_search_query": "Instruct: "}, "Instruct: ", ""),
        ("dragonkue/snowflake-arctic-embed-l-v2.0-ko", {}, "query: ", ""),
        ("dragonkue/snowflake-arctic-embed-l-v2.0-ko", {"query": "query: "}, "", ""),
        ("nlpai-lab/KURE-v1", {}, "", ""),
    ],
)
def test_prefixes_are_the_ones_of_the_card(
    name: str, prompts: dict[str, str], query: str, passage: str
) -> None:
    found = known_prefixes(name, SimpleNamespace(prompts=prompts))  # type: ignore[arg-type]
    assert found.passage == passage
    assert found.query.startswith(query)
    assert bool(found.query) == bool(query)


def test_no_passage_is_longer_than_the_model_reads(short_model: str, tmp_path: Path) -> None:
    embedder = SentenceTransformerEmbedder.load(short_model, 8)
    assert embedder.max_tokens == 22  # two are special
    assert embedder.count_tokens("카카오는") == 4
    text = "카카오는 남양주에 디지털 허브를 짓는다. " * 3
    build(tmp_path, [document("d", text.strip(), "")], embedder, chunk_max_chars=400)
    store = Index.load(tmp_path, embedder).store
    passages = [store.passage(row).text for row in range(store.passage_count)]
    assert max(map(embedder.count_tokens, passages)) <= 22
    assert "".join(passages).replace(" ", "") == text.replace(" ", "")


def test_missing_and_wrong_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelMissingError, match="없습니다"):
        SentenceTransformerEmbedder.load("./nowhere", 8)
    with pytest.raises(ModelMissingError, match="받을 수 없습니다"):
        SentenceTransformerEmbedder.load("nobody/no-such-model", 8)
    with pytest.raises(ModelKindError, match="모델 폴더가 아닙니다"):
        SentenceTransformerEmbedder.load(str(tmp_path), 8)
    (tmp_path / "modules.json").write_text("[")
    with pytest.raises(ModelKindError, match="읽을 수 없습니다"):
        SentenceTransformerEmbedder.load(str(tmp_path), 8)


def test_foreign_code_is_never_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "modeling.py").write_text(f"open({str(ran)!r}, 'w')")
    (tmp_path / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "modeling.Evil"}]')
    with pytest.raises(ModelKindError, match="코드"):
        SentenceTransformerEmbedder.load(str(tmp_path), 8)
    assert not ran.exists()


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
    assert CachedEmbedder(inner, tmp_path).embed_passages(["가나"]).any()
    assert inner.seen.count("가나") == 2, "a new file must be begun beside the damaged one"


def test_cache_notices_a_flipped_bit(tmp_path: Path) -> None:
    inner = Counting()
    cached = CachedEmbedder(inner, tmp_path)
    kept = cached.embed_passages(["가나"])
    with sqlite3.connect(next(tmp_path.glob("*.sqlite"))) as rows:
        rows.execute("UPDATE vectors SET vector = zeroblob(length(vector))")
    assert np.array_equal(cached.embed_passages(["가나"]), kept)
    assert inner.seen == ["가나", "가나"]


def test_cache_is_bounded_and_works_without_a_disk(tmp_path: Path) -> None:
    inner = Counting()
    cached = CachedEmbedder(inner, tmp_path, max_rows=2)
    for text in ("가", "나", "다"):
        cached.embed_passages([text])
    cached.embed_passages(["다", "나"])
    assert inner.seen == ["가", "나", "다"]
    cached.embed_passages(["가"])
    assert inner.seen == ["가", "나", "다", "가"]
    (tmp_path / "file").write_text("")
    assert CachedEmbedder(inner, tmp_path / "file").embed_passages(["라"]).any()


def test_cache_serves_threads(tmp_path: Path) -> None:
    cached = CachedEmbedder(FakeEmbedder(), tmp_path)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(cached.embed_passages, [["가"], ["나"], ["가"], ["다"]] * 3))
    assert np.array_equal(made[0], made[2])
