"""근거: Korean question answering that proves every answer.

The public face: settings to an assistant, paths to an index. Names load when first used, so that
``import rag`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.assemble import load_assistant, load_question_writer
    from rag.assistant import Assistant
    from rag.config import Settings, load_settings
    from rag.index import Index
    from rag.korean import analyse
    from rag.library import build_index, index_status, remove_documents, update_index
    from rag.types import Answer, Citation, Delta, Document, Filter, Hit, Outcome, Passage, Span, Turn

_HOMES = {
    "rag.assemble": ("load_assistant", "load_question_writer"),
    "rag.library": ("build_index", "index_status", "remove_documents", "update_index"),
    "rag.assistant": ("Assistant",),
    "rag.config": ("Settings", "load_settings"),
    "rag.index": ("Index",),
    "rag.korean": ("analyse",),
    "rag.types": (
        "Answer",
        "Citation",
        "Delta",
        "Document",
        "Filter",
        "Hit",
        "Outcome",
        "Passage",
        "Span",
        "Turn",
    ),
}

__all__ = [
    "Answer",
    "Assistant",
    "Citation",
    "Delta",
    "Document",
    "Filter",
    "Hit",
    "Index",
    "Outcome",
    "Passage",
    "Settings",
    "Span",
    "Turn",
    "analyse",
    "build_index",
    "index_status",
    "load_assistant",
    "load_question_writer",
    "load_settings",
    "remove_documents",
    "update_index",
]


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'rag' has no attribute {name!r}")
