"""Addresses of servers, against real sockets."""

import socket

import pytest

from rag.address import url_of, vacant_port
from rag.errors import UsageError


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.2", "http://127.0.0.2:7"),
        ("0.0.0.0", "http://127.0.0.1:7"),
        ("::", "http://127.0.0.1:7"),
        ("::1", "http://[::1]:7"),
    ],
)
def test_what_to_open(host: str, url: str) -> None:
    assert url_of(host, 7) == url


def test_a_taken_port_is_refused_and_a_free_one_is_free() -> None:
    free = vacant_port("127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", free)) as holder:
        assert holder.getsockname()[1] == free
        with pytest.raises(UsageError, match=f"{free}번 포트를 이미") as caught:
            vacant_port("127.0.0.1", free)
    assert "--port" in caught.value.remedy
    assert vacant_port("127.0.0.1", free) == free


@pytest.mark.parametrize("host", ["192.0.2.1", "가" * 70])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="주소가 아닙니다"):
        vacant_port(host, 0)
