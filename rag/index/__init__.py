"""Passages, dense vectors and BM25 as one artefact on disk: build, publish, load, verify.

A folder holds generations behind one pointer (:mod:`rag.index.generation`); :func:`build` writes one,
:class:`Index` opens the live one.
"""

from rag.index.building import Kept, Progress, build, write_generation
from rag.index.features import AnalysisEmbedder
from rag.index.generation import CURRENT, LOCK, current, live, writing
from rag.index.opened import INDEX_VERSION, Index, retrieval_text

__all__ = [
    "CURRENT",
    "INDEX_VERSION",
    "LOCK",
    "AnalysisEmbedder",
    "Index",
    "Kept",
    "Progress",
    "build",
    "current",
    "live",
    "retrieval_text",
    "write_generation",
    "writing",
]
