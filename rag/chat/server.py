"""The web server: the page, and downloads beside it."""

from __future__ import annotations

from typing import Annotated

import gradio as gr
import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi import Path as Number
from fastapi.responses import PlainTextResponse, Response

from rag.address import is_loopback
from rag.chat import password
from rag.chat.door import PASSWORD, Door
from rag.chat.export import to_cases, to_complaints, to_markdown
from rag.chat.gate import VISITOR, Gate
from rag.chat.history import Shelf
from rag.chat.page import HEAD, THEME, build_page
from rag.chat.room import Room
from rag.chat.words import words
from rag.config import ChatSettings, Settings


def create_room(settings: Settings, limits: ChatSettings, door: Door) -> Room:
    """Shared state behind ``door``; only on a loopback address may visitors choose a model."""
    fixed = not is_loopback(door.host)
    return Room(settings, limits, door.index, door.data, fixed_reader=fixed)


def create_app(room: Room, door: Door) -> FastAPI:
    """The ASGI application.

    Args:
        room: Shared state.
        door: For the password file, and to know which hosts may be asked for.

    Raises:
        SettingError: The password file is damaged.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_downloads(room))
    secret = password.read(door.data / PASSWORD, room.limits.session_days)
    app.add_middleware(Gate, password=secret, loopback=is_loopback(door.host))
    page = build_page(room)
    page.has_launched = True  # mounting does not say so, and until then Gradio takes paths nobody uploaded
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=door.host,
        server_port=door.port,
        theme=THEME,
        head=HEAD,
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        max_file_size=room.limits.max_upload_bytes,
        blocked_paths=[str(door.data.resolve())],
    )
    return app


def _downloads(room: Room) -> APIRouter:
    router = APIRouter(prefix="/export")

    def shelf_of(request: Request) -> Shelf:
        return room.history.of(request.cookies.get(VISITOR, ""))

    @router.get("/good.jsonl")
    def good(request: Request) -> Response:
        return _file(to_cases(shelf_of(request).judged()), "application/jsonl")

    @router.get("/bad.jsonl")
    def bad(request: Request) -> Response:
        return _file(to_complaints(shelf_of(request).judged()), "application/jsonl")

    @router.get("/{conversation}.md")
    def markdown(conversation: Annotated[int, Number(ge=0, lt=2**63)], request: Request) -> Response:
        shelf = shelf_of(request)
        found = shelf.conversation(conversation)
        if found is None:
            return PlainTextResponse("그런 대화가 없습니다.\n", 404)
        language = room.preference(shelf).language
        text = to_markdown(found.title, shelf.turns(conversation), words(language))
        return _file(text, "text/markdown")

    return router


def _file(text: str, kind: str) -> Response:
    return Response(text, media_type=f"{kind}; charset=utf-8", headers={"Content-Disposition": "attachment"})


def serve(settings: Settings, limits: ChatSettings, door: Door) -> None:
    """Serve until interrupted.

    Raises:
        SettingError: A host beyond this machine without a password.
        GeungeoError: Index, models or password file cannot be used.
    """
    door.check()
    room = create_room(settings, limits, door)
    app = create_app(room, door)
    room.suggestions.refresh()
    try:
        uvicorn.run(app, host=door.host, port=door.port, log_level="warning")
    finally:
        room.close()
