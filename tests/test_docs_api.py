"""The examples of docs/api.md run as they stand, but for the port, and print what they promise."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import build_index, load_assistant, load_settings
from rag.serve import build_api
from tests.server import served

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/api.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("docs")
    build_index(load_settings(), [ROOT / "corpus"], folder, skip=print)
    with served(build_api(load_assistant(load_settings(), folder))) as address:
        yield address


def run(example: str, url: str) -> list[str]:
    assert "http://127.0.0.1:8321" in example
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example.replace("http://127.0.0.1:8321", url), "docs/api.md", "exec"), {})
    return printed.getvalue().splitlines()


def test_every_example_is_run() -> None:
    assert len(EXAMPLES) == 4
    [settings] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert json.loads(settings)["mcpServers"]["geungeo"]["args"][0] == "mcp"


def test_openai_example(url: str) -> None:
    answer, note, quote = run(EXAMPLES[0], url)
    assert answer == "2029년입니다. [1]"
    assert note.startswith("[1] 카카오, 남양주 왕숙에 디지털 허브 짓는다 http://127.0.0.1")
    assert quote == "카카오 디지털 허브의 완공 시점은 2029년으로 잡았다."


def test_streaming_example(url: str) -> None:
    answer, interpreted, quote = run(EXAMPLES[1], url)
    assert "92,000㎡" in answer
    assert answer.endswith(" [1]")
    assert interpreted == "카카오 디지털 허브의 면적은?"
    assert "92,000㎡" in quote


def test_json_example(url: str) -> None:
    answer, same, title = run(EXAMPLES[2], url)
    assert "6,000억 원" in answer
    assert answer.endswith("[1] 카카오 디지털 허브에는 얼마가 들어가?")
    assert same == "True"
    assert title == "한라산"


def test_mcp_example(url: str) -> None:
    [short] = run(EXAMPLES[3], url)
    assert "100원" in short
