"""A visitor of the chat page without a browser: plain HTTP to the page's own events, as an attacker would."""

from __future__ import annotations

import json
import secrets
from collections.abc import Generator
from typing import Any

import httpx


class Visitor:
    """One tab of one visitor.

    Args:
        url: Of a running server.
        headers: Sent with each request.
    """

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60)
        self.tab = secrets.token_hex(8)
        self.http.get("/")  # brings the visitor's cookie
        config = self.http.get("/config").json()
        names = {one["id"]: one["props"].get("elem_id") for one in config["components"]}
        self._events = {
            (names.get(target), kind): one["id"]
            for one in config["dependencies"]
            for target, kind in one["targets"]
        }

    def event(self, name: str, kind: str) -> int:
        """The number of the event ``kind`` of the widget called ``name``."""
        return int(self._events[name, kind])

    def send(
        self,
        number: int,
        *data: object,
        press: dict[str, str] | None = None,
        kind: str = "application/json",
    ) -> httpx.Response:
        """Put an event into the queue; what the server says to that."""
        body = {"data": data, "event_data": press, "fn_index": number, "session_hash": self.tab}
        return self.http.post(
            "/gradio_api/queue/join", content=json.dumps(body), headers={"content-type": kind}
        )

    def follow(self) -> Generator[dict[str, Any], None, None]:
        """Messages about what this tab sent, until all of it is done."""
        place = "/gradio_api/queue/data"
        with self.http.stream("GET", place, params={"session_hash": self.tab}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    message: dict[str, Any] = json.loads(line[5:])
                    yield message
                    if message["msg"] in {"process_completed", "close_stream"}:
                        return

    def call(self, number: int, *data: object, press: dict[str, str] | None = None) -> dict[str, Any]:
        """Send an event and wait for its last message."""
        assert self.send(number, *data, press=press).status_code == 200
        *_, last = (message for message in self.follow() if message["msg"] == "process_completed")
        return last

    def open(self) -> dict[str, Any]:
        """Load the page, as a browser does first."""
        return self.call(self.event_of_load, "")

    @property
    def event_of_load(self) -> int:
        """The number of the page's own load event."""
        return int(next(number for (name, kind), number in self._events.items() if kind == "load"))
