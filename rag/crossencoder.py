"""A small cross-encoder: reads a question and sentences together, each word beside all others. numpy only.

The lower half of Microsoft's multilingual E5 small (Wang et al. 2024, MIT), cut to the pieces of words that
Korean texts need, and trained on our questions in ``recipes/crossencoder``. A transformer encoder as
BERT's (Devlin et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.array import load_floats
from rag.manifest import verify_model
from rag.pieces import Cutter, Pieces, Table

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

KIND = "crossencoder"
FOLDER = Path(__file__).with_name("weights") / "crossencoder"
#: Rows of the table with a meaning of their own: a sequence's beginning, and the end of a part of it.
BEGIN, END = 0, 2
#: What stands before a title and before a sentence: the last rows of the table.
TITLE, SENTENCE = -2, -1
#: Kinds of places in a sequence.
QUESTION_PART, TITLE_PART, SENTENCE_PART = 0, 1, 2
#: Longest sequence in pieces.
LONGEST = 448
HEADS = 12
#: Behind a matrix's name: what each of its int8 columns is multiplied by.
SCALE = ".scale"
EPSILON = 1e-12
#: Of the approximation of GELU by a hyperbolic tangent (Hendrycks & Gimpel 2016).
_SLOPE, _CUBE = 0.7978845608, 0.044715


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What is said of a sequence of ``n`` places, as logits.

    Attributes:
        holds: ``(n,)`` that the sentence answers which begins at a place.
        none: That no sentence does.
        spans: ``(n, 2)`` that an answer begins, and ends, with a place.
    """

    holds: Floats
    none: float
    spans: Floats


class CrossEncoder:
    """Reads sequences, one at a time.

    Args:
        cutter: Cuts into pieces; a piece's number is its row.
        table: Their vectors.
        arrays: The rest, by name, float32.
    """

    def __init__(
        self,
        cutter: Cutter,
        table: Table,
        arrays: Mapping[str, Floats],
    ) -> None:
        self._cutter = cutter
        self._table = table
        self._arrays = arrays
        self._layers = sum(name.endswith(".qkv.weight") for name in arrays)

    @classmethod
    def load(cls, folder: Path = FOLDER) -> CrossEncoder:
        """The cross-encoder in ``folder``; loaded once a process.

        Raises:
            ModelMissingError, ModelDamagedError: See :func:`rag.manifest.verify_model`.
        """
        return _loaded(folder)

    def cut(self, texts: Sequence[str]) -> list[Pieces]:
        """Each text's pieces."""
        return self._cutter.cut(texts)

    def read(self, ids: Ints, parts: Ints) -> Said:
        """Read a sequence of at most :data:`LONGEST` places.

        Args:
            ids: ``(n,)`` rows of the table; negative ones count from its end.
            parts: ``(n,)`` kinds of the places.
        """
        of = self._arrays
        x = self._table.vectors(ids)
        x += of["places"][: len(ids)] + of["parts"][parts]
        x = _norm(x, of["norm.weight"], of["norm.bias"])
        for number in range(self._layers):
            x = self._layer(x, f"{number}.")
        holds = x @ of["holds.weight"] + of["holds.bias"]
        none = float(x[0] @ of["none.weight"] + of["none.bias"][0])
        return Said(holds, none, x @ of["span.weight"] + of["span.bias"])

    def _layer(self, x: Floats, at: str) -> Floats:
        """``(n, dim)``: every place sees all, then is changed by itself."""
        of = self._arrays
        mixed = x @ of[f"{at}qkv.weight"]
        mixed += of[f"{at}qkv.bias"]
        three = mixed.reshape(len(x), 3, HEADS, -1).transpose(1, 2, 0, 3)
        asks, keys, values = np.ascontiguousarray(three)
        seen = asks @ keys.transpose(0, 2, 1)  # asks are scaled in the weights
        seen -= seen.max(axis=2, keepdims=True)
        np.exp(seen, out=seen)
        seen /= seen.sum(axis=2, keepdims=True)
        heard: Floats = (seen @ values).transpose(1, 0, 2).reshape(x.shape) @ of[f"{at}out.weight"]
        heard += of[f"{at}out.bias"]
        heard += x
        heard = _norm(heard, of[f"{at}norm1.weight"], of[f"{at}norm1.bias"])
        wide: Floats = heard @ of[f"{at}up.weight"]
        wide += of[f"{at}up.bias"]
        _gelu(wide)
        made: Floats = wide @ of[f"{at}down.weight"]
        made += of[f"{at}down.bias"]
        made += heard
        return _norm(made, of[f"{at}norm2.weight"], of[f"{at}norm2.bias"])


def _gelu(x: Floats) -> None:
    """In place."""
    inner = x * x
    inner *= _CUBE * _SLOPE
    inner += _SLOPE
    inner *= x
    np.tanh(inner, out=inner)
    inner += 1.0
    inner *= 0.5
    x *= inner


def _norm(values: Floats, gain: Floats, bias: Floats) -> Floats:
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.einsum("ij,ij->i", centred, centred) / values.shape[1] + EPSILON)
    return np.asarray(centred / spread[:, None] * gain + bias, np.float32)


@lru_cache(maxsize=8)
def _loaded(folder: Path) -> CrossEncoder:
    verify_model(folder, KIND)
    arrays = load_floats(folder / "arrays.npz")
    for name in [name for name in arrays if name.endswith(SCALE)]:
        arrays[name.removesuffix(SCALE)] *= arrays.pop(name)
    return CrossEncoder(Cutter.load(folder / "tokenizer.json"), Table.load(folder), arrays)
