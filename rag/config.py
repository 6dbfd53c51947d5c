"""Settings: one flat table, read from ``default.toml``, a file, the environment and flags, in that order."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from rag.errors import SettingError
from rag.text import digest

DEFAULTS = Path(__file__).with_name("default.toml")
LOCAL_NAME = "rag.toml"
#: Tables for what changes no answer, which so stays out of :attr:`Settings.digest`.
TABLES = ("chat", "library", "scale")

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting; meaning, unit and reason stand beside the default in ``default.toml``."""

    embedder: str
    reader: str
    chunk_max_chars: int
    chunk_max_tokens: int
    max_file_bytes: int
    embed_batch_size: int
    top_k: int
    candidates: int
    dense_weight: float
    late_weight: float
    aside_factor: float
    abstain_below: float
    max_question_chars: int
    llm_context_tokens: int
    llm_max_tokens: int
    llm_temperature: float
    llm_threads: int
    seed: int

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingError(
                    f"설정 {name}의 값 {value}은(는) 범위 [{low}, {high}]를 벗어납니다.",
                    "값을 범위 안으로 고쳐 주세요.",
                )
        shares = self.dense_weight + self.late_weight
        if shares > 1.0:
            raise SettingError(
                f"설정 dense_weight와 late_weight의 합 {shares:g}이(가) 1을 넘습니다.",
                "나머지는 BM25의 몫이니 합을 1 이하로 고쳐 주세요.",
            )

    @property
    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of all settings."""
        return digest(json.dumps(asdict(self), sort_keys=True))[:16]


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("chunk_max_chars", 50, 8000),
    ("chunk_max_tokens", 0, 100_000),
    ("max_file_bytes", 1, 2**40),
    ("embed_batch_size", 1, 4096),
    ("top_k", 1, 100),
    ("candidates", 1, 1000),
    ("dense_weight", 0.0, 1.0),
    ("late_weight", 0.0, 1.0),
    ("aside_factor", 0.0, 1.0),
    ("abstain_below", 0.0, 1.0),
    ("max_question_chars", 1, 100_000),
    ("llm_context_tokens", 128, 1_048_576),
    ("llm_max_tokens", 1, 65_536),
    ("llm_temperature", 0.0, 2.0),
    ("llm_threads", 0, 1024),
    ("seed", 0, 2**31 - 1),
)
NAMES = tuple(field.name for field in fields(Settings))
_TYPES: dict[str, type[str] | type[int] | type[float]] = {
    field.name: {"str": str, "int": int, "float": float}[str(field.type)] for field in fields(Settings)
}


def _coerced(name: str, value: object, origin: str) -> Value:
    if name not in _TYPES:
        raise SettingError(
            f"{origin}에 모르는 설정 이름 {name!r}이(가) 있습니다.",
            f"쓸 수 있는 이름: {', '.join(NAMES)}.",
        )
    kind = _TYPES[name]
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        if kind is int and isinstance(value, float):
            raise ValueError
        return kind(value)
    except ValueError:
        raise SettingError(
            f"{origin}의 설정 {name}={value!r}은(는) {kind.__name__} 값이 아닙니다.",
            "값의 종류를 고쳐 주세요.",
        ) from None


def _table(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError:
        raise SettingError(f"설정 파일 {path}을(를) 읽을 수 없습니다.", "경로를 확인해 주세요.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(
            f"설정 파일 {path}이(가) TOML 형식이 아닙니다: {error}.", "형식을 고쳐 주세요."
        ) from None


def _read(path: Path) -> dict[str, Value]:
    return {
        name: _coerced(name, value, str(path)) for name, value in _table(path).items() if name not in TABLES
    }


def load_settings(
    flags: Mapping[str, Value | None] | None = None,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Defaults, then ``file`` (or ``rag.toml`` here), then ``RAG_NAME`` variables, then ``flags``.

    Args:
        flags: Values from the command line; ``None`` means not given.
        file: A TOML file; when ``None``, ``rag.toml`` of the working directory if there is one.
        environment: The process environment unless given.

    Raises:
        SettingError: Unknown name, wrong type, out of range, unreadable file.
    """
    values = _read(DEFAULTS)
    local = file or (Path(LOCAL_NAME) if Path(LOCAL_NAME).is_file() else None)
    if local is not None:
        values |= _read(local)
    for key, text in (os.environ if environment is None else environment).items():
        if key.startswith("RAG_") and key[4:].lower() in _TYPES:
            values[key[4:].lower()] = _coerced(key[4:].lower(), text, "환경 변수")
    for name, value in (flags or {}).items():
        if value is not None:
            values[name] = _coerced(name, value, "명령줄")
    return Settings(**values)  # type: ignore[arg-type]  # every value went through _coerced


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """The ``[library]`` table: how documents are gathered; meaning and unit stand in ``default.toml``."""

    near_duplicate: float
    writer_wait_s: float
    url_timeout_s: float
    url_max_redirects: int
    url_allow_private: int

    def __post_init__(self) -> None:
        if not 0.5 <= self.near_duplicate <= 1.0 or min(asdict(self).values()) < 0:
            raise SettingError(
                "[library]의 값이 범위를 벗어납니다.",
                "near_duplicate는 0.5 이상 1 이하, 나머지는 0 이상으로 고쳐 주세요.",
            )


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The ``[chat]`` table: what the page allows; meaning and unit stand in ``default.toml``."""

    port: int
    max_upload_bytes: int
    max_upload_files: int
    answers_at_once: int
    session_days: int

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 1:
            raise SettingError("[chat]의 값이 범위를 벗어납니다.", "모두 1 이상의 정수로 고쳐 주세요.")


@dataclass(frozen=True, slots=True)
class ScaleSettings:
    """The ``[scale]`` table: what depends on an index's size; meaning and unit stand in ``default.toml``."""

    dense_flat_max: int
    dense_rerank: int
    index_processes: int
    processes_from: int

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 0 or self.dense_rerank < 1:
            raise SettingError(
                "[scale]의 값이 범위를 벗어납니다.",
                "dense_rerank는 1 이상, 나머지는 0 이상으로 고쳐 주세요.",
            )


