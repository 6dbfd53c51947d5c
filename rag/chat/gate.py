"""What every request passes: its host and origin, the password, a visitor's cookie, and safe headers.

Plain ASGI, for answers stream.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections import defaultdict, deque
from pathlib import Path
from string import Template
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.address import is_loopback
from rag.chat.password import Password
from rag.chat.words import KOREAN, words

VISITOR = "geungeo_visitor"
_SESSION = "geungeo_session"
#: Counted anew whenever a page is opened.
_YEAR_S = 365 * 86_400
_LOGIN = "/login"
#: Wrong passwords from one address in a minute, after which it waits.
_TRIES = 5
_FORM_MAX_BYTES = 4096
#: Methods that change nothing; a WebSocket has none.
_SAFE = {"GET", "HEAD", "OPTIONS"}

#: Nothing is fetched from or sent to elsewhere, whatever a document says. Gradio compiles its templates
#: in the browser, so scripts of this page may use eval.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; worker-src 'self' blob:; media-src 'self' blob:; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Gate:
    """ASGI middleware around the whole server.

    Args:
        app: What is guarded.
        password: ``None`` lets everyone in.
        loopback: Refuse requests that ask for another host than this machine: a page elsewhere must not
            reach the server through a name that it points here.
    """

    def __init__(self, app: ASGIApp, password: Password | None, *, loopback: bool) -> None:
        self._app = app
        self._password = password
        self._loopback = loopback
        self._looking = asyncio.Lock()
        self._wrong: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_TRIES))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        response = self._refused(connection) or await self._stopped(scope, receive, connection)
        if response is None:
            await self._passed(scope, receive, send, connection)
            return
        response.headers.update(_HEADERS)
        await response(scope, receive, send)

    def _refused(self, connection: HTTPConnection) -> Response | None:
        """What is answered to requests that a page elsewhere could have made a visitor's browser send."""
        if self._loopback and not is_loopback(connection.url.hostname or ""):
            return PlainTextResponse("이 컴퓨터에서만 열 수 있습니다.\n", 421)
        if connection.scope.get("method") not in _SAFE and _from_elsewhere(connection):
            return PlainTextResponse("다른 사이트가 보낸 요청은 받지 않습니다.\n", 403)
        return None

    async def _passed(self, scope: Scope, receive: Receive, send: Send, connection: HTTPConnection) -> None:
        visitor = connection.cookies.get(VISITOR, "")
        token = visitor if len(visitor) >= 32 else secrets.token_urlsafe(32)
        scope.setdefault("state", {})["visitor"] = token

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if token != visitor or headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", _cookie(VISITOR, token, _YEAR_S))
            await send(message)

        await self._app(scope, receive, sent)

    async def _stopped(self, scope: Scope, receive: Receive, connection: HTTPConnection) -> Response | None:
        """What is answered instead of the page; ``None`` for those who may pass."""
        if self._password is None or self._password.accepts(connection.cookies.get(_SESSION, "")):
            return None
        if scope["type"] == "websocket":
            return PlainTextResponse("", 401)
        if scope["path"] == _LOGIN and scope["method"] == "POST":
            return await self._login(Request(scope, receive))
        given = _given(connection.headers.get("authorization", ""))
        if given and await self._right(given, _client(scope)):
            return None
        if scope["method"] == "GET" and "text/html" in connection.headers.get("accept", ""):
            return HTMLResponse(_form(""), 401)
        return PlainTextResponse("암호가 필요합니다.\n", 401, {"WWW-Authenticate": "Bearer"})

    async def _login(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _FORM_MAX_BYTES:
                return HTMLResponse(_form("암호가 너무 깁니다."), 413)
        given = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[0]
        if self._password is None or not await self._right(given, _client(request.scope)):
            return HTMLResponse(_form("암호가 맞지 않습니다. 잠시 뒤에 다시 해 주세요."), 401)
        response = RedirectResponse("/", 303)
        response.headers.append("set-cookie", _cookie(_SESSION, self._password.token(), _YEAR_S))
        return response

    async def _right(self, given: str, client: str) -> bool:
        """Whether the password is right; after too many wrong ones not even looked at for a minute."""
        if self._password is None:
            return False
        async with self._looking:  # tries at once are counted too, and each takes 128 MiB
            wrong = self._wrong[client]
            now = time.monotonic()
            if len(wrong) == _TRIES and now - wrong[0] < 60:
                return False
            right = await run_in_threadpool(self._password.matches, given)
            if not right:
                wrong.append(now)
            return right


def _from_elsewhere(connection: HTTPConnection) -> bool:
    """Whether a browser says that a page of another origin sent this; programs say nothing and pass.

    Gradio reads JSON whatever its declared type, so the rules of browsers for foreign JSON do not protect us.
    """
    headers = connection.headers
    if site := headers.get("sec-fetch-site"):
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def _client(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


def _given(authorization: str) -> str:
    """The password of a Bearer or Basic header; empty where there is none."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return value.encode("latin-1").decode("utf-8", "replace").strip(" ")  # sent as bytes of UTF-8
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _cookie(name: str, value: str, seconds: int) -> str:
    return f"{name}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict"


def _form(problem: str) -> str:
    page = Template(Path(__file__).with_name("login.html").read_text("utf-8"))
    return page.substitute(problem=problem, tagline=words(KOREAN)("tagline"))
