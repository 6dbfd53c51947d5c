"""Errors as responses: OpenAI's error object under /v1, our own elsewhere."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rag.errors import GeungeoError, ModelError, UnknownSourceError, UsageError
from rag.serve.completion import error_object

logger = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[GeungeoError], int], ...] = (
    (UsageError, 400),
    (UnknownSourceError, 404),
    (ModelError, 503),
)


class UnknownModelError(UsageError):
    """A model that this server does not have."""


def status_of(error: GeungeoError) -> int:
    """HTTP status: 400 what was asked, 404 what is not there, 503 a model that cannot answer, else 500."""
    if isinstance(error, UnknownModelError):
        return 404
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def _response(request: Request, status: int, message: str, remedy: str, kind: str) -> JSONResponse:
    if request.url.path.startswith("/v1/"):
        family = "server_error" if status >= 500 else "invalid_request_error"
        code = "model_not_found" if kind == "UnknownModelError" else None
        body = error_object(f"{message} {remedy}".strip(), family, code)
    else:
        body = {"error": {"kind": kind, "message": message, "remedy": remedy}}
    return JSONResponse(body, status)


def add_handlers(app: FastAPI) -> None:
    """Every error leaves as JSON; what we did not foresee says nothing of its insides."""

    @app.exception_handler(GeungeoError)
    def known(request: Request, error: GeungeoError) -> JSONResponse:
        return _response(request, status_of(error), error.message, error.remedy, type(error).__name__)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"요청을 읽을 수 없습니다: {where}: {first['msg']}."
        return _response(request, 400, message, "docs/api.md의 형식을 확인해 주세요.", "RequestError")

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        return _response(request, error.status_code, str(error.detail), "", "HTTPException")

    @app.exception_handler(Exception)
    def unknown(request: Request, error: Exception) -> JSONResponse:
        logger.error("unforeseen error", exc_info=error)
        return _response(
            request, 500, "예상하지 못한 오류입니다.", "서버의 기록을 보세요.", type(error).__name__
        )
