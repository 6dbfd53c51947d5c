"""Posting lists of BM25: every term's passages and what it adds to each, as columns of one sparse matrix.

The layout of bm25s (``data``, ``indices``, ``indptr``), which loads it, fitted here block by block: bm25s
holds the term lists of all passages and several copies of the matrix in memory while it fits.
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from rag.array import load_array

if TYPE_CHECKING:
    from bm25s import BM25

K1 = 1.2
B = 0.75
DATA, INDICES, INDPTR = (f"{name}.csc.index.npy" for name in ("data", "indices", "indptr"))
PARAMS = "params.index.json"
PEAKS = "peaks.npy"

Ids = NDArray[np.int32]
Ends = NDArray[np.int64]
Scores = NDArray[np.float32]
Number = TypeVar("Number", np.int32, np.int64, np.float32)

#: Terms sorted at once; bounds the memory of a fit (about 100 MB), changes nothing else.
BLOCK_TERMS = 2_000_000


@dataclass(frozen=True, slots=True)
class Postings:
    """A fitted BM25 matrix.

    Attributes:
        engine: bm25s over the three arrays.
        data: ``(entries,)`` float32: what a term adds to a passage's score.
        indices: ``(entries,)`` int32: passage rows, ascending in each term.
        indptr: ``(terms + 1,)`` int64; term t has entries ``indptr[t]:indptr[t + 1]``, at least one.
        peaks: ``(terms,)`` float32: the most that a term adds anywhere.
    """

    engine: BM25
    data: Scores
    indices: Ids
    indptr: Ends
    peaks: Scores

    def of(self, term: int) -> tuple[Ids, Scores]:
        """Rows with a term, ascending, and what it adds to each."""
        start, end = int(self.indptr[term]), int(self.indptr[term + 1])
        return self.indices[start:end], self.data[start:end]

    def frequencies(self, terms: NDArray[np.int64]) -> NDArray[np.int64]:
        """In how many passages each term occurs."""
        found: NDArray[np.int64] = self.indptr[terms + 1] - self.indptr[terms]
        return found


def _engine() -> type[BM25]:
    from bm25s import BM25

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG on import
    engine: type[BM25] = BM25
    return engine


def _array(folder: Path | None, name: str, dtype: type[Number], count: int) -> NDArray[Number]:
    if folder is None:
        return np.empty(count, dtype)
    made: NDArray[Number] = open_memmap(folder / name, "w+", dtype, (count,))
    _reserve(folder / name)
    return made


def _reserve(path: Path) -> None:
    """Give a file all its room now: a full disk at a mapped hole would be a SIGBUS, not an error.

    Raises:
        OSError: There is not so much room.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:  # a file system that cannot say
                raise


def _blocks(ends: Ends) -> Iterator[tuple[int, int]]:
    """Ranges of passages with about :data:`BLOCK_TERMS` terms each."""
    first = 0
    while first < len(ends):
        start = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, start + BLOCK_TERMS, "right")))
        yield first, last
        first = last


def _counted(ids: Ids, ends: Ends, first: int, last: int) -> tuple[Ends, Ends, Ends]:
    """Term, passage row and count of each pair that occurs in passages ``[first, last)``, in that order."""
    start = int(ends[first - 1]) if first else 0
    lengths = np.diff(ends[first:last], prepend=start)
    rows = np.repeat(np.arange(last - first), lengths)
    keys = ids[start : int(ends[last - 1])].astype(np.int64) * (last - first) + rows
    pairs, counts = np.unique(keys, return_counts=True)
    return pairs // (last - first), pairs % (last - first) + first, counts


def fit(
    ids: Ids,
    ends: Ends,
    terms: int,
    folder: Path | None = None,
    told: Callable[[float], None] = lambda share: None,
) -> Postings | None:
    """BM25 of passages given as term ids; ``None`` if there is no term at all.

    Reads ``ids`` twice, in blocks. Memory beside the result: a block, and 28 bytes for each term.

    Args:
        ids: Term ids of all passages, end to end; each of ``0 … terms - 1`` occurs.
        ends: ``(passages,)``; passage ``row`` has ``ids[ends[row - 1]:ends[row]]``.
        terms: Size of the vocabulary.
        folder: Write there and map the files; in memory if ``None``.
        told: Called with the share that is done, after each block.
    """
    if not terms:
        return None
    frequencies = np.zeros(terms, np.int64)
    for first, last in _blocks(ends):
        frequencies += np.bincount(_counted(ids, ends, first, last)[0], minlength=terms)
        told(0.5 * last / len(ends))
    indptr = _array(folder, INDPTR, np.int64, terms + 1)
    indptr[0], indptr[1:] = 0, np.cumsum(frequencies)
    size = int(frequencies.sum())
    data, indices = _array(folder, DATA, np.float32, size), _array(folder, INDICES, np.int32, size)
    _fill(ids, ends, frequencies, (data, indices), told)
    peaks = _array(folder, PEAKS, np.float32, terms)
    peaks[:] = np.maximum.reduceat(data, indptr[:-1])
    engine = _engine()(k1=K1, b=B, method="lucene")
    if folder is not None:
        (folder / PARAMS).write_text(json.dumps(_params(engine, len(ends)), indent=1) + "\n", "utf-8")
    arrays = {"data": data, "indices": indices, "indptr": indptr, "num_docs": len(ends)}
    engine.scores = arrays
    return Postings(engine, data, indices, indptr, peaks)


def _fill(
    ids: Ids, ends: Ends, frequencies: Ends, made: tuple[Scores, Ids], told: Callable[[float], None]
) -> None:
    """Scores and rows of every entry, each block behind the ones before it."""
    data, indices = made
    lengths = np.diff(ends, prepend=0)
    rarity = np.log(1 + (len(ends) - frequencies + 0.5) / (frequencies + 0.5)).astype(np.float32)
    norms = (K1 * ((1 - B) + B * lengths / lengths.mean())).astype(np.float32)
    places = np.cumsum(frequencies) - frequencies
    for first, last in _blocks(ends):
        terms, rows, counts = _counted(ids, ends, first, last)
        if not len(terms):
            continue
        starts = np.flatnonzero(np.diff(terms, prepend=-1))
        runs = np.diff(starts, append=len(terms))
        targets = np.arange(len(terms)) + np.repeat(places[terms[starts]] - starts, runs)
        tf = counts.astype(np.float32)
        data[targets] = rarity[terms] * (tf / (norms[rows] + tf))
        indices[targets] = rows
        places[terms[starts]] += runs
        told(0.5 + 0.5 * last / len(ends))


def _params(engine: BM25, count: int) -> dict[str, object]:
    """What ``BM25.load`` reads beside the arrays."""
    names = ("k1", "b", "delta", "method", "idf_method", "dtype", "int_dtype", "backend")
    return {name: getattr(engine, name) for name in names} | {"num_docs": count}


def load(folder: Path) -> Postings | None:
    """Map what :func:`fit` wrote into ``folder``; ``None`` where it had no term.

    Raises:
        OSError, ValueError: The files are missing or do not fit together.
    """
    if not (folder / PARAMS).is_file():
        return None
    engine = _engine().load(folder, mmap=True, load_vocab=False, show_progress=False)
    data, indices, indptr = (engine.scores[name] for name in ("data", "indices", "indptr"))
    peaks = load_array(folder / PEAKS, "r")
    if len(data) != len(indices) or int(indptr[-1]) != len(data) or len(peaks) != len(indptr) - 1:
        raise ValueError("the files of BM25 do not fit together")
    return Postings(engine, data, indices, indptr, peaks)
