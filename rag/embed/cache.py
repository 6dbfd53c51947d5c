"""Passage vectors kept on disk by content, so that a rebuild embeds only what is new."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from rag.protocols import Embedder, Vectors

logger = logging.getLogger(__name__)

#: Vectors kept at most; at 1,024 dimensions about 4 GB. The oldest go first.
MAX_ROWS = 1_000_000


class CachedEmbedder:
    """Any embedder, with passage vectors kept by content digest.

    One SQLite file per fingerprint. A damaged file is set aside and begun anew; where the cache cannot
    be used at all (disk full, read-only, locked), vectors are computed without it: all of it can be
    computed again. Queries are not kept. Safe to use from several threads and processes.

    Args:
        inner: The embedder that computes what is missing.
        folder: Where the cache file goes; made if missing.
        max_rows: Vectors kept at most.
    """

    def __init__(self, inner: Embedder, folder: Path, max_rows: int = MAX_ROWS) -> None:
        self._inner = inner
        self._max_rows = max_rows
        name = hashlib.sha256(inner.fingerprint.encode()).hexdigest()[:16]
        self._path = folder / f"{name}.sqlite"

    @property
    def fingerprint(self) -> str:
        """That of the inner embedder: the cache changes nothing."""
        return self._inner.fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._inner.dim

    @property
    def max_tokens(self) -> int:
        """That of the inner embedder."""
        return self._inner.max_tokens

    def count_tokens(self, text: str) -> int:
        """As the inner embedder."""
        return self._inner.count_tokens(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """See :class:`rag.protocols.Embedder`; computes each distinct text once, ever."""
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        found = self._look_up(dict.fromkeys(keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            made = dict(zip(missing, self._inner.embed_passages(list(missing.values())), strict=True))
            self._keep(made)
            found |= made
        return np.array([found[key] for key in keys], np.float32).reshape(len(keys), self.dim)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """As the inner embedder."""
        return self._inner.embed_queries(texts)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=5)) as rows, rows:
            rows.execute("CREATE TABLE IF NOT EXISTS vectors (digest BLOB UNIQUE, vector BLOB, sum BLOB)")
            yield rows

    def _look_up(self, keys: Mapping[bytes, None]) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        try:
            with self._open() as rows:
                for key in keys:
                    select = "SELECT vector, sum FROM vectors WHERE digest = ?"
                    row = rows.execute(select, (key,)).fetchone()
                    if row is not None and len(row[0]) == 4 * self.dim and _sum(row[0]) == row[1]:
                        found[key] = np.frombuffer(row[0], np.float32)
        except (sqlite3.Error, OSError) as error:
            self._distrust(error)
        return found

    def _keep(self, made: Mapping[bytes, Vectors]) -> None:
        blobs = ((key, np.asarray(vector, np.float32).tobytes()) for key, vector in made.items())
        try:
            with self._open() as rows:
                insert = "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)"
                rows.executemany(insert, ((key, blob, _sum(blob)) for key, blob in blobs))
                oldest = "SELECT max(rowid) - ? FROM vectors"
                rows.execute(f"DELETE FROM vectors WHERE rowid <= ({oldest})", (self._max_rows,))
        except (sqlite3.Error, OSError) as error:
            self._distrust(error)

    def _distrust(self, error: Exception) -> None:
        """Set a file aside that is no database; leave one alone that is merely busy or read-only."""
        logger.warning("embedding cache %s cannot be used: %s", self._path, error)
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            self._path.replace(self._path.with_suffix(".damaged"))


def _sum(blob: bytes) -> bytes:
    return hashlib.sha256(blob).digest()[:8]
