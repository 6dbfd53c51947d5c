"""The server as programs see it: downloads belong to their visitor, doors stay shut."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient
from gradio_client import Client
from gradio_client.exceptions import AppError

from rag import build_index, load_settings
from rag.chat import password
from rag.chat.door import PASSWORD, Door, data_folder
from rag.chat.exchange import Exchange
from rag.chat.gate import VISITOR
from rag.chat.room import Room
from rag.chat.server import create_app, serve
from rag.config import ChatSettings, load_chat_settings
from rag.errors import SettingError
from tests.test_chat_history import ANSWER

ROOT = Path(__file__).parents[1]
TOKENS = ("가" * 3).encode().hex().ljust(40, "a"), "b" * 40


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    place = tmp_path_factory.mktemp("server")
    settings = load_settings({"reader": "none"}, None, {})
    build_index(settings, [ROOT / "corpus" / "coffee.md"], place / "index", skip=lambda _: None)
    made = Room(settings, load_chat_settings(), place / "index", place / "data")
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(room: Room, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    door = Door(room.parts.folder, tmp_path_factory.mktemp("data"), "127.0.0.1", 1)
    return TestClient(create_app(room, door), base_url="http://127.0.0.1")


def stored(room: Room, visitor: str, exchange: Exchange) -> int:
    shelf = room.history.of(visitor)
    conversation = shelf.begin(exchange.asked)
    shelf.judge(shelf.append(conversation, exchange), True)
    return conversation


def test_downloads_belong_to_their_visitor(room: Room, client: TestClient) -> None:
    conversation = stored(room, TOKENS[0], ANSWER)
    path = f"/export/{conversation}.md"
    mine = client.get(path, headers={"cookie": f"{VISITOR}={TOKENS[0]}"})
    assert mine.status_code == 200
    assert "2029년입니다. (1)" in mine.text
    assert mine.headers["content-disposition"] == "attachment"
    for cookie in (f"{VISITOR}={TOKENS[1]}", ""):
        assert client.get(path, headers={"cookie": cookie}).status_code == 404
        assert client.get("/export/good.jsonl", headers={"cookie": cookie}).text == ""
    assert (
        client.get("/export/good.jsonl", headers={"cookie": f"{VISITOR}={TOKENS[0]}"}).text.count("\n") == 1
    )
    assert client.get("/export/999999999999999999999.md").status_code in {404, 422}


def test_events_of_the_page_are_no_api(client: TestClient) -> None:
    info = client.get("/gradio_api/info").json()
    assert list(info["named_endpoints"]) == ["/answer"]
    assert info["unnamed_endpoints"] == {}


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "http" not in policy
    assert "connect-src 'self'" in policy


def test_history_cannot_be_fetched_as_a_file(room: Room, client: TestClient) -> None:
    path = room.history._path
    assert path.is_file()
    for route in ("/gradio_api/file=", "/file="):
        assert client.get(f"{route}{path}").status_code in {403, 404}


def test_beyond_this_machine_only_with_a_password(tmp_path: Path) -> None:
    door = Door(tmp_path / "index", tmp_path / "data", "0.0.0.0", 1)
    with pytest.raises(SettingError, match="암호"):
        serve(load_settings({}, None, {}), load_chat_settings(), door)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / PASSWORD).write_text("damaged")
    with pytest.raises(SettingError, match="암호 파일"):
        password.read(door.data / PASSWORD, 1)


def test_where_things_are() -> None:
    assert data_folder(Path("index/corpus")) == Path("index/corpus.chat")
    urls = {
        "127.0.0.1": "http://127.0.0.1:7",
        "0.0.0.0": "http://127.0.0.1:7",
        "::": "http://127.0.0.1:7",
        "::1": "http://[::1]:7",
    }
    for host, url in urls.items():
        assert Door(Path("i"), Path("d"), host, 7).url == url


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "rag", "chat", "--index", str(tmp_path / "index"), *arguments]
        return subprocess.run(command, input="짧다\n", capture_output=True, text=True, cwd=ROOT, check=False)

    short = run("--password")
    assert (short.returncode, "8자 이상" in short.stderr) == (2, True), short.stderr
    door = run("--host", "0.0.0.0")
    assert (door.returncode, "암호가 없습니다" in door.stderr) == (2, True), door.stderr


@pytest.mark.parametrize("table", ["[chat]\nport = 0", "[chat]\nprot = 1", "[chat]\nport = '1'", "chat = 3"])
def test_chat_settings_are_checked(tmp_path: Path, table: str) -> None:
    (tmp_path / "rag.toml").write_text(table)
    with pytest.raises(SettingError):
        load_chat_settings(tmp_path / "rag.toml")


def test_chat_settings_change_no_answer(tmp_path: Path) -> None:
    (tmp_path / "rag.toml").write_text("top_k = 3\n[chat]\nport = 9000\n")
    limits = load_chat_settings(tmp_path / "rag.toml")
    assert isinstance(limits, ChatSettings)
    assert limits.port == 9000
    with_table = load_settings({}, tmp_path / "rag.toml", {})
    assert (with_table.top_k, with_table.digest) == (3, load_settings({"top_k": 3}, None, {}).digest)


def test_the_old_door_is_the_same_chat() -> None:
    command = [sys.executable, str(ROOT / "app.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, "--password" in done.stdout) == (0, True), done.stderr


@pytest.fixture(scope="module")
def running(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    door = Door(room.parts.folder, tmp_path_factory.mktemp("running"), "127.0.0.1", 1)
    server = uvicorn.Server(uvicorn.Config(create_app(room, door), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    end = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = server.force_exit = True  # a client's stream would keep it open
    thread.join(10)


def test_gradio_client_asks_and_asks_on(running: str, room: Room) -> None:
    client = Client(running, verbose=False)
    answer = client.predict("영국에서 처음 커피하우스가 문을 연 해는?", api_name="/answer")
    assert answer["outcome"] == "answered"
    citation = answer["citations"][0]
    document = room.library.document(citation["document"])
    assert document is not None
    assert document.text[citation["start"] : citation["end"]] == citation["quote"]
    history = [["영국에서 처음 커피하우스가 문을 연 해는?", answer["answer"]]]
    more = client.predict("그럼 런던은?", history, api_name="/answer")
    assert "런던" in more["provenance"]["interpreted"]
    assert "커피하우스" in more["provenance"]["interpreted"]
    with pytest.raises(AppError, match="질문이 비어"):
        client.predict("  ", api_name="/answer")
