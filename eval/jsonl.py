"""JSON Lines in and out: one object a line, errors that name the line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rag.errors import UsageError

Record = dict[str, object]


def parse(line: str) -> Record:
    """One line as an object.

    Raises:
        ValueError: It is no JSON object.
    """
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record


def read(path: Path) -> Iterator[tuple[int, Record]]:
    """Line number (from 1) and object of each line that is not blank.

    Raises:
        UsageError: The file cannot be read, or a line is no JSON object.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}을(를) 읽을 수 없습니다: {error}.", "경로와 인코딩(UTF-8)을 확인해 주세요."
        ) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, parse(line)
            except ValueError:
                raise UsageError(
                    f"{path}의 {number}번째 줄은 JSON 객체가 아닙니다.", "한 줄에 객체 하나씩 적어 주세요."
                ) from None


def write(path: Path, records: Iterable[Mapping[str, object]]) -> int:
    """Write all records, replacing the file; the number of lines."""
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return len(lines)
