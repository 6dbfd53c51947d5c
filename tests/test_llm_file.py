"""Files and hub names: what is missing, damaged or of the wrong kind is said, and nothing else printed."""

from pathlib import Path

import pytest

from rag.config import load_settings
from rag.errors import ModelDamagedError, ModelError, ModelKindError, ModelMissingError
from rag.llm import LlamaReader
from rag.llm.header import read_header
from rag.llm.hub import chosen, fetch, is_file_name, parts
from tests.tiny_gguf import latin_tokens, write_tiny_gguf

SETTINGS = load_settings({"llm_context_tokens": 512, "llm_threads": 1}, environment={})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def refused(path: Path, kind: type[ModelError], match: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(kind, match=match) as caught:
        LlamaReader.load(str(path), SETTINGS)
    assert caught.value.remedy
    assert caught.value.exit_code == 5
    assert capfd.readouterr() == ("", ""), "llama.cpp's own messages are kept from the terminal"


def test_missing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refused(tmp_path / "none.gguf", ModelMissingError, "없습니다", capfd)


@pytest.mark.parametrize("data", [b"", b"GG", "나는 모델이 아니다".encode(), b"PK\x03\x04" * 100])
def test_not_a_gguf(data: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fake.gguf").write_bytes(data)
    refused(tmp_path / "fake.gguf", ModelKindError, "GGUF 파일이 아닙니다", capfd)


@pytest.mark.parametrize("kept", [4, 23, 60, 300, 3000, 20_000, -1])
def test_truncated(model: Path, kept: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.gguf").write_bytes(model.read_bytes()[:kept])
    refused(tmp_path / "cut.gguf", ModelDamagedError, "깨졌습니다|읽을 수 없습니다", capfd)


def test_a_length_beyond_the_file(model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(model.read_bytes())
    data[24:32] = b"\xff" * 8  # length of the first key
    (tmp_path / "odd.gguf").write_bytes(data)
    refused(tmp_path / "odd.gguf", ModelDamagedError, "깨졌습니다", capfd)


def test_unknown_architecture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_tiny_gguf(tmp_path / "new.gguf", architecture="tomorrow9")
    refused(path, ModelDamagedError, "읽을 수 없습니다", capfd)


@pytest.mark.parametrize(
    ("architecture", "facts"),
    [
        ("bert", {}),
        ("clip", {}),
        ("llama", {"general.type": "adapter"}),
        ("llama", {"llama.pooling_type": 1}),
        ("llama", {"llama.attention.causal": False}),
    ],
)
def test_no_model_that_writes(
    architecture: str, facts: dict[str, str | bool | int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_tiny_gguf(tmp_path / "other.gguf", architecture=architecture, facts=facts)
    refused(path, ModelKindError, "글을 쓰는 모델이 아니라", capfd)


def test_no_usable_vocabulary(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """llama.cpp ends the process when such vocabularies are given Korean."""
    refused(
        write_tiny_gguf(tmp_path / "latin.gguf", tokens=latin_tokens()), ModelKindError, "한국어를", capfd
    )
    refused(write_tiny_gguf(tmp_path / "none.gguf", tokens=[]), ModelKindError, "한국어를", capfd)


def test_a_broken_template(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refused(write_tiny_gguf(tmp_path / "t.gguf", template="{% for"), ModelKindError, "대화 틀", capfd)


def test_loading_is_silent(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    LlamaReader.load(str(model), SETTINGS)
    assert capfd.readouterr() == ("", "")


def test_header(model: Path) -> None:
    header = read_header(model)
    assert (header.architecture, header.context_tokens) == ("llama", 2048)


# --- hub ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["nonsense", "a/b/c", "owner/", "", "a b/c", ":x.gguf"])
def test_unknown_spec(spec: str) -> None:
    with pytest.raises(ModelMissingError, match=r"알 수 없습니다|없습니다"):
        LlamaReader.load(spec, SETTINGS)


@pytest.mark.parametrize(
    ("spec", "is_file"),
    [
        ("model.gguf", True),
        ("~/models/model.GGUF", True),
        ("C:\\models\\model.gguf", True),
        ("owner/repo", False),
        ("owner/repo:*Q4_K_M.gguf", False),
        ("owner/repo:Q4_K_M/model.gguf", False),
    ],
)
def test_files_and_hub_names(spec: str, is_file: bool) -> None:
    assert is_file_name(spec) is is_file


NAMES = [
    "README.md",
    "m-f16.gguf",
    "m-Q8_0.gguf",
    "m-Q4_K_M.gguf",
    "m-Q4_K_S.gguf",
    "mmproj-m-Q4_K_M.gguf",
    "big/m-BF16-00001-of-00002.gguf",
    "big/m-BF16-00002-of-00002.gguf",
]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*.gguf", "m-Q4_K_M.gguf"),
        ("*q8_0.gguf", "m-Q8_0.gguf"),
        ("m-f16.gguf", "m-f16.gguf"),
        ("*bf16*", "big/m-BF16-00001-of-00002.gguf"),
        ("m-BF16*.gguf", "big/m-BF16-00001-of-00002.gguf"),
        ("*IQ2*", None),
        ("*.md", None),
    ],
)
def test_choice_among_files(pattern: str, name: str | None) -> None:
    assert chosen(NAMES, pattern) == chosen(NAMES[::-1], pattern) == name


def test_parts_of_a_split_model() -> None:
    assert parts("a-00001-of-00003.gguf") == [f"a-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    assert parts("a.gguf") == ["a.gguf"]


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty hub cache, and a hub that refuses every connection."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    return tmp_path


def test_hub_out_of_reach(cache: Path) -> None:
    with pytest.raises(ModelMissingError, match="받을 수 없습니다") as caught:
        fetch("owner/model-GGUF:*Q4_K_M.gguf")
    assert "네트워크" in caught.value.remedy
    assert list(cache.iterdir()) == []


def put(cache: Path, commit: str, name: str, data: bytes) -> Path:
    path = cache / "models--owner--tiny-GGUF" / "snapshots" / commit / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_the_cache_needs_no_network(model: Path, cache: Path) -> None:
    put(cache, "aaa", "tiny-Q8_0.gguf", b"old")
    current = put(cache, "bbb", "tiny-Q8_0.gguf", model.read_bytes())
    put(cache, "bbb", "mmproj-Q8_0.gguf", b"")
    refs = current.parents[2] / "refs"
    refs.mkdir()
    (refs / "main").write_text("bbb")
    assert fetch("owner/tiny-GGUF:*q8_0.gguf") == fetch("owner/tiny-GGUF") == current
    assert LlamaReader.load("owner/tiny-GGUF", SETTINGS).fingerprint.startswith("tiny-Q8_0-")


def test_half_a_split_model_is_not_in_the_cache(cache: Path) -> None:
    put(cache, "aaa", "m-00001-of-00002.gguf", b"")
    with pytest.raises(ModelMissingError, match="받을 수 없습니다"):
        fetch("owner/tiny-GGUF")
    put(cache, "aaa", "m-00002-of-00002.gguf", b"")
    assert fetch("owner/tiny-GGUF").name == "m-00001-of-00002.gguf"


def test_the_caches_own_digest_spares_reading(model: Path, cache: Path) -> None:
    snapshot = put(cache, "aaa", "tiny-Q8_0.gguf", b"")
    blob = snapshot.parents[2] / ("ab" * 32)
    blob.write_bytes(model.read_bytes())
    snapshot.unlink()
    snapshot.symlink_to(blob)
    named = LlamaReader.load("owner/tiny-GGUF", SETTINGS).fingerprint
    assert named.startswith("tiny-Q8_0-")
    blob.write_bytes(write_tiny_gguf(cache / "other.gguf", seed=3).read_bytes())
    assert LlamaReader.load("owner/tiny-GGUF", SETTINGS).fingerprint == named
