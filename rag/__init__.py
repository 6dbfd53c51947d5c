"""근거: Korean question answering that proves every answer.

The public face: settings to an assistant, paths to an index. Names load when first used, so that
``import rag`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.assemble import build_index, load_assistant, load_question_writer
    from rag.assistant import Assistant
    from rag.config import Settings, load_settings
    from rag.index import Index
    from rag.korean import analyse
    from rag.types import Answer, Citation, Delta, Document, Hit, Outcome, Passage, Span, Turn

_HOMES = {
    "rag.assemble": ("build_index", "load_assistant", "load_question_writer"),
    "rag.assistant": ("Assistant",),
    "rag.config": ("Settings", "load_settings"),
    "rag.index": ("Index",),
    "rag.korean": ("analyse",),
    "rag.types": ("Answer", "Citation", "Delta", "Document", "Hit", "Outcome", "Passage", "Span", "Turn"),
}

__all__ = [
    "Answer",
    "Assistant",
    "Citation",
    "Delta",
    "Document",
    "Hit",
    "Index",
    "Outcome",
    "Passage",
    "Settings",
    "Span",
    "Turn",
    "analyse",
    "build_index",
    "load_assistant",
    "load_question_writer",
    "load_settings",
]


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'rag' has no attribute {name!r}")
