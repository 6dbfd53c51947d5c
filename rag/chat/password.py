"""The password of the page: at rest only as an scrypt hash, in a browser only as a signed date.

Source of the cost: OWASP's password storage sheet (scrypt with N = 2^17, r = 8, p = 1: 128 MiB).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
import unicodedata
from pathlib import Path

from rag.errors import SettingError

_LOG_N, _R, _P = 17, 8, 1
_LEAST_CHARS = 8
_DAY_S = 86_400


def _digest(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    text = unicodedata.normalize("NFC", password).encode("utf-8", "replace")
    data = hashlib.sha256(text).digest()  # HMAC would take "x" and "x\0" for the same key
    return hashlib.scrypt(data, salt=salt, n=2**log_n, r=r, p=p, maxmem=256 * 2**20, dklen=32)


class Password:
    """A hashed password.

    Args:
        line: As :meth:`hashed` wrote it: ``scrypt$log2(N)$r$p$salt$digest`` in hex.
        session_days: How long a token is good.

    Raises:
        ValueError: Not such a line.
    """

    def __init__(self, line: str, session_days: int) -> None:
        kind, log_n, r, p, salt, digest = line.strip().split("$")
        if kind != "scrypt":
            raise ValueError(f"unknown hash {kind}")
        self._cost = (int(log_n), int(r), int(p))
        self._salt, self._expected = bytes.fromhex(salt), bytes.fromhex(digest)
        self._session_s = session_days * _DAY_S
        self._seen: set[bytes] = set()  # keyed digests of the right password, so that programs wait once

    @staticmethod
    def hashed(password: str) -> str:
        """A line with a new salt.

        Raises:
            SettingError: Too short.
        """
        if len(password) < _LEAST_CHARS:
            raise SettingError(f"암호가 {len(password)}자입니다.", f"{_LEAST_CHARS}자 이상으로 정해 주세요.")
        salt = secrets.token_bytes(16)
        digest = _digest(password, salt, _LOG_N, _R, _P)
        return f"scrypt${_LOG_N}${_R}${_P}${salt.hex()}${digest.hex()}"

    def matches(self, password: str) -> bool:
        """Whether this is the password; about a third of a second the first time, always when wrong."""
        keyed = hmac.digest(self._expected, password.encode("utf-8", "replace"), "sha256")
        if keyed in self._seen:
            return True
        right = hmac.compare_digest(_digest(password, self._salt, *self._cost), self._expected)
        if right:
            self._seen = {keyed}
        return right

    def token(self) -> str:
        """What a browser keeps after it gave the password: an expiry, signed. Another password voids it."""
        expiry = str(int(time.time()) + self._session_s)
        return f"{expiry}.{self._signature(expiry)}"

    def accepts(self, token: str) -> bool:
        """Whether a token was made here and has not run out."""
        expiry, _, signature = token.partition(".")
        signed = hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(expiry).encode())
        return signed and expiry.isdigit() and int(expiry) > time.time()

    def _signature(self, expiry: str) -> str:
        return hmac.digest(self._expected, b"session" + expiry.encode("utf-8", "replace"), "sha256").hex()


def keep(path: Path, password: str) -> None:
    """Write the hash to ``path``, readable by this user only; an older one is replaced at once.

    Raises:
        SettingError: Too short.
    """
    line = Password.hashed(password)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(line + "\n")
    os.replace(draft, path)


def read(path: Path, session_days: int) -> Password | None:
    """The kept password; ``None`` where none was set.

    Raises:
        SettingError: The file is damaged: better no page than one without its password.
    """
    if not path.exists():
        return None
    try:
        return Password(path.read_text("ascii"), session_days)
    except (OSError, ValueError):
        raise SettingError(
            f"암호 파일 {path}을(를) 읽을 수 없습니다.", "--password 로 암호를 다시 정해 주세요."
        ) from None
