"""A real chat server and a real Chromium for tests, benchmarks and screenshots."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rag.chat.door import Door
from rag.chat.room import Room
from rag.chat.server import create_app

#: How long anything may take on a machine that does much else.
_PATIENCE_MS = 60_000
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def served(room: Room, data: Path) -> Iterator[str]:
    """The URL of a server on ``room``; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(room, Door(room.parts.folder, data, "127.0.0.1", port))
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless Chromium of the system."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


def opened(page: Page, url: str) -> Page:
    """``page`` with the chat ready to be used."""
    page.set_default_timeout(_PATIENCE_MS)
    expect.set_options(timeout=_PATIENCE_MS)
    page.goto(url)
    page.wait_for_selector("body[data-ready] #log .welcome, body[data-ready] #log .turn")
    return page


def ask(page: Page, question: str) -> None:
    """Type a question, send it by the keyboard, and wait for the whole answer."""
    before = page.locator("#log .turn").count()
    page.fill("#box textarea", question)
    page.press("#box textarea", "Enter")
    page.wait_for_function("n => document.querySelectorAll('#log .turn').length > n", arg=before)
    page.wait_for_selector("#ask:visible")
