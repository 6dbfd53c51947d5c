"""The chat page: turns stream, evidence is marked, and text of documents never becomes HTML."""

from pathlib import Path

import pytest

import app
from rag.assistant import Assistant, Limits
from rag.index import Index, build
from rag.retrieve import FusedRetriever
from rag.types import Provenance
from tests.fakes import FakeEmbedder, FakeReader, document

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(2)> [링크](javascript:alert(3)) 허브를 짓는다."


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    folder = tmp_path_factory.mktemp("index")
    made = [
        document("허브.txt", "카카오는 디지털 허브를 남양주에 짓는다.", "카카오"),
        document("나쁜.txt", HOSTILE),
    ]
    build(folder, made, FakeEmbedder(), chunk_max_chars=200)
    index = Index.load(folder)
    retriever = FusedRetriever(index, FakeEmbedder(), candidates=5, dense_weight=0.1, aside_factor=0.6)
    provenance = Provenance("s", "i", "e", "r", "p", 0, ())
    return Assistant(index, retriever, FakeReader(), Limits(5, 0.3, 100), provenance)


def test_a_turn_streams_and_ends_with_marked_evidence(assistant: Assistant) -> None:
    *_, (messages, evidence, box) = app.reply(assistant, "디지털 허브는 어디에 짓나?", [])
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["content"].endswith("[1]")
    assert "<mark>카카오는 디지털 허브를 남양주에 짓는다.</mark>" in evidence
    assert box == ""


def test_earlier_messages_stay(assistant: Assistant) -> None:
    before = [{"role": "user", "content": "앞"}, {"role": "assistant", "content": "뒤"}]
    *_, (messages, _, _) = app.reply(assistant, "허브?", before)
    assert messages[:2] == before
    assert len(messages) == 4


def test_errors_are_said_in_the_chat(assistant: Assistant) -> None:
    *_, (messages, _, _) = app.reply(assistant, "   ", [])
    assert "비어 있습니다" in messages[-1]["content"]


def test_documents_cannot_inject_html(assistant: Assistant) -> None:
    *_, (_, evidence, _) = app.reply(assistant, "링크 alert script img", [])
    assert "&lt;script&gt;" in evidence
    for tag in ("<script", "<img", 'href="javascript'):
        assert tag not in evidence


def test_the_page_builds_and_answers_over_http(assistant: Assistant) -> None:
    from gradio_client import Client

    page = app.build_app(assistant)
    _, url, _ = page.launch(prevent_thread_lock=True, server_name="127.0.0.1", quiet=True, css=app.CSS)
    try:
        client = Client(url, verbose=False)
        messages, evidence, _ = client.predict("디지털 허브는 어디에 짓나?", [], api_name="/ask")
        assert "<mark>" in str(evidence)
        assert messages
    finally:
        page.close()
    assert Path(app.__file__).is_file()
