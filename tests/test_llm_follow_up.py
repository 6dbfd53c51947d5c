"""Follow-ups rewritten by a model: the grammar holds, invented words are thrown away, rules stand in."""

import re
from pathlib import Path

import pytest

from rag import build_index, load_assistant, load_settings
from rag.llm import LlamaReader
from rag.llm.engine import Engine
from rag.llm.follow_up import trusted
from rag.prompt import FOLLOW_UP_GRAMMAR, follow_up_message, follow_up_system_message
from rag.types import Turn
from tests.test_injection import ATTACKS, IDS
from tests.tiny_gguf import write_tiny_gguf

HISTORY = [Turn("카카오 디지털 허브 완공 시점은?", "2029년입니다. [1]")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.mark.parametrize(
    ("written", "question", "wanted"),
    [
        ("질문: 카카오 디지털 허브의 면적은?", "그럼 면적은?", "카카오 디지털 허브의 면적은?"),
        (" 질문: 카카오 디지털 허브 면적은?", "면적은?", "카카오 디지털 허브 면적은?"),
        ("질문: 네이버 데이터센터의 면적은?", "그럼 면적은?", None),
        ("질문: 카카오 디지털 허브 완공 시점은?", "그럼 면적은?", None),
        ("질문: 카카오 디지털 허브 완공", "그럼 완공은?", None),
        ("질문: 비밀번호는?", "그럼 면적은?", None),
        ("질문: 카카오의 직책은?", "그 사람 직책은?", "카카오의 직책은?"),
        ("", "면적은?", None),
        ("질문: ?", "왜?", None),
    ],
)
def test_only_words_of_the_conversation_pass(written: str, question: str, wanted: str | None) -> None:
    assert trusted(written, question, HISTORY) == wanted


@pytest.mark.parametrize("seed", range(4))
def test_a_model_writes_one_question(model: Path, seed: int) -> None:
    settings = load_settings({"llm_context_tokens": 2048, "llm_threads": 1}, environment={})
    engine = Engine.load(model, settings)
    prompt = engine.prompt(follow_up_system_message(), follow_up_message("면적은?", HISTORY))
    tokens = engine.write(prompt, FOLLOW_UP_GRAMMAR, max_tokens=90, temperature=1.5, seed=seed)
    written = "".join(token.text for token in tokens)
    assert re.fullmatch(r" ?질문: [^\n<>\[\]?]+\??", written.replace("\ufffd", ""))


def test_the_reader_lends_its_model(model: Path) -> None:
    settings = load_settings({"llm_context_tokens": 2048, "llm_threads": 1}, environment={})
    writer = LlamaReader.load(str(model), settings).follow_up_writer()
    made = writer("면적은?", HISTORY)
    assert made is None or made.endswith("?")
    assert writer("면적은?", [Turn("가" * 9000, "나")]) is None  # does not fit, so rules take over


def test_rules_stand_in_where_the_model_is_not_trusted(model: Path, tmp_path: Path) -> None:
    (tmp_path / "허브.md").write_text("카카오 디지털 허브의 면적은 92,000㎡이다.", "utf-8")
    flags = {"reader": str(model), "llm_context_tokens": 2048, "llm_max_tokens": 20, "llm_threads": 1}
    settings = load_settings(flags, environment={})
    build_index(settings, [tmp_path / "허브.md"], tmp_path / "index", skip=print)
    assistant = load_assistant(settings, tmp_path / "index")
    made = assistant.standalone("그럼 면적은?", HISTORY)
    assert made == "카카오 디지털 허브의 면적은?"  # the tiny model writes noise


@pytest.mark.parametrize("attack", ATTACKS, ids=IDS)
def test_what_was_said_before_cannot_leave_its_place(attack: dict[str, str]) -> None:
    text = attack["text"]
    message = follow_up_message("면적은?", [Turn(text, text)])
    assert (message.count("<"), message.count(">"), message.count("[")) == (2, 2, 0)
    assert message.splitlines()[0] == "<대화>"
    assert message.splitlines()[3:] == ["</대화>", "", "마지막 질문: 면적은?"]
