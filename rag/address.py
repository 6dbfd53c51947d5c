"""Where a server listens: who can reach it, its URL, and whether the port can be had."""

from __future__ import annotations

import errno
import os
import socket
from ipaddress import ip_address

from rag.errors import UsageError


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to ``host``."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(host: str, port: int) -> str:
    """What to open on this machine, without a slash at the end."""
    name = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # compared, not bound
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def vacant_port(host: str, port: int) -> int:
    """The port, bound once on every address of ``host``, so that a taken one is said before models load.

    Args:
        host: Address or name to bind to.
        port: 0 takes a free one.

    Raises:
        UsageError: It cannot be bound.
    """
    try:
        for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as trial:
                if os.name == "posix":  # as servers do; elsewhere it would take the port from its holder
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind((place[0], port, *place[2:]))
                port = trial.getsockname()[1]
    except (OSError, UnicodeError) as error:
        raise _refused(host, port, getattr(error, "errno", None)) from None
    return port


def _refused(host: str, port: int, reason: int | None) -> UsageError:
    if reason == errno.EADDRINUSE:
        return UsageError(
            f"{port}번 포트를 이미 다른 프로그램이 쓰고 있습니다.",
            "--port 로 다른 번호를 주거나, 이미 켠 근거를 닫아 주세요.",
        )
    if reason == errno.EACCES:
        return UsageError(f"{port}번 포트를 열 권한이 없습니다.", "--port 로 1024 이상의 번호를 주세요.")
    return UsageError(
        f"{host!r}은(는) 이 컴퓨터에서 열 수 있는 주소가 아닙니다.",
        "--host 에 127.0.0.1이나 이 컴퓨터의 주소를 적어 주세요.",
    )
