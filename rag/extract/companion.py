"""Passages on other things, read along where too few were found.

A reader that has nothing to compare a lone passage with takes it for the answer to everything; a library of
one short note is such a case. It learns from such cases with companions too. What is found in a companion
counts as nothing found.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from rag.types import Evidence, Hit, Passage, Span

#: Passages that are read at least, companions among them: as many as are found by default.
LEAST = 8
#: Score of a companion, as a share of the best passage's: found, but hardly.
SHARE = 0.05


@lru_cache(maxsize=1)
def _passages() -> tuple[Passage, ...]:
    texts = tomllib.loads(Path(__file__).with_name("companions.toml").read_text("utf-8"))["texts"]
    return tuple(
        Passage(f"companion-{n}", f"companion-{n}", Span(0, len(text)), text) for n, text in enumerate(texts)
    )


def is_companion(item: Evidence) -> bool:
    """Whether a passage is none of the library's."""
    return item.passage in _passages()


def accompanied(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence, and behind it as many companions as it lacks; none where there is no evidence."""
    if not evidence:
        return []
    best, route = max(one.hit.score for one in evidence), evidence[0].hit.route
    behind = _passages()[: max(0, LEAST - len(evidence))]
    return [
        *evidence,
        *(Evidence(n, Hit(one, SHARE * best, route)) for n, one in enumerate(behind, len(evidence) + 1)),
    ]
