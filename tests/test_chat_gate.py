"""The gate: a password hashed at rest, visitors kept apart, hosts and headers that a browser can trust."""

import base64
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient

from rag.address import is_loopback
from rag.chat import password
from rag.chat.gate import VISITOR, Gate
from rag.chat.password import Password
from rag.errors import SettingError
from tests.server import served

SECRET = "비밀번호 열여덟"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_LOG_N", 4)


def client(
    secret: Password | None = None, *, loopback: bool = True, base: str = "http://127.0.0.1"
) -> TestClient:
    app = FastAPI()

    @app.get("/{path:path}")
    def visitor(path: str, request: Request) -> str:
        return str(request.scope["state"]["visitor"])

    @app.post("/{path:path}")
    def change(path: str) -> str:
        return path

    app.add_middleware(Gate, password=secret, loopback=loopback)
    return TestClient(app, base_url=base, follow_redirects=False)


def secret(days: int = 1) -> Password:
    return Password(Password.hashed(SECRET), days)


def test_the_file_holds_only_a_hash_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "password"
    password.keep(path, SECRET)
    text = path.read_text("ascii")
    assert text.startswith("scrypt$")
    assert SECRET not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = password.read(path, 1)
    assert first is not None
    assert first.matches(SECRET)
    password.keep(path, SECRET)
    assert path.read_text("ascii") != text  # another salt


@pytest.mark.parametrize(
    "wrong", ["", "비밀번호 열여덟 ", "비밀번호", "\ud800", "x" * 5000, "비밀번호 열여덟\0"]
)
def test_wrong_passwords(wrong: str) -> None:
    assert not secret().matches(wrong)


def test_decomposed_hangul_is_the_same_password() -> None:
    import unicodedata

    assert secret().matches(unicodedata.normalize("NFD", SECRET))


def test_short_passwords_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        password.keep(tmp_path / "p", "1234567")
    assert password.read(tmp_path / "p", 1) is None
    for text in ("", "scrypt$1", "md5$1$1$1$00$00", "scrypt$a$8$1$00$00"):
        (tmp_path / "p").write_text(text)
        with pytest.raises(SettingError):
            password.read(tmp_path / "p", 1)


def test_tokens_run_out_and_belong_to_one_password() -> None:
    one = secret()
    assert one.accepts(one.token())
    assert not secret().accepts(one.token())  # another salt
    expiry, _, signature = one.token().partition(".")
    for bad in ("", ".", expiry, f"{int(expiry) + 1}.{signature}", f"{expiry}.", f"{expiry}.가"):
        assert not one.accepts(bad)
    assert not secret(-1).accepts(secret(-1).token())


def test_the_page_asks_for_the_password_and_lets_in_once_given() -> None:
    browser = client(secret())
    asked = browser.get("/", headers={"accept": "text/html"})
    assert (asked.status_code, 'type="password"' in asked.text) == (401, True)
    assert browser.get("/gradio_api/info").status_code == 401
    assert browser.get("/", cookies={"geungeo_session": "9999999999.00"}).status_code == 401
    browser.cookies.clear()
    assert browser.post("/login", data={"password": "틀린 암호입니다"}).status_code == 401
    let = browser.post("/login", data={"password": SECRET})
    assert (let.status_code, let.headers["location"]) == (303, "/")
    assert "HttpOnly" in let.headers["set-cookie"]
    assert "SameSite=Strict" in let.headers["set-cookie"]
    assert browser.get("/").status_code == 200


def test_programs_give_it_in_a_header() -> None:
    browser = client(secret())
    encoded = base64.b64encode(f"누구:{SECRET}".encode()).decode()
    for header in (f"Basic {encoded}", f"Bearer {SECRET}".encode(), f"bearer  {SECRET}".encode()):
        assert browser.get("/", headers={"authorization": header}).status_code == 200
    for header in ("Bearer x", "Basic %%%", "Basic", "Digest x", "Basic /w=="):
        assert browser.get("/", headers={"authorization": header}).status_code == 401


def test_guessing_is_slowed() -> None:
    browser = client(secret())
    for _ in range(5):
        assert browser.post("/login", data={"password": "아닌데요아닌데요"}).status_code == 401
    assert browser.post("/login", data={"password": SECRET}).status_code == 401  # not even looked at


class Counting(Password):
    """Counts how often, and how often at once, a password is looked at."""

    tried = now = most_at_once = 0

    def matches(self, password: str) -> bool:
        self.tried += 1
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        time.sleep(0.02)  # others come meanwhile
        self.now -= 1
        return super().matches(password)


def test_guessing_many_at_once_is_slowed_too() -> None:
    counting = Counting(Password.hashed(SECRET), 1)
    app = FastAPI()
    app.add_middleware(Gate, password=counting, loopback=True)

    def guess(number: int) -> int:
        return httpx.post(f"{url}/login", data={"password": f"추측 {number}"}, timeout=60).status_code

    with served(app) as url, ThreadPoolExecutor(30) as people:
        assert set(people.map(guess, range(30))) == {401}
    assert (counting.tried, counting.most_at_once) == (5, 1)


def test_a_giant_form_is_refused() -> None:
    assert client(secret()).post("/login", content=b"password=" + b"x" * 10_000).status_code == 413


def test_visitors_get_a_token_of_their_own_and_keep_it() -> None:
    one, two = client(), client()
    first = one.get("/").json()
    assert len(first) >= 32
    assert one.get("/").json() == first != two.get("/").json()
    assert client().get("/", cookies={VISITOR: "짧음".encode().hex()}).json() != "짧음".encode().hex()


def test_opening_the_page_renews_the_visitors_cookie() -> None:
    app = FastAPI()
    app.add_middleware(Gate, password=None, loopback=True)

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return "<p>"

    @app.get("/data")
    def data() -> str:
        return ""

    browser = TestClient(app, base_url="http://127.0.0.1")
    for _ in range(2):
        assert "Max-Age=31536000" in browser.get("/").headers["set-cookie"]
    assert len(browser.cookies) == 1
    assert "set-cookie" not in browser.get("/data").headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7860", 200),
        ("localhost", 200),
        ("[::1]:1", 200),
        ("evil.example", 421),
        ("127.evil.example", 421),
    ],
)
def test_only_this_machine_may_be_asked_for(host: str, status: int) -> None:
    assert client().get("/", headers={"host": host}).status_code == status
    assert client(loopback=False).get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:7"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:7"}, 403),
        ({"origin": "http://127.0.0.1:7"}, 200),
        ({"origin": "http://127.0.0.1:8"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://[broken"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
    ],
)
@pytest.mark.parametrize("loopback", [True, False])
def test_other_sites_change_nothing(headers: dict[str, str], status: int, *, loopback: bool) -> None:
    browser = client(loopback=loopback, base="http://127.0.0.1:7")
    assert browser.post("/x", headers=headers).status_code == status
    assert browser.get("/x", headers=headers).status_code == 200


def test_headers_keep_documents_from_reaching_out() -> None:
    for browser in (client(), client(secret())):
        headers = browser.get("/", headers={"accept": "text/html"}).headers
        assert "img-src 'self' data: blob:;" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_loopback_names() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "localhost", "::1", "127.1.2.3")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.2", "", "127.evil.example")))
