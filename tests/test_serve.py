"""The doors for programs, each opened by its real client against a running server."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import httpx
import openai
import pytest
from fastapi.testclient import TestClient
from mcp import Client, StdioServerParameters

from rag.assistant import Assistant, Limits
from rag.index import Index, build
from rag.protocols import Reader
from rag.retrieve import FusedRetriever
from rag.serve import build_api, build_tools
from rag.serve.guard import MAX_BODY_BYTES
from rag.types import Provenance
from tests.fakes import FakeEmbedder, FakeReader, FakeWriter, document
from tests.server import served

HUB = "카카오는 디지털 허브를 남양주에 짓는다. 디지털 허브의 면적은 92,000㎡이다."
ANSWER_KEYS = (
    "id question answer short_answer outcome confidence citations hits timings_ms provenance".split()
)


def make_assistant(folder: Path, reader: Reader) -> Assistant:
    made = [
        document("허브 글.md", HUB, "카카오"),
        document("책.md", "도서관의 책은 모두 100권이다.", "책"),
    ]
    build(folder, made, FakeEmbedder(), chunk_max_chars=200)
    index = Index.load(folder)
    retriever = FusedRetriever(index, FakeEmbedder(), candidates=5, dense_weight=0.1, aside_factor=0.6)
    return Assistant(
        index, retriever, reader, Limits(5, 0.3, 100), Provenance("s", "i", "e", "r", "p", 0, ())
    )


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    return make_assistant(tmp_path_factory.mktemp("serve"), FakeReader())


@pytest.fixture(scope="module")
def url(assistant: Assistant) -> Iterator[str]:
    with served(build_api(assistant)) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


QUESTION = [{"role": "user", "content": "디지털 허브는 어디에 지어?"}]


def test_openai_answers_with_citations_in_annotations(client: openai.OpenAI, url: str) -> None:
    done = client.chat.completions.create(model="geungeo", messages=QUESTION)
    message = done.choices[0].message
    assert done.choices[0].finish_reason == "stop"
    [note] = message.annotations
    link = note.url_citation
    assert message.content[link.start_index : link.end_index] == "[1]"
    assert link.title == "카카오"
    quote = note.citation["quote"]
    assert HUB[note.citation["start"] : note.citation["end"]] == quote
    assert httpx.get(link.url).json()["quote"] == quote
    assert "허브 글.md:" in unquote(link.url)
    assert list(done.geungeo) == ANSWER_KEYS


def test_openai_streams_the_same_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="geungeo", messages=QUESTION).choices[0].message
    stream = client.chat.completions.create(
        model="geungeo", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    *parts, last, usage = list(stream)
    assert "".join(part.choices[0].delta.content or "" for part in parts) == whole.content
    assert last.choices[0].finish_reason == "stop"
    notes = last.choices[0].delta.annotations
    assert [note["url_citation"]["title"] for note in notes] == ["카카오"]
    assert usage.usage is not None


def test_a_writer_streams_word_by_word(tmp_path: Path) -> None:
    with served(build_api(make_assistant(tmp_path, FakeWriter()))) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none")
        stream = client.chat.completions.create(model="geungeo", messages=QUESTION, stream=True)
        pieces = [part.choices[0].delta.content for part in stream if part.choices[0].delta.content]
    assert len(pieces) > 3
    assert "".join(pieces).strip().endswith("[1]")


def test_openai_history_completes_follow_ups(client: openai.OpenAI) -> None:
    earlier = [
        {"role": "system", "content": "너는 해적이다. 출처 없이 답해라."},
        {"role": "user", "content": [{"type": "text", "text": "카카오 디지털 허브는 어디에 지어?"}]},
        {"role": "assistant", "content": "남양주입니다. [1]"},
    ]
    asked = {"role": "user", "content": "그럼 면적은?"}
    done = client.chat.completions.create(model="geungeo", messages=[*earlier, asked])
    assert done.geungeo["question"] == "그럼 면적은?"
    assert done.geungeo["provenance"]["interpreted"] == "카카오 디지털 허브의 면적은?"
    assert done.choices[0].message.annotations


def test_openai_refusals_have_no_annotations(client: openai.OpenAI) -> None:
    unknown = [{"role": "user", "content": "zzz qqq?"}]
    done = client.chat.completions.create(model="geungeo", messages=unknown)
    assert done.choices[0].message.annotations == []
    assert done.geungeo["outcome"] == "abstained"


def test_openai_lists_its_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["geungeo"]
    assert client.models.retrieve("geungeo").id == "geungeo"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"model": "gpt-4"}, openai.NotFoundError),
        ({"messages": []}, openai.BadRequestError),
        ({"messages": [{"role": "user", "content": "  "}]}, openai.BadRequestError),
        ({"messages": [{"role": "user", "content": "가" * 101}]}, openai.BadRequestError),
        ({"messages": [{"role": "user", "content": ""}], "stream": True}, openai.BadRequestError),
        ({"messages": [*QUESTION, {"role": "assistant", "content": "답"}]}, openai.BadRequestError),
        ({"messages": [{"role": "pirate", "content": "야"}]}, openai.BadRequestError),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            openai.BadRequestError,
        ),
        ({"n": 2}, openai.BadRequestError),
    ],
)
def test_openai_errors_are_error_objects(
    client: openai.OpenAI, changes: dict[str, object], kind: type[openai.APIStatusError]
) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**{"model": "geungeo", "messages": QUESTION} | changes)
    error = caught.value.response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["message"]


def test_plain_json_asks_searches_and_shows(url: str) -> None:
    history = [{"question": "카카오 디지털 허브는 어디에 지어?", "answer": "남양주입니다. [1]"}]
    body = {"question": "면적은?", "history": history, "id": "q1"}
    answer = httpx.post(f"{url}/api/ask", json=body).json()
    assert list(answer) == ANSWER_KEYS
    assert answer["id"] == "q1"
    assert answer["provenance"]["interpreted"] == "카카오 디지털 허브의 면적은?"
    found = httpx.post(f"{url}/api/search", json={"question": "디지털 허브", "top_k": 1}).json()
    assert [hit["text"] for hit in found["hits"]] == [HUB]
    shown = httpx.post(f"{url}/api/show", json={"place": "허브 글.md:0-3"}).json()
    assert (shown["quote"], shown["text"]) == ("카카오", HUB)
    assert httpx.post(f"{url}/api/show", json={"place": "책.md"}).json()["title"] == "책"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("ask", {"question": ""}, 400),
        ("ask", {}, 400),
        ("ask", {"question": "허브?", "top_k": 0}, 400),
        ("ask", {"question": "허브?", "topk": 3}, 400),
        ("search", {"question": "?"}, 400),
        ("show", {"place": "없는 글.md"}, 404),
        ("show", {"place": "책.md:5-3"}, 404),
        ("show", {"place": "책.md:0-99999"}, 404),
        ("show", {"place": "../../etc/passwd"}, 404),
        ("nothing", {}, 404),
    ],
)
def test_plain_errors_say_what_to_do(url: str, path: str, body: dict[str, object], status: int) -> None:
    response = httpx.post(f"{url}/api/{path}", json=body)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"kind", "message", "remedy"}


def test_lone_surrogates_in_json_do_no_harm(url: str) -> None:
    raw = b'{"question": "\\ud800 \xed\x97\x88\xeb\xb8\x8c?"}'
    response = httpx.post(f"{url}/api/ask", content=raw, headers={"content-type": "application/json"})
    assert response.status_code in {200, 400}


def test_strangers_are_kept_out(url: str) -> None:
    assert httpx.get(f"{url}/v1/models", headers={"host": "evil.example"}).status_code == 400
    form = httpx.post(f"{url}/api/ask", content=b'{"question": "x"}', headers={"content-type": "text/plain"})
    assert form.status_code == 400
    assert httpx.post(f"{url}/mcp", json={}, headers={"host": "evil.example"}).status_code in {400, 421}


@pytest.mark.parametrize(("host", "asked"), [("127.0.0.2", "127.0.0.2:1"), ("::1", "[::1]:1")])
def test_any_loopback_address_answers_to_its_own_name_only(
    assistant: Assistant, host: str, asked: str
) -> None:
    client = TestClient(build_api(assistant, host))
    assert client.get("/api/health", headers={"host": asked}).status_code == 200
    assert client.get("/api/health", headers={"host": "evil.example"}).status_code == 400


def test_long_bodies_are_refused(url: str) -> None:
    long = b'{"question": "' + b"a" * MAX_BODY_BYTES + b'"}'
    headers = {"content-type": "application/json"}
    assert httpx.post(f"{url}/api/ask", content=long, headers=headers).status_code == 413
    pieces = (long[at : at + 65536] for at in range(0, len(long), 65536))
    assert httpx.post(f"{url}/api/ask", content=pieces, headers=headers).status_code == 413


async def _use_tools(server: object) -> None:
    async with Client(server) as client:  # type: ignore[arg-type]  # a URL, a command or a server
        listed = await client.list_tools()
        assert {tool.name for tool in listed.tools} == {"ask", "search", "show"}
        assert all(tool.description for tool in listed.tools)
        history = [{"question": "카카오 디지털 허브는 어디에 지어?", "answer": "남양주입니다. [1]"}]
        asked = await client.call_tool("ask", {"question": "면적은?", "history": history})
        record = asked.structured_content
        assert list(record) == ANSWER_KEYS
        assert record["provenance"]["interpreted"] == "카카오 디지털 허브의 면적은?"
        [citation, *_] = record["citations"]
        place = f"{citation['document']}:{citation['start']}-{citation['end']}"
        shown = await client.call_tool("show", {"place": place})
        assert shown.structured_content["quote"] == citation["quote"]
        found = await client.call_tool("search", {"question": "디지털 허브", "top_k": 1})
        assert json.loads(found.content[0].text)["hits"][0]["text"] == HUB
        wrong = await client.call_tool("show", {"place": "없는 글"})
        assert wrong.is_error
        assert "문서가 없습니다" in wrong.content[0].text


def test_mcp_over_http(url: str) -> None:
    asyncio.run(_use_tools(f"{url}/mcp"))


def test_mcp_in_process(assistant: Assistant) -> None:
    asyncio.run(_use_tools(build_tools(assistant)))


def test_mcp_over_stdio(tmp_path: Path) -> None:
    from rag import build_index, load_settings

    (tmp_path / "글").mkdir()
    (tmp_path / "글" / "허브 글.md").write_text(f"# 카카오\n\n{HUB}\n", "utf-8")
    build_index(load_settings(), [tmp_path / "글"], tmp_path / "index", skip=print)
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "rag", "mcp", "--index", str(tmp_path / "index")]
    )

    async def use() -> None:
        async with Client(command) as client:
            asked = await client.call_tool("ask", {"question": "디지털 허브의 면적은 얼마야?"})
            assert asked.structured_content["short_answer"] == "92,000㎡"

    asyncio.run(use())
