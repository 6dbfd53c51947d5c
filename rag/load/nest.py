"""Files inside files: how deep, how many and how large, over all levels together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rag.errors import SourceError
from rag.types import Document

MAX_DEPTH = 3  # a letter in an archive in a letter
MAX_FILES = 10_000
MAX_TOTAL_BYTES = 2**30


class Nest:
    """What the outermost file has given so far, and how deep we are in it.

    Args:
        depth: 0 for the outermost file.
        spent: Files and bytes so far, shared by all levels.
    """

    def __init__(self, depth: int = 0, spent: list[int] | None = None) -> None:
        self._depth = depth
        self._spent = [0, 0] if spent is None else spent

    def deeper(self, name: str) -> Nest:
        """The level below.

        Raises:
            SourceError: Too deep.
        """
        if self._depth >= MAX_DEPTH:
            raise SourceError(f"{name}: 묶음이 {MAX_DEPTH}겹을 넘습니다.", "풀어서 넣어 주세요.")
        return Nest(self._depth + 1, self._spent)

    def spend(self, size: int, name: str) -> None:
        """Count one more file.

        Raises:
            SourceError: Too many, or too large together.
        """
        self._spent[0] += 1
        self._spent[1] += size
        if self._spent[0] > MAX_FILES or self._spent[1] > MAX_TOTAL_BYTES:
            raise SourceError(
                f"{name}: 안에 든 것이 {MAX_FILES:,}개 또는 {MAX_TOTAL_BYTES:,}바이트를 넘습니다.",
                "나누어 주세요.",
            )


#: Reads a file of any known format that lies inside another: bytes, name, level.
Inside = Callable[[bytes, str, Nest], Iterator[Document | SourceError]]
