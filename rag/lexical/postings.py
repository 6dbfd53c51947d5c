"""Posting lists of BM25: every term's passages and what it adds to each, as columns of one sparse matrix.

The layout of bm25s (``data``, ``indices``, ``indptr``), which loads it, fitted here block by block: bm25s
holds the term lists of all passages and several copies of the matrix in memory while it fits.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.array import Number, load_array, new_array, scratch_array

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

#: Terms sorted at once; bounds the memory of a fit (about 100 MB), changes nothing else.
BLOCK_TERMS = 2_000_000


@dataclass(frozen=True, slots=True)
class Postings:
    """A fitted BM25 matrix.

    Attributes:
        data: ``(entries,)`` float32: what a term adds to a passage's score.
        indices: ``(entries,)`` int32: passage rows, ascending in each term.
        indptr: ``(terms + 1,)`` int64; term t has entries ``indptr[t]:indptr[t + 1]``, at least one.
        peaks: ``(terms,)`` float32: the most that a term adds anywhere.
        count: Passages.
    """

    data: Scores
    indices: Ids
    indptr: Ends
    peaks: Scores
    count: int

    def engine(self) -> BM25:
        """bm25s over the same arrays; our own search needs none, and its import takes a tenth of a second."""
        engine = _engine()
        arrays = {"data": self.data, "indices": self.indices, "indptr": self.indptr, "num_docs": self.count}
        engine.scores, engine.nonoccurrence_array = (
            arrays,
            None,
        )  # Lucene's variant adds nothing for absent terms
        return engine

    def of(self, term: int) -> tuple[Ids, Scores]:
        """Rows with a term, ascending, and what it adds to each."""
        start, end = int(self.indptr[term]), int(self.indptr[term + 1])
        return self.indices[start:end], self.data[start:end]

    def frequencies(self, terms: NDArray[np.int64]) -> NDArray[np.int64]:
        """In how many passages each term occurs."""
        found: NDArray[np.int64] = self.indptr[terms + 1] - self.indptr[terms]
        return found


def _engine() -> BM25:
    from bm25s import BM25

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG on import
    return BM25(k1=K1, b=B, method="lucene")


def _array(folder: Path | None, name: str, dtype: type[Number], count: int) -> NDArray[Number]:
    return np.zeros(count, dtype) if folder is None else new_array(folder / name, dtype, count)


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

    Reads ``ids`` twice, in blocks. Memory beside the result: a block.

    Args:
        ids: Term ids of all passages, end to end; each of ``0 … terms - 1`` occurs.
        ends: ``(passages,)``; passage ``row`` has ``ids[ends[row - 1]:ends[row]]``.
        terms: Size of the vocabulary.
        folder: Write there and map the files; in memory if ``None``.
        told: Called with the share that is done, after each block.
    """
    if not terms:
        return None
    indptr = _array(folder, INDPTR, np.int64, terms + 1)
    for first, last in _blocks(ends):
        found, _, runs = _runs(_counted(ids, ends, first, last)[0])
        indptr[found + 1] += runs
        told(0.5 * last / len(ends))
    np.cumsum(indptr, out=indptr)
    size = int(indptr[-1])
    data, indices = _array(folder, DATA, np.float32, size), _array(folder, INDICES, np.int32, size)
    _fill((ids, ends), indptr, (data, indices), folder, told)
    peaks = _array(folder, PEAKS, np.float32, terms)
    for first in range(0, terms, BLOCK_TERMS):
        starts = indptr[first : min(first + BLOCK_TERMS, terms)]
        entries = data[starts[0] : indptr[first + len(starts)]]
        peaks[first : first + len(starts)] = np.maximum.reduceat(entries, starts - starts[0])
    if folder is not None:
        (folder / PARAMS).write_text(json.dumps(_params(_engine(), len(ends)), indent=1) + "\n", "utf-8")
    return Postings(data, indices, indptr, peaks, len(ends))


def _runs(ordered: Ends) -> tuple[Ends, Ends, Ends]:
    """Distinct values of an ascending array, where each begins, and how often it comes."""
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    return ordered[starts], starts, np.diff(starts, append=len(ordered))


def _fill(
    read: tuple[Ids, Ends],
    indptr: Ends,
    made: tuple[Scores, Ids],
    folder: Path | None,
    told: Callable[[float], None],
) -> None:
    """Scores and rows of every entry, each block behind the ones before it."""
    (ids, ends), (data, indices) = read, made
    count, mean = len(ends), len(ids) / len(ends)
    done = scratch_array(folder, np.int32, len(indptr) - 1)  # entries of each term that are written
    for first, last in _blocks(ends):
        terms, rows, counts = _counted(ids, ends, first, last)
        lengths = np.diff(ends[first:last], prepend=ends[first - 1] if first else 0)
        norms = (K1 * ((1 - B) + B * lengths / mean)).astype(np.float32)
        found, starts, runs = _runs(terms)
        frequencies = indptr[found + 1] - indptr[found]
        rarity = np.log(1 + (count - frequencies + 0.5) / (frequencies + 0.5)).astype(np.float32)
        targets = np.arange(len(terms)) + np.repeat(indptr[found] + done[found] - starts, runs)
        tf = counts.astype(np.float32)
        data[targets] = np.repeat(rarity, runs) * (tf / (norms[rows - first] + tf))
        indices[targets] = rows
        done[found] += runs.astype(np.int32)
        told(0.5 + 0.5 * last / len(ends))


def _params(engine: BM25, count: int) -> dict[str, object]:
    """What ``BM25.load`` reads beside the arrays."""
    names = ("k1", "b", "delta", "method", "idf_method", "dtype", "int_dtype", "backend")
    return {name: getattr(engine, name) for name in names} | {"num_docs": count}


def load(folder: Path, count: int) -> Postings | None:
    """Map what :func:`fit` wrote into ``folder`` for ``count`` passages; ``None`` where it had no term.

    Raises:
        OSError, ValueError: The files are missing or do not fit together.
    """
    if not (folder / PARAMS).is_file():
        return None
    data, indices, indptr, peaks = (load_array(folder / n, "r") for n in (DATA, INDICES, INDPTR, PEAKS))
    if len(data) != len(indices) or int(indptr[-1]) != len(data) or len(peaks) != len(indptr) - 1:
        raise ValueError("the files of BM25 do not fit together")
    return Postings(data, indices, indptr, peaks, count)
