"""Pages of the web, from a server on this machine: what is fetched, and what is refused."""

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote

import pytest

from rag.config import LibrarySettings, load_library_settings, load_settings
from rag.errors import SourceError
from rag.index import Index
from rag.library import update_index
from rag.load.file import File, Skipped
from rag.load.web import _is_public, fetch
from rag.text import is_address

PAGE = """<html><head><title>새벽강도서관 안내</title><meta charset="utf-8"></head><body><article>
<h1>새벽강도서관 안내</h1><p>새벽강도서관의 연체료는 하루에 100원이며 책은 한 번에 다섯 권까지
두 주 동안 빌릴 수 있다.</p>
<p>도서관은 아침 아홉 시에 열고 저녁 여섯 시에 닫으며 월요일에는 쉰다.</p></article></body></html>"""
PLACES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/robots.txt": (200, {}, b"User-agent: *\nDisallow: /private\nAllow: /\n"),
    "/page": (200, {"content-type": "text/html; charset=utf-8"}, PAGE.encode()),
    "/글.txt": (200, {"content-type": "text/plain"}, "주소에 한글이 든 글이다.".encode()),
    "/private/page": (200, {"content-type": "text/html"}, PAGE.encode()),
    "/away": (302, {"location": "/page"}, b""),
    "/to-private": (302, {"location": "/private/page"}, b""),
    "/to-metadata": (302, {"location": "http://169.254.169.254/latest/meta-data"}, b""),
    "/to-file": (302, {"location": "file:///etc/passwd"}, b""),
    "/loop": (302, {"location": "/loop"}, b""),
    "/big": (200, {"content-type": "text/plain"}, b"a" * 300_000),
    "/bomb": (
        200,
        {"content-type": "text/plain", "content-encoding": "gzip"},
        gzip.compress(b"a" * 9_000_000),
    ),
    "/broken": (500, {}, b""),
    "/image": (200, {"content-type": "image/png"}, b"\x89PNG"),
}


class Pages(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        path = unquote(self.path)
        self.asked.append(path)
        status, headers, body = PLACES.get(path, (404, {}, b""))
        if path == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                time.sleep(0.1)
                self.wfile.write(b"a")
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def limits(**changes: float) -> LibrarySettings:
    base = load_library_settings()
    values = {name: getattr(base, name) for name in LibrarySettings.__dataclass_fields__}
    return LibrarySettings(**(values | {"url_allow_private": 1} | changes))


def fetched(url: str, **changes: float) -> File | Skipped:
    (one,) = fetch(url, 200_000, limits(**changes))
    return one


def refusal(url: str, **changes: float) -> str:
    one = fetched(url, **changes)
    assert isinstance(one, Skipped), one
    assert isinstance(one.error, SourceError)
    assert one.error.remedy
    return one.error.message


def test_a_page_is_indexed_and_cited_by_its_address(site: str, tmp_path: Path) -> None:
    settings = load_settings({}, environment={})
    sources = [f"{site}/page", f"{site}/글.txt", f"{site}/private/page"]
    done = update_index(settings, sources, tmp_path, library=limits())
    store = Index.load(tmp_path).store
    first = next(one for one in store.outlines() if one.source == f"{site}/page")
    assert first.title == "새벽강도서관 안내"
    assert "연체료는 하루에 100원" in store.document(first.id).text
    assert [item.path for item in done.skipped] == [f"{site}/private/page"]
    assert not update_index(settings, [], tmp_path, library=limits()).written  # the same bytes again


def test_redirects_are_followed_and_checked(site: str) -> None:
    page = fetched(f"{site}/away")
    assert isinstance(page, File)
    assert page.data == PAGE.encode()
    assert page.path.suffix == ".html"
    assert "robots.txt" in refusal(f"{site}/to-private")
    assert "http" in refusal(f"{site}/to-file")
    assert "넘깁니다" in refusal(f"{site}/loop")


def test_robots_is_asked_before_the_page(site: str) -> None:
    Pages.asked.clear()
    assert "robots.txt" in refusal(f"{site}/private/page")
    assert Pages.asked == ["/robots.txt"]


def test_private_addresses_are_refused_and_never_asked(site: str) -> None:
    Pages.asked.clear()
    assert "사설망" in refusal(f"{site}/page", url_allow_private=0)
    assert Pages.asked == []
    assert "사설망" in refusal("http://localhost:1/", url_allow_private=0)
    assert "사설망" in refusal("http://[::1]/", url_allow_private=0)
    assert "사설망" in refusal("http://0x7f000001/", url_allow_private=0)


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 10.1.2.3 192.168.0.1 172.16.9.9 169.254.169.254 0.0.0.0 100.64.0.1 "
    "::1 :: fe80::1 fd00::1 ::ffff:127.0.0.1 224.0.0.1 ff02::1".split(),
)
def test_what_is_private(address: str) -> None:
    assert not _is_public(address)


def test_what_is_public() -> None:
    assert _is_public("1.1.1.1")
    assert _is_public("2606:4700:4700::1111")


def test_size_time_and_status(site: str) -> None:
    assert "200,000바이트" in refusal(f"{site}/big")
    assert "200,000바이트" in refusal(f"{site}/bomb")
    assert "500" in refusal(f"{site}/broken")
    assert "404" in refusal(f"{site}/nowhere")
    started = time.monotonic()
    assert "오래" in refusal(f"{site}/slow", url_timeout_s=1)
    assert time.monotonic() - started < 8
    assert "받을 수 없습니다" in refusal("http://127.0.0.1:9/")


def test_other_kinds_are_named(site: str, tmp_path: Path) -> None:
    settings = load_settings({}, environment={})
    done = update_index(settings, [f"{site}/page", f"{site}/image"], tmp_path, library=limits())
    assert len(done.skipped) == 1
    assert "형식" in done.skipped[0].error.message


def test_a_page_that_cannot_be_had_now_is_not_a_deleted_one(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, index = load_settings({}, environment={}), tmp_path / "색인"
    update_index(settings, [f"{site}/page", f"{site}/글.txt"], index, library=limits())
    for status, left in ((503, 2), (410, 1)):
        monkeypatch.setitem(PLACES, "/page", (status, {}, b""))
        done = update_index(settings, [], index, prune=True, library=limits())
        assert [item.path for item in done.skipped] == [f"{site}/page"]
        assert Index.load(index).store.document_count == left


def test_addresses() -> None:
    assert is_address("https://example.com")
    assert is_address("HTTP://example.com")
    assert not is_address("문서/http.txt")
    assert not is_address("ftp://example.com")
