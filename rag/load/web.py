"""Pages of the web, by httpx: public addresses only, robots.txt respected, size and time limited."""

from __future__ import annotations

import ipaddress
import mimetypes
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from rag.config import LibrarySettings
from rag.errors import SourceError
from rag.load.file import File, Skipped
from rag.text import normalise

if TYPE_CHECKING:
    import httpx

AGENT = "geungeo/0.1 (+offline Korean question answering; respects robots.txt)"
_NAME = "geungeo"
_ROBOTS_MAX_BYTES = 512_000
_GONE = {404, 410}
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/pdf": ".pdf",
}


class _GoneError(SourceError):
    """A page that its server says does not exist."""


def fetch(url: str, max_bytes: int, limits: LibrarySettings) -> Iterator[File | Skipped]:
    """The page at ``url`` as a file to read, or why there is none.

    Every redirect is checked as the first address is: its host must be public, and allow robots.

    Args:
        url: Starts with ``http://`` or ``https://``.
        max_bytes: Longer pages are refused, however they are packed.
        limits: Time, redirects, and whether private addresses are allowed.
    """
    try:
        yield _fetched(url, max_bytes, limits)
    except SourceError as error:
        yield Skipped(url, error, closed="" if isinstance(error, _GoneError) else url)


def _fetched(url: str, max_bytes: int, limits: LibrarySettings) -> File:
    import httpx

    deadline = time.monotonic() + limits.url_timeout_s
    options = {"User-Agent": AGENT, "Accept-Language": "ko, en;q=0.5"}
    try:
        with httpx.Client(
            headers=options, timeout=limits.url_timeout_s, follow_redirects=False, trust_env=False
        ) as client:
            here = url
            for _ in range(limits.url_max_redirects + 1):
                _check_public(here, limits)
                _check_robots(client, here, limits, deadline)
                with client.stream("GET", here) as response:
                    _check_peer(response, limits)
                    if response.is_redirect:
                        here = urljoin(here, response.headers.get("location", ""))
                        continue
                    if response.status_code != httpx.codes.OK:
                        kind = _GoneError if response.status_code in _GONE else SourceError
                        raise kind(
                            f"{here}: 서버가 {response.status_code}(으)로 답했습니다.",
                            "주소를 확인해 주세요.",
                        )
                    data = _body(response, max_bytes, deadline)
                    return _file(url, here, response.headers.get("content-type", ""), data)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        problem = f"{url}: 받을 수 없습니다({type(error).__name__})."
        raise SourceError(problem, "주소와 인터넷 연결을 확인해 주세요.") from None
    raise SourceError(
        f"{url}: 다른 주소로 {limits.url_max_redirects}번 넘게 넘깁니다.", "마지막 주소를 바로 적어 주세요."
    )


def _check_public(url: str, limits: LibrarySettings) -> None:
    """Refuse other schemes, and hosts with any address that is not public.

    Raises:
        SourceError: Refused, or the name is unknown.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        raise SourceError(f"{url}: http나 https 주소가 아닙니다.", "공개된 웹 주소를 적어 주세요.")
    if limits.url_allow_private:
        return
    try:
        known = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError:
        raise SourceError(f"{url}: {host}을(를) 찾을 수 없습니다.", "주소를 확인해 주세요.") from None
    for address in {str(one[4][0]).partition("%")[0] for one in known}:
        if not _is_public(address):
            raise SourceError(
                f"{url}: 이 컴퓨터나 사설망의 주소({address})라 받지 않습니다.",
                "파일로 저장해 색인하거나, 믿는 주소면 url_allow_private 설정을 1로 해 주세요.",
            )


def _check_peer(response: httpx.Response, limits: LibrarySettings) -> None:
    """Refuse an answer from a private address: a name may have changed since it was looked up."""
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream is not None else None
    if not limits.url_allow_private and peer is not None and not _is_public(str(peer[0]).partition("%")[0]):
        raise SourceError(f"{response.url}: 사설망에서 온 답이라 받지 않습니다.", "주소를 확인해 주세요.")


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    inner = getattr(found, "ipv4_mapped", None)
    found = inner or found
    return found.is_global and not found.is_multicast


def _check_robots(client: httpx.Client, url: str, limits: LibrarySettings, deadline: float) -> None:
    """Ask the host's robots.txt; one that is not there allows all, one that fails allows nothing (RFC 9309).

    Raises:
        SourceError: Not allowed, or not known.
    """
    from protego import Protego

    place = urljoin(url, "/robots.txt")
    with client.stream("GET", place) as response:
        if response.status_code >= 500:
            raise SourceError(f"{url}: robots.txt를 읽을 수 없어 받지 않습니다.", "나중에 다시 해 주세요.")
        if response.status_code != 200:
            return
        rules = _body(response, _ROBOTS_MAX_BYTES, deadline).decode("utf-8", "replace")
    if not Protego.parse(rules).can_fetch(url, _NAME):
        raise SourceError(
            f"{url}: 그 사이트의 robots.txt가 받지 말라고 합니다.", "파일로 저장해 색인해 주세요."
        )


def _body(response: httpx.Response, max_bytes: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for block in response.iter_bytes():
        size += len(block)
        parts.append(block)
        if size > max_bytes:
            raise SourceError(
                f"{response.url}: {max_bytes:,}바이트를 넘습니다.", "파일로 나누어 색인해 주세요."
            )
        if time.monotonic() > deadline:
            raise SourceError(f"{response.url}: 받는 데 너무 오래 걸립니다.", "나중에 다시 해 주세요.")
    return b"".join(parts)


def _file(url: str, final: str, content_type: str, data: bytes) -> File:
    kind = content_type.partition(";")[0].strip().lower()
    path = Path(unquote(urlsplit(final).path))
    suffix = path.suffix.lower() or ".html"
    if kind and kind != "application/octet-stream":
        suffix = _SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or suffix
    name = normalise(unquote(url).partition("://")[2]).replace("\n", " ")
    return File(Path(f"page{suffix}"), name, urlsplit(url).hostname or "", {}, url=url, data=data)
