"""What keeps a loopback server from being used by strangers: a limit on bodies, and names of hosts.

A page on the web can make a browser send requests here under a name of its own (DNS rebinding); a server
bound to loopback therefore answers to loopback names only.
"""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1 << 20
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


class BodyLimit:
    """Refuses requests with a body of more than ``max_bytes``, however it is sent."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            return {"type": "http.disconnect"} if seen > self._max_bytes else message

        async def unless_too_long(message: Message) -> None:
            if seen <= self._max_bytes:
                await send(message)

        try:
            await self._app(scope, counted, unless_too_long)
        finally:
            if seen > self._max_bytes:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = f"요청이 너무 깁니다(최대 {self._max_bytes:,}바이트)."
        body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
        await JSONResponse(body, 413)(scope, receive, send)
