"""Texts to unit vectors: the embedded embedder, and any sentence-transformers model.

The family that owns sentence_transformers and torch, imported only for models that need them.
"""

from __future__ import annotations

from pathlib import Path

from rag.config import Settings
from rag.embed.cache import CachedEmbedder
from rag.embed.late import MaxSim, WordBags, WordBagWriter, words
from rag.embed.light import FOLDER, EmbeddedEmbedder
from rag.embed.transformer import SentenceTransformerEmbedder
from rag.protocols import Embedder

__all__ = [
    "FOLDER",
    "CachedEmbedder",
    "EmbeddedEmbedder",
    "MaxSim",
    "SentenceTransformerEmbedder",
    "WordBagWriter",
    "WordBags",
    "load_embedder",
    "words",
]

EMBEDDED = "embedded"


def load_embedder(settings: Settings, cache: Path | None = None) -> Embedder:
    """The embedder that the settings name; slow ones are cached in ``cache`` if it is given.

    Raises:
        ModelError: Missing, damaged, or not an embedding model.
    """
    if settings.embedder == EMBEDDED:
        return EmbeddedEmbedder.load()
    made = SentenceTransformerEmbedder.load(settings.embedder, settings.embed_batch_size)
    return CachedEmbedder(made, cache) if cache is not None else made
