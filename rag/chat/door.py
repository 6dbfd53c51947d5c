"""Where a chat listens and keeps its files; light, so that a wrong flag is said at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rag.address import is_loopback, url_of
from rag.errors import SettingError

#: File of the hashed password inside the data folder.
PASSWORD = "password"


@dataclass(frozen=True, slots=True)
class Door:
    """Where and how a server listens.

    Attributes:
        index: Index folder.
        data: Folder of conversations and of the hashed password.
        host: Address to bind; only this machine reaches a loopback one.
        port: TCP port.
    """

    index: Path
    data: Path
    host: str
    port: int

    @property
    def url(self) -> str:
        """What to open in a browser on this machine."""
        return url_of(self.host, self.port)

    def check(self) -> None:
        """Refuse what would let strangers in.

        Raises:
            SettingError: A host beyond this machine without a password.
        """
        if not is_loopback(self.host) and not (self.data / PASSWORD).exists():
            raise SettingError(
                f"{self.host}에 열면 다른 컴퓨터에서도 들어올 수 있는데 암호가 없습니다.",
                "--password 를 붙여 암호를 정해 주세요.",
            )


def data_folder(index: Path) -> Path:
    """Where conversations about an index are kept unless told otherwise: beside it, not inside."""
    return index.with_name(f"{index.name}.chat")
