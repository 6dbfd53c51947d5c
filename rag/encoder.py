"""A small sentence encoder: what a text means as a whole, and word by word, as vectors. numpy only.

Google's multilingual Universal Sentence Encoder (Yang et al. 2020), cut to the pieces of words that Korean
texts need, with a head for late interaction (ColBERT, Khattab & Zaharia 2020), and trained on our questions
in ``recipes/encoder``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from rag.array import load_floats
from rag.manifest import verify_model
from rag.pieces import Cutter, Table

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

KIND = "encoder"
FOLDER = Path(__file__).with_name("weights") / "encoder"
#: Rows of the table for what is no piece: unknown letters, and a text's beginning and end.
UNKNOWN, BEGIN, END = 0, 1, 2
#: Longest text in pieces, without its beginning and end; what follows is not read.
LONGEST = 98
#: How many pieces each convolution reads, and how many of them lie before its place.
ORDERS = ((2, 0), (3, 1), (5, 2))
#: Empty places between texts that are read at once, so that no convolution reaches into another.
BETWEEN = 2
EPSILON = 1e-12
#: Texts whose vectors are kept: the same passages are read again and again.
KEPT = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A text of ``n`` pieces.

    Attributes:
        total: ``(dim,)`` sum over its pieces; sums of texts add up to that of both together.
        count: How many pieces were summed, its beginning and end among them.
        pieces: ``(n, late)`` float16 unit vectors, as its neighbours colour each piece.
        weights: ``(n,)`` how much each piece counts in a question; positive.
        places: ``(n, 2)`` code points of each piece in the text, half-open.
    """

    total: Floats
    count: int
    pieces: NDArray[np.float16]
    weights: Floats
    places: Ints


class SentenceEncoder:
    """Vectors of texts.

    Args:
        cutter: Cuts into pieces; a piece's number is its row.
        table: Their vectors.
        arrays: The rest, by name, float32.
        kept: How many texts' vectors are kept.
    """

    def __init__(
        self,
        cutter: Cutter,
        table: Table,
        arrays: Mapping[str, Floats],
        kept: int = KEPT,
    ) -> None:
        self._cutter = cutter
        self._table = table
        self._arrays = arrays
        self._most = kept
        self._kept: OrderedDict[str, Encoded] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def load(cls, folder: Path = FOLDER) -> SentenceEncoder:
        """The encoder in ``folder``; loaded once a process.

        Raises:
            ModelMissingError, ModelDamagedError: See :func:`rag.manifest.verify_model`.
        """
        return _loaded(folder)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Each text's vectors; those read lately are not read again."""
        with self._lock:
            found = {text: self._kept[text] for text in dict.fromkeys(texts) if text in self._kept}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        found |= zip(new, self._read(new), strict=True)
        with self._lock:
            self._kept |= found
            for text in found:
                self._kept.move_to_end(text)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return [found[text] for text in texts]

    def forget(self) -> None:
        """Keep no vectors any more."""
        with self._lock:
            self._kept.clear()

    def wholes(self, totals: Floats, counts: Floats) -> Floats:
        """``(n, dim)`` unit vectors of texts, from their totals and counts."""
        of = self._arrays
        mean = totals / np.sqrt(counts)[:, None]
        first = np.maximum(mean @ of["d0"], 0.0)
        second = np.maximum(mean @ of["p1"] + first @ of["d1"], 0.0)
        third = np.maximum(second @ of["d2"], 0.0)
        made = np.tanh(second @ of["p3"] + third @ of["d3"])
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True).clip(EPSILON), np.float32)

    def _read(self, texts: Sequence[str]) -> list[Encoded]:
        if not texts:
            return []
        cut = [one.head(LONGEST) for one in self._cutter.cut(texts)]
        pieces = [np.array([BEGIN, *one.ids, END]) for one in cut]
        starts = np.cumsum([BETWEEN, *(len(one) + BETWEEN for one in pieces)])
        ids = np.zeros(starts[-1], np.int64)
        inside = np.zeros(starts[-1], np.bool_)
        for start, one in zip(starts, pieces, strict=False):
            ids[start : start + len(one)] = one
            inside[start : start + len(one)] = True
        seen = self._convolved(ids, inside.astype(np.float32)[:, None])
        late = seen @ self._arrays["late.weight"].T
        late /= np.linalg.norm(late, axis=1, keepdims=True).clip(EPSILON)
        weights = np.logaddexp(0.0, seen @ self._arrays["weigh.weight"][0] + self._arrays["weigh.bias"])
        made = []
        for start, one, where in zip(starts, pieces, cut, strict=False):
            stop = start + len(one)
            total = seen[start:stop].sum(axis=0) @ self._arrays["cnn_W"] + len(one) * self._arrays["cnn_b"]
            known = np.flatnonzero(one > END)
            places = where.places[known - 1]
            known += start
            made.append(Encoded(total, len(one), late[known].astype(np.float16), weights[known], places))
        return made

    def _convolved(self, ids: Ints, inside: Floats) -> Floats:
        """``(n, features)`` each piece and what the convolutions see around it; zero between texts."""
        of = self._arrays
        plain = self._table.vectors(ids)
        plain *= inside
        found = [plain]
        for order, before in ORDERS:
            started = np.asarray(plain @ of[f"proj{order}"] + of[f"proj_b{order}"], np.float32)
            x = np.asarray(_norm(started, of[f"ln_g{order}"], of[f"ln_b{order}"]) * inside, np.float32)
            for layer in ("1", "2"):
                weight, bias = of[f"w{layer}_{order}"], of[f"b{layer}_{order}"]
                made = np.maximum(_windows(x, order, before) @ weight + bias, 0.0)
                x = np.asarray((made + x) * inside, np.float32)
            found.append(x)
        return _norm(np.concatenate(found, axis=1), of["ln_g"], of["ln_b"]) * inside


def _norm(values: Floats, gain: Floats, bias: Floats) -> Floats:
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + EPSILON)
    return np.asarray(centred / spread * gain + bias, np.float32)


def _windows(values: Floats, order: int, before: int) -> Floats:
    """``(n, order * d)`` each row with its neighbours; zero beyond the ends."""
    padded = np.pad(values, ((before, order - 1 - before), (0, 0)))
    return np.concatenate([padded[step : step + len(values)] for step in range(order)], axis=1)


@lru_cache(maxsize=8)
def _loaded(folder: Path) -> SentenceEncoder:
    verify_model(folder, KIND)
    return SentenceEncoder(
        Cutter.load(folder / "tokenizer.json"),
        Table.load(folder),
        load_floats(folder / "arrays.npz"),
    )
