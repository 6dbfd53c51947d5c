"""The assistant for programs: OpenAI-compatible chat, plain JSON, and MCP, on one loopback port.

Every door answers through the same :class:`rag.assistant.Assistant`, which is safe to share between
threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from itertools import chain
from typing import Annotated, Any

import uvicorn
from anyio import to_thread
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response

from rag.address import is_loopback
from rag.assistant import Assistant
from rag.render import AnswerRecord, to_record
from rag.serve.body import AskBody, SearchBody, SearchRecord, ShowBody, search, turns
from rag.serve.completion import MODEL, CompletionBody, chunks, conversation, models, whole
from rag.serve.fault import UnknownModelError, add_handlers
from rag.serve.guard import LOOPBACK, BodyLimit
from rag.serve.link import linker
from rag.serve.source import SourceRecord, show
from rag.serve.tool import build_tools

#: Questions worked on at once; more of them wait in line, which is faster for all than sharing two cores.
AT_ONCE = max(4, 2 * (os.cpu_count() or 1))

__all__ = ["build_api", "build_tools", "run"]


def build_api(assistant: Assistant, host: str = LOOPBACK[0]) -> FastAPI:
    """The application, to be served by any ASGI server.

    Args:
        assistant: Shared by all requests.
        host: Address that it will be bound to; on loopback only loopback names are answered.
    """
    tools = build_tools(assistant)
    tool_app = tools.streamable_http_app(stateless_http=True, host=host)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = AT_ONCE
        async with tools.session_manager.run():
            yield

    app = FastAPI(title="근거", version=version("geungeo"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit)
    if is_loopback(host):
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, host])
    add_handlers(app)
    app.include_router(_plain(assistant))
    app.include_router(_openai(assistant))
    app.router.routes.extend(tool_app.routes)
    return app


def _plain(assistant: Assistant) -> APIRouter:
    router = APIRouter(prefix="/api")

    @router.post("/ask")
    def ask(body: AskBody) -> AnswerRecord:
        answer = assistant.ask(body.question, turns(body.history), top_k=body.top_k)
        return to_record(answer, body.id)

    @router.post("/search")
    def find(body: SearchBody) -> SearchRecord:
        return search(assistant, body.question, body.top_k)

    @router.post("/show")
    def show_post(body: ShowBody) -> SourceRecord:
        return show(assistant, body.place)

    @router.get("/show")
    def show_get(place: Annotated[str, Query(max_length=2000)]) -> SourceRecord:
        return show(assistant, place)

    @router.get("/health")
    def health() -> dict[str, object]:
        store = assistant.index.store
        return {"status": "ok", "documents": store.document_count, "passages": store.passage_count}

    return router


def _openai(assistant: Assistant) -> APIRouter:
    router = APIRouter(prefix="/v1")
    started = int(time.time())

    @router.get("/models")
    def list_models() -> dict[str, Any]:
        return models(started)

    @router.get("/models/{model}")
    def one_model(model: str) -> dict[str, Any]:
        _check_model(model)
        found: dict[str, Any] = models(started)["data"][0]
        return found

    @router.post("/chat/completions", response_model=None)
    def complete(body: CompletionBody, request: Request) -> dict[str, Any] | Response:
        _check_model(body.model)
        question, history = conversation(body.messages)
        link = linker(str(request.base_url))
        if not body.stream:
            return whole(assistant.ask(question, history), link)
        events = assistant.stream(question, history)
        first = next(events)  # a question that cannot be asked fails here, while there is a status to set
        usage = body.stream_options is not None and body.stream_options.include_usage
        stream = chunks(chain([first], events), link, include_usage=usage)
        return StreamingResponse(stream, media_type="text/event-stream")

    return router


def _check_model(model: str) -> None:
    if model != MODEL:
        raise UnknownModelError(f"{model[:100]!r} 모델이 없습니다.", f"model에 {MODEL}를 적어 주세요.")


def run(assistant: Assistant, host: str, port: int) -> None:
    """Serve until stopped.

    Args:
        assistant: Loaded.
        host: Address to bind to.
        port: A free one; see :func:`rag.address.vacant_port`.
    """
    uvicorn.run(build_api(assistant, host), host=host, port=port, log_level="warning")
