"""Questions drafted by a model: the grammar holds, and only verbatim answers pass."""

from pathlib import Path

import pytest

from rag import load_question_writer
from rag.config import load_settings
from rag.errors import ModelMissingError, SettingError
from rag.llm.engine import Engine
from rag.llm.question import pair
from rag.prompt import QUESTION_GRAMMAR, question_message, question_system_message
from tests.tiny_gguf import write_tiny_gguf

TEXT = "한빛다리는 1925년에 놓였다. 공사에는 4,200억 원을 들였다."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("질문: 한빛다리는 언제 놓였나?\n답: 1925년", ("한빛다리는 언제 놓였나?", "1925년")),
        (" 질문: 공사비는?\n답: 4,200억 원.", ("공사비는?", "4,200억 원")),
        ("질문: 공사비는?\n답: 4천억 원", None),
        ("질문: 공사비는?", None),
        ("", None),
    ],
)
def test_only_answers_that_stand_in_the_text_pass(written: str, expected: tuple[str, str] | None) -> None:
    assert pair(written, TEXT) == expected


def test_a_model_keeps_to_two_lines(model: Path) -> None:
    settings = load_settings({"llm_context_tokens": 2048, "llm_threads": 1}, environment={})
    engine = Engine.load(model, settings)
    prompt = engine.prompt(question_system_message(), question_message(TEXT))
    tokens = engine.write(prompt, QUESTION_GRAMMAR, max_tokens=250, temperature=0.0, seed=0)
    lines = "".join(token.text for token in tokens).strip().split("\n")
    assert lines[0].startswith("질문: ")
    assert len(lines) == 1 or (lines[0].endswith("?") and lines[1].startswith("답: "))


def test_the_configured_model_drafts(model: Path) -> None:
    flags = {"reader": str(model), "llm_context_tokens": 2048, "llm_threads": 1}
    writer = load_question_writer(load_settings(flags, environment={}))
    made = writer(TEXT)
    assert made is None or made[1] in TEXT
    with pytest.raises(SettingError, match="문맥 창"):
        writer(TEXT * 100)


def test_without_a_model_there_is_no_writer() -> None:
    with pytest.raises(SettingError, match="짓지 못합니다"):
        load_question_writer(load_settings(environment={}))
    with pytest.raises(ModelMissingError):
        load_question_writer(load_settings({"reader": "none.gguf"}, environment={}))
