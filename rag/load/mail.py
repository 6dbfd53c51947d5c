"""Letters (``.eml``): who wrote to whom and when, the body, and attachments of known formats."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath

from rag.errors import DecodeError, SourceError
from rag.load.container import damaged
from rag.load.decode import decode
from rag.load.fact import tags_of
from rag.load.html import HtmlLoader
from rag.load.nest import Inside, Nest
from rag.text import normalise
from rag.types import Document, Section, Span

_SHOWN = (("From", "보낸 사람"), ("To", "받는 사람"), ("Cc", "참조"), ("Date", "보낸 때"))
_NAME_MAX_CHARS = 200


class MailLoader:
    """``.eml``; attachments are named ``편지.eml/첨부.pdf``.

    Args:
        inside: Reads attachments.
    """

    suffixes: tuple[str, ...] = (".eml",)

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def load(self, data: bytes, name: str) -> Iterator[Document | SourceError]:
        """See :class:`rag.protocols.Loader`."""
        return self.load_within(data, name, Nest())

    def load_within(self, data: bytes, name: str, nest: Nest) -> Iterator[Document | SourceError]:
        """As :meth:`load`, at some level of another file.

        Raises:
            SourceError: No letter, or over a limit.
        """
        level = nest.deeper(name)
        message = email.message_from_bytes(data, policy=email.policy.default)
        if not any(message[header] for header in ("From", "Subject", "Date", "Received")):
            raise damaged(name, "eml 편지")
        yield _letter(message, name)
        for number, part in enumerate(_attachments(message), 1):
            yield from self._attached(part, name, number, level)

    def _attached(
        self, part: Message, name: str, number: int, level: Nest
    ) -> Iterator[Document | SourceError]:
        inner = _file_name(part, number)
        full = f"{name}/{inner}"
        try:
            data = _bytes(part)
            level.spend(len(data), name)
            yield from self._inside(data, full, level)
        except SourceError as error:
            yield error


def _letter(message: EmailMessage, name: str) -> Document:
    subject = _header(message, "Subject")
    lines = [f"{label}: {_header(message, key)}" for key, label in _SHOWN if message[key]]
    body = _body(message, name)
    head = "\n".join(([subject] if subject else []) + lines)
    text = normalise(f"{head}\n\n{body}")
    split = len(normalise(head))
    parts = [Section(Span(0, split), heading="머리")] if split else []
    if len(text) > split + 2:
        parts.append(Section(Span(split + 2 if split else 0, len(text))))
    return Document(
        id=name,
        title=subject or PurePosixPath(name).stem,
        text=text,
        published=_date(message),
        publisher=_header(message, "From"),
        tags=tuple(tags_of(_header(message, "Keywords"))),
        sections=tuple(parts),
    )


def _header(message: Message, key: str) -> str:
    """One line; bytes that were never declared are read as UTF-8 or CP949."""
    raw = next((str(value) for name, value in message.raw_items() if name.lower() == key.lower()), "")
    undeclared = raw.encode("utf-8", "surrogateescape")
    if not _is_utf8(raw):
        value = _either(undeclared)
    else:
        try:
            value = str(message[key] or "")
        except (ValueError, LookupError, AttributeError):  # the header parser's own bugs
            value = raw
    return " ".join(normalise(value).split())


def _is_utf8(text: str) -> bool:
    """Whether a header came as declared characters: stray bytes are kept as lone surrogates."""
    return not any("\udc80" <= char <= "\udcff" for char in text)


def _either(data: bytes) -> str:
    for encoding in ("utf-8", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace")


def _date(message: Message) -> str:
    try:
        return parsedate_to_datetime(_header(message, "Date")).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _body(message: EmailMessage, name: str) -> str:
    """The text that the writer meant to be read: plain if there is any, else that of the HTML."""
    try:
        part = message.get_body(("plain", "html"))
    except (KeyError, ValueError, AttributeError, LookupError):
        part = None
    data = _bytes(part) if part is not None else b""
    if part is None or not data.strip():
        return ""
    charset = str(part.get_param("charset") or "")
    try:
        if part.get_content_type() == "text/html":
            return next(HtmlLoader().load(data, name)).text
        return decode(data, name, charset)
    except SourceError:
        return data.decode("utf-8", "replace")


def _attachments(message: EmailMessage) -> Iterator[Message]:
    """Parts with a name of their own, and letters inside the letter; their own parts are left to them."""
    if message.get_content_maintype() != "multipart":
        return
    for part in message.iter_parts() if hasattr(message, "iter_parts") else ():
        if part.get_content_type() == "message/rfc822" or part.get_filename():
            yield part
        elif part.get_content_maintype() == "multipart" and isinstance(part, EmailMessage):
            yield from _attachments(part)


def _bytes(part: Message) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        if isinstance(inner, list) and inner and isinstance(inner[0], Message):
            return inner[0].as_bytes()
        raise DecodeError("안에 든 편지를 읽을 수 없습니다.", "따로 저장해 주세요.")
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _file_name(part: Message, number: int) -> str:
    """A name of one step, whatever the letter says."""
    given = normalise(str(part.get_filename() or "")).replace("\\", "/").rpartition("/")[2]
    given = " ".join(given.split()).strip(". ")[-_NAME_MAX_CHARS:]
    if part.get_content_type() == "message/rfc822":
        return given if given.lower().endswith(".eml") else f"{given or f'편지-{number}'}.eml"
    return given or f"첨부-{number}"
