"""OpenAI's chat completions, answered with citations. Only the fields that mean something here are read.

Source: OpenAI API reference, "Create chat completion" and "Streaming"; checked with the ``openai`` client.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from rag.errors import GeungeoError, QuestionError
from rag.render import to_record
from rag.serve.link import Linker
from rag.types import Answer, Citation, Delta, Turn

MODEL = "geungeo"


class Part(BaseModel):
    """A piece of a message; only text can be read."""

    type: str
    text: str = ""


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """The words of the message.

        Raises:
            QuestionError: A part that is no text (an image, a sound).
        """
        if isinstance(self.content, list):
            other = next((part.type for part in self.content if part.type != "text"), None)
            if other is not None:
                raise QuestionError(f"{other} 조각은 읽지 못합니다.", "글만 보내 주세요.")
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """Options of a streamed answer."""

    include_usage: bool = False


class CompletionBody(BaseModel):
    """The request. Sampling settings belong to the server and are ignored, as are system messages."""

    model: str = MODEL
    messages: list[Message]
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int = Field(default=1, ge=1, le=1)


def conversation(messages: Sequence[Message]) -> tuple[str, tuple[Turn, ...]]:
    """The question, and the turns before it.

    Raises:
        QuestionError: The last message is not a person's, or holds no text.
    """
    spoken = [message for message in messages if message.role in {"user", "assistant"}]
    if not spoken or messages[-1].role != "user":
        raise QuestionError(
            "마지막 메시지가 사용자의 것이 아닙니다.", "질문을 role이 user인 메시지로 끝내 주세요."
        )
    history: list[Turn] = []
    asked = ""
    for message in spoken[:-1]:
        if message.role == "user":
            asked = message.text
        elif asked:
            history.append(Turn(asked, message.text))
            asked = ""
    return spoken[-1].text, tuple(history)


def cited(answer: Answer, linker: Linker) -> list[dict[str, Any]]:
    """One ``url_citation`` for each marker in the text, in order; ``citation`` adds the verbatim quote.

    ``start_index`` and ``end_index`` are half-open code points of the message around the marker.
    """
    records = to_record(answer)["citations"]
    found = []
    for citation, record in zip(answer.citations, records, strict=True):
        start, end = _marked(answer.text, citation)
        link = {"start_index": start, "end_index": end, "title": citation.title, "url": linker(citation)}
        found.append({"type": "url_citation", "url_citation": link, "citation": record})
    return found


def _marked(text: str, citation: Citation) -> tuple[int, int]:
    marker = f"[{citation.marker}]"
    place = text.find(marker)
    return (place, place + len(marker)) if place >= 0 else (0, len(text))


def _usage(answer: Answer) -> dict[str, int]:
    """Tokens written by a language model; the embedded reader writes none."""
    return {"prompt_tokens": 0, "completion_tokens": answer.tokens, "total_tokens": answer.tokens}


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


def whole(answer: Answer, linker: Linker) -> dict[str, Any]:
    """The completion in one object; ``geungeo`` is the answer in our own JSON contract."""
    message = {
        "role": "assistant",
        "content": answer.text,
        "refusal": None,
        "annotations": cited(answer, linker),
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        **_head("chat.completion"),
        "choices": [choice],
        "usage": _usage(answer),
        "geungeo": to_record(answer),
    }


def chunks(
    events: Iterator[Delta | Answer],
    linker: Linker,
    *,
    include_usage: bool,
    failed: type[Exception] = GeungeoError,
) -> Iterator[str]:
    """Server-sent events: text as it comes, then the annotations, then ``[DONE]``.

    An error on the way ends the stream with an error object, as OpenAI's client expects.
    """
    head = _head("chat.completion.chunk")

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: object) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _event({**head, "choices": [choice], **more})

    yield chunk({"role": "assistant", "content": ""})
    try:
        for event in events:
            if isinstance(event, Delta):
                yield chunk({"content": event.text})
            else:
                yield chunk({"annotations": cited(event, linker)}, "stop", geungeo=to_record(event))
                if include_usage:
                    yield _event({**head, "choices": [], "usage": _usage(event)})
    except failed as error:
        yield _event(error_object(str(error), "server_error", None))
    yield "data: [DONE]\n\n"


def _event(record: dict[str, Any]) -> str:
    return f"data: {json.dumps(record, ensure_ascii=False)}\n\n"


def error_object(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def models(created: int) -> dict[str, Any]:
    """The list of one model."""
    one = {"id": MODEL, "object": "model", "created": created, "owned_by": "geungeo"}
    return {"object": "list", "data": [one]}
