"""The GGUF path with a real, tiny model: loading, template, grammar, streaming, stopping, errors."""

import re
from pathlib import Path

import pytest

from rag.config import load_settings
from rag.errors import ModelDamagedError, ModelKindError, ModelMissingError
from rag.llm import LlamaReader
from rag.prompt import refusal
from rag.types import Delta, Draft, Evidence, Hit, Passage, Route, Span
from tests.tiny_gguf import write_tiny_gguf

ANSWER = re.compile(r"[^<>\[\]\x00-\x1f]{2,}( ?\[[12]\])+([ \n][^<>\[\]\x00-\x1f]{2,}( ?\[[12]\])+)*")
TEXTS = ("카카오는 2029년에 디지털 허브를 완공한다.", "애플은 포항에 아카데미를 연다.")


def evidence(*texts: str) -> list[Evidence]:
    passages = [
        Passage(f"p{n}", "d.txt", Span(0, len(text)), text, title="제목") for n, text in enumerate(texts)
    ]
    return [Evidence(n, Hit(passage, 1.0, Route.FUSED)) for n, passage in enumerate(passages, 1)]


def settings(**changes: int | float | str):  # noqa: ANN201  # a Settings
    base = {"llm_context_tokens": 2048, "llm_max_tokens": 40, "llm_threads": 1}
    return load_settings(base | changes, environment={})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def read(reader: LlamaReader, question: str = "완공 시점은?") -> tuple[list[str], Draft]:
    *deltas, draft = reader.read(question, evidence(*TEXTS))
    assert isinstance(draft, Draft)
    assert all(isinstance(delta, Delta) for delta in deltas)
    return [delta.text for delta in deltas], draft


@pytest.mark.parametrize("seed", range(6))
def test_every_output_obeys_the_grammar(model: Path, seed: int) -> None:
    """A random model would write anything; the grammar lets only marked sentences or the refusal out."""
    reader = LlamaReader.load(str(model), settings(llm_temperature=1.5, seed=seed, llm_max_tokens=250))
    deltas, draft = read(reader)
    assert "".join(deltas).strip().startswith(draft.text)
    assert draft.refused == (draft.text in {"", refusal()})
    if not draft.refused:
        assert ANSWER.fullmatch(draft.text), draft.text
    assert not re.search(r"[<>]", "".join(deltas))


def test_only_the_refusal_without_passages(model: Path) -> None:
    reader = LlamaReader.load(str(model), settings(llm_max_tokens=200))
    *_, draft = reader.read("질문", [])
    assert isinstance(draft, Draft)
    assert draft.refused
    assert draft.text == refusal()


def test_greedy_answers_repeat(model: Path) -> None:
    reader = LlamaReader.load(str(model), settings())
    assert read(reader) == read(reader)
    assert LlamaReader.load(str(model), settings()).fingerprint == reader.fingerprint
    assert LlamaReader.load(str(model), settings(seed=5)).fingerprint != reader.fingerprint


def test_closing_stops_and_the_model_can_be_asked_again(model: Path) -> None:
    reader = LlamaReader.load(str(model), settings(llm_max_tokens=200))
    stream = reader.read("완공 시점은?", evidence(*TEXTS))
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    deltas, _ = read(reader)
    assert deltas


def test_chat_template_is_used(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llama_cpp

    seen: list[str] = []
    original = llama_cpp.Llama.tokenize

    def spy(self: llama_cpp.Llama, text: bytes, *args: object, **kwargs: object) -> list[int]:
        seen.append(text.decode())
        return original(self, text, *args, **kwargs)

    monkeypatch.setattr(llama_cpp.Llama, "tokenize", spy)
    read(LlamaReader.load(str(model), settings()))
    assert any(text.startswith("<|system|>") and text.endswith("<|assistant|>") for text in seen)
    seen.clear()
    read(LlamaReader.load(str(write_tiny_gguf(tmp_path / "plain.gguf", template=False)), settings()))
    assert any(text.endswith("답: ") for text in seen)
    assert not any("<|system|>" in text for text in seen)


def test_passages_that_do_not_fit_are_dropped_from_the_end(model: Path) -> None:
    reader = LlamaReader.load(str(model), settings(llm_context_tokens=1500))
    many = evidence(TEXTS[0], "나" * 1000, TEXTS[1])
    assert [item.marker for item in reader._fitting("질문", many)] == [1]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="없습니다") as caught:
        LlamaReader.load(str(tmp_path / "none.gguf"), settings())
    assert caught.value.exit_code == 5


def test_not_a_gguf(tmp_path: Path) -> None:
    (tmp_path / "fake.gguf").write_text("나는 모델이 아니다")
    with pytest.raises(ModelKindError, match="GGUF 파일이 아닙니다"):
        LlamaReader.load(str(tmp_path / "fake.gguf"), settings())


def test_truncated_gguf(model: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(model.read_bytes()[:3000])
    with pytest.raises(ModelDamagedError, match="읽을 수 없습니다"):
        LlamaReader.load(str(tmp_path / "cut.gguf"), settings())


@pytest.mark.parametrize("spec", ["nonsense", "a/b/c", "owner/"])
def test_unknown_spec(spec: str) -> None:
    with pytest.raises(ModelMissingError, match="알 수 없습니다"):
        LlamaReader.load(spec, settings())


def test_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelMissingError, match="받을 수 없습니다"):
        LlamaReader.load("owner/model-GGUF:*Q4_K_M.gguf", settings())


def test_hub_cache_is_used_without_network(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--owner--tiny-GGUF" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "tiny-Q8_0.gguf").write_bytes(model.read_bytes())
    reader = LlamaReader.load("owner/tiny-GGUF:*Q8_0.gguf", settings())
    assert reader.fingerprint.startswith("tiny-Q8_0-")
