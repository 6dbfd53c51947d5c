"""The server as programs see it: downloads belong to their visitor, doors stay shut."""

import json
import sqlite3
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
from rag.chat.desk import Asking, Words
from rag.chat.door import PASSWORD, Door, data_folder
from rag.chat.exchange import Ending, Exchange
from rag.chat.gate import VISITOR
from rag.chat.history import Shelf
from rag.chat.room import Room
from rag.chat.server import create_app, serve
from rag.chat.session import Preference
from rag.config import ChatSettings, load_chat_settings
from rag.errors import SettingError
from tests.server import served
from tests.test_chat_history import ANSWER
from tests.visitor import Visitor

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


def file_data(path: object) -> list[dict[str, object]]:
    return [{"path": str(path), "meta": {"_type": "gradio.FileData"}}]


def test_only_what_was_uploaded_is_read(running: str, room: Room, tmp_path: Path) -> None:
    secret = tmp_path / "급여.md"
    secret.write_text("# 급여\n\n김 과장의 급여는 900만 원이다.\n", "utf-8")
    visitor = Visitor(running)
    visitor.open()
    told = visitor.call(visitor.event("upload", "upload"), file_data(secret), None)
    assert told["success"] is False
    assert room.library.current is None
    assert secret.exists()


def test_an_upload_over_plain_requests(running: str, room: Room) -> None:
    visitor = Visitor(running)
    visitor.open()
    notice = "# 은빛마을 정전\n\n은빛마을 정전은 2027년 3월 4일에 있다.\n".encode()
    (path,) = visitor.http.post("/gradio_api/upload", files={"files": ("정전.md", notice)}).json()
    assert visitor.call(visitor.event("upload", "upload"), file_data(path), None)["success"]
    assert room.library.current is not None
    assert room.library.current.added == ("정전.md",)


def test_another_site_cannot_remove_documents(running: str, room: Room) -> None:
    press = {"act": "remove", "id": "coffee.md"}
    attack = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    for headers in (attack, {"origin": "https://evil.example"}):
        visitor = Visitor(running, headers)
        sent = visitor.send(visitor.event("documents", "click"), None, press=press, kind="text/plain")
        assert (sent.status_code, "다른 사이트" in sent.text) == (403, True)
    assert "coffee.md" in {one.id for one in room.library.documents()}


def shelf_of(visitor: Visitor, room: Room) -> Shelf:
    return room.history.of(visitor.http.cookies[VISITOR])


def asked(visitor: Visitor, room: Room) -> list[Exchange]:
    shelf = shelf_of(visitor, room)
    return [turn.exchange for one in shelf.conversations() for turn in shelf.turns(one.id)]


def test_a_page_older_than_the_server_can_be_used(running: str, room: Room) -> None:
    visitor = Visitor(running)  # never loaded: the server knows as little of it as after a restart
    shelf_of(visitor, room).prefer(Preference(room.parts.choice, "en").to_json())
    told = visitor.call(visitor.event("ask", "click"), "런던은?", None)
    assert (told["success"], [one.asked for one in asked(visitor, room)]) == (True, ["런던은?"])
    for name in ("find", "find-document"):
        other = Visitor(running)
        assert other.call(other.event(name, "change"), "런던", None)["success"], name
    for name, data in (("theme", ("dark", "en")), ("apply", ("none", 3, 0.5))):
        other = Visitor(running)
        number = other.event(name, "input" if name == "theme" else "click")
        assert other.call(number, *data, None)["success"], name
    other = Visitor(running)
    assert other.call(other.event("brand", "click"), None, press={"act": "new"})["success"]


def test_settings_of_the_server_can_be_applied(tmp_path: Path) -> None:
    settings = load_settings({"reader": "none", "top_k": 30, "abstain_below": 0.95}, None, {})
    room = Room(settings, load_chat_settings(), tmp_path / "index", tmp_path / "data")
    with served(create_app(room, Door(room.parts.folder, tmp_path / "data", "127.0.0.1", 1))) as url:
        visitor = Visitor(url)
        told = visitor.call(visitor.event("apply", "click"), "none", 30, 0.95, None)
        assert told["success"]
        assert room.preference(shelf_of(visitor, room)).choice == room.parts.choice
    room.close()


def test_what_was_told_is_kept_when_the_page_goes(
    running: str, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_: Asking) -> Iterator[Words]:
        for count in range(600):
            yield Words("한 " * count)
            time.sleep(0.05)

    monkeypatch.setattr(room.desk, "answer", slow)
    visitor = Visitor(running)
    visitor.open()
    visitor.send(visitor.event("ask", "click"), "런던은?", None)
    messages = visitor.follow()
    assert sum(1 for _, message in zip(range(6), messages, strict=False) if message) == 6
    messages.close()
    end = time.monotonic() + 20
    while not (kept := asked(visitor, room)):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert (kept[0].ending, kept[0].text[:1]) == (Ending.STOPPED, "한")


def test_a_disk_that_takes_no_answer_leaves_the_page_usable(
    running: str, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    visitor = Visitor(running)
    visitor.open()
    monkeypatch.setattr(Shelf, "append", full)
    told = visitor.call(visitor.event("ask", "click"), "런던은?", None)
    assert told["success"]
    assert "답하지 못했습니다" in json.dumps(told, ensure_ascii=False)


def test_examples_are_looked_for_after_a_removal(
    running: str, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    monkeypatch.setattr(room.suggestions, "refresh", lambda: looked.append(room.library.passage_count))
    visitor = Visitor(running)
    visitor.open()
    pond = "# 달못 공원\n\n달못 공원의 입장료는 3,000원이다.\n".encode()
    (path,) = visitor.http.post("/gradio_api/upload", files={"files": ("달못.md", pond)}).json()
    assert visitor.call(visitor.event("upload", "upload"), file_data(path), None)["success"]
    press = {"act": "remove", "id": "달못.md"}
    assert visitor.call(visitor.event("documents", "click"), None, press=press)["success"]
    added, removed = looked
    assert removed < added