def _numbers(table: str, kinds: Mapping[str, type], file: Path | None) -> dict[str, Any]:
    """Values of one of :data:`TABLES`: the defaults, then those of ``file`` (or ``rag.toml`` here)."""
    local = file or (Path(LOCAL_NAME) if Path(LOCAL_NAME).is_file() else None)
    values: dict[str, Any] = {}
    for path in (DEFAULTS, local):
        found = _table(path).get(table, {}) if path is not None else {}
        for name, value in found.items() if isinstance(found, dict) else [(table, found)]:
            kind = kinds.get(name)
            if kind is None or isinstance(value, bool) or not isinstance(value, (int, kind)):
                raise SettingError(
                    f"{path}의 [{table}]에 쓸 수 없는 설정 {name}={value!r}이(가) 있습니다.",
                    f"쓸 수 있는 이름: {', '.join(sorted(kinds))}. 값은 수입니다.",
                )
            values[name] = kind(value)
    return values


def load_library_settings(file: Path | None = None) -> LibrarySettings:
    """The library's defaults, then those of ``file`` (or ``rag.toml`` here).

    Raises:
        SettingError: Unknown name, wrong type, out of range, unreadable file.
    """
    return LibrarySettings(**_numbers("library", get_type_hints(LibrarySettings), file))


def load_chat_settings(file: Path | None = None) -> ChatSettings:
    """The chat's defaults, then those of ``file`` (or ``rag.toml`` here); errors as the library's."""
    return ChatSettings(**_numbers("chat", get_type_hints(ChatSettings), file))


def load_scale_settings(file: Path | None = None) -> ScaleSettings:
    """The size's defaults, then those of ``file`` (or ``rag.toml`` here); errors as the library's."""
    return ScaleSettings(**_numbers("scale", get_type_hints(ScaleSettings), file))
