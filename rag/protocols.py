"""The narrow waist: what a stage must offer, in at most three methods each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag.errors import SourceError
from rag.types import Delta, Document, Draft, Evidence, Filter, Hit

Vectors = NDArray[np.float32]


@runtime_checkable
class Embedder(Protocol):
    """Texts to unit vectors.

    ``fingerprint`` names the weights and everything that changes a vector (prefixes, dimensions);
    equal fingerprints give equal vectors to 1e-5. ``dim`` is the vector length. ``max_tokens`` is the longest
    passage that is read to its end; 0 means any.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` alone, as ``max_tokens`` counts them."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """``(n, dim)`` float32, rows of unit length (a text with no known content is a zero row)."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """As :meth:`embed_passages`, with the prefix that the model's card asks for in queries."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """A question to its best passages."""

    def retrieve(self, question: str, top_k: int, only: Filter | None = None) -> tuple[Hit, ...]:
        """At most ``top_k`` hits in the order of :func:`rag.types.ranked`; fewer if fewer match.

        With ``only``, passages of other documents do not exist.
        """
        ...


@runtime_checkable
class Reader(Protocol):
    """A question and evidence to a draft."""

    @property
    def fingerprint(self) -> str: ...

    def read(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Delta | Draft]:
        """Any number of deltas, then exactly one draft. Never looks outside ``evidence``."""
        ...


class Loader(Protocol):
    """Bytes of one file to documents."""

    suffixes: tuple[str, ...]

    def load(self, data: bytes, name: str) -> Iterator[Document | SourceError]:
        """Documents of the file called ``name`` (relative POSIX path); a bad record comes as its error.

        Raises:
            SourceError: If the bytes are not what the suffix promises.
        """
        ...
