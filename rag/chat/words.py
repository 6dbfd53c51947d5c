"""The page's own words in Korean and English; ``words.toml`` holds them all."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

KOREAN = "ko"
ENGLISH = "en"
LANGUAGES = ((KOREAN, "한국어"), (ENGLISH, "English"))


class Words:
    """One language: ``words("copy")``, ``words("seconds", seconds="0.1")``.

    Args:
        table: Name to string.
    """

    def __init__(self, table: dict[str, str]) -> None:
        self._table = table

    def __call__(self, name: str, **values: object) -> str:
        return self._table[name].format(**values)

    @property
    def names(self) -> frozenset[str]:
        """All names."""
        return frozenset(self._table)


@lru_cache(maxsize=1)
def _tables() -> dict[str, Words]:
    text = Path(__file__).with_suffix(".toml").read_text("utf-8")
    return {language: Words(table) for language, table in tomllib.loads(text).items()}


def words(language: str) -> Words:
    """The words of a language; Korean for any that is not here."""
    return _tables().get(language, _tables()[KOREAN])
