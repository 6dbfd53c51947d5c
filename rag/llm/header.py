"""The head of a GGUF file, read without llama.cpp: what kind of model is it, and can it be a reader?

llama.cpp says only that a file failed to load; a person wants to know whether it is the wrong file, the
wrong kind of model, or a broken download. Source: the GGUF specification, versions 2 and 3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rag.errors import ModelDamagedError, ModelKindError, ModelMissingError

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_NUMBERS = dict(enumerate(("<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?"))) | {10: "<Q", 11: "<q", 12: "<d"}

#: Architectures that turn text into vectors, pictures or sound: they cannot continue a text.
NO_READERS = frozenset(
    {
        *("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3"),
        *("eurobert", "gemma-embedding", "llama-embed", "t5", "t5encoder", "clip", "wavtokenizer-dec"),
    }
)

Value = int | float | str


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the vocabulary.

    Attributes:
        architecture: As llama.cpp names it ("qwen3", "gemma3", "llama", …).
        context_tokens: Longest context the model was trained on; 0 where the file does not say.
    """

    architecture: str
    context_tokens: int


def read_header(path: Path) -> Header:
    """The head of ``path``, which can be a reader as far as the head tells.

    Raises:
        ModelMissingError: No such file.
        ModelKindError: Not a GGUF file, or no language model that writes text.
        ModelDamagedError: The file ends within its head, or the head makes no sense.
    """
    if not path.is_file():
        raise ModelMissingError(
            f"모델 파일 {path}이(가) 없습니다.", "경로를 확인해 주세요. rag doctor가 모델을 추천합니다."
        )
    with path.open("rb") as stream:
        if stream.read(4) != _MAGIC:
            raise ModelKindError(f"{path}은(는) GGUF 파일이 아닙니다.", "llama.cpp용 .gguf 파일을 주세요.")
        try:
            fields = _fields(stream, path.stat().st_size)
        except (struct.error, ValueError):
            raise ModelDamagedError(
                f"{path}의 머리 부분이 깨졌습니다(다 받지 못한 파일일 수 있습니다).",
                "파일을 다시 받아 주세요.",
            ) from None
    return _judged(path, fields)


def _judged(path: Path, fields: dict[str, Value]) -> Header:
    architecture = str(fields.get("general.architecture", ""))
    kind = str(fields.get("general.type", "model"))
    embeds = f"{architecture}.pooling_type" in fields or fields.get(f"{architecture}.attention.causal") == 0
    if architecture in NO_READERS or kind != "model" or embeds:
        what = f"{kind} 파일" if kind != "model" else f"{architecture}(임베딩 등)"
        raise ModelKindError(
            f"{path}은(는) 글을 쓰는 모델이 아니라 {what}입니다.", "instruct(대화) 모델의 .gguf를 주세요."
        )
    context = fields.get(f"{architecture}.context_length", 0)
    return Header(architecture, context if isinstance(context, int) else 0)


def _fields(stream: BinaryIO, size: int) -> dict[str, Value]:
    """Scalar fields up to the vocabulary, which writers put last."""
    version, _tensors, count = struct.unpack("<IQQ", _exactly(stream, 20))
    if version not in {2, 3}:
        raise ValueError("unknown version")
    return dict(_scalars(stream, size, count))


def _scalars(stream: BinaryIO, size: int, count: int) -> Iterator[tuple[str, Value]]:
    for _ in range(count):
        key = _string(stream, size)
        if key.startswith("tokenizer."):
            return
        (kind,) = struct.unpack("<I", _exactly(stream, 4))
        if kind == _ARRAY:
            _skip_array(stream, size)
        else:
            yield key, _value(stream, size, kind)


def _value(stream: BinaryIO, size: int, kind: int) -> Value:
    if kind == _STRING:
        return _string(stream, size)
    if kind not in _NUMBERS:
        raise ValueError("unknown field type")
    layout = _NUMBERS[kind]
    value: Value = struct.unpack(layout, _exactly(stream, struct.calcsize(layout)))[0]
    return value


def _skip_array(stream: BinaryIO, size: int) -> None:
    kind, length = struct.unpack("<IQ", _exactly(stream, 12))
    if length > size:
        raise ValueError("longer than its file")
    for _ in range(length):
        _value(stream, size, kind)


def _string(stream: BinaryIO, size: int) -> str:
    (length,) = struct.unpack("<Q", _exactly(stream, 8))
    if length > size:
        raise ValueError("longer than its file")
    return _exactly(stream, length).decode("utf-8", "replace")


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) != length:
        raise ValueError("end of file")
    return data
