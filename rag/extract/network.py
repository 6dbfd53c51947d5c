"""The network: reads question and sentences together and scores every candidate. numpy only.

Convolutions over morphemes, attention to the question, and a score for each span, to which that of its
sentence is added; one and a half million numbers on top of Kiwi's morpheme vectors. Trained in
recipes/reader with PyTorch, in the same terms.

Source: gated convolutions, Dauphin et al. 2017; attention from text to question, Seo et al. 2017 (BiDAF);
one softmax over all spans and none, Clark & Gardner 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.array import load_floats
from rag.evidence.view import vectors
from rag.extract.tokens import Tokens

Floats = NDArray[np.float32]

#: Spacing of the three inputs of each convolution: first over text and question, then over both together.
READ_DILATIONS = (1, 2)
JOIN_DILATIONS = (1, 2, 4, 8, 1)
#: Spans of more morphemes than this look alike to the network.
LENGTHS = 16
_EPSILON = 1e-5


def lengths_of(spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(c,)`` length class of each span."""
    return np.asarray(np.minimum(spans[:, 1] - spans[:, 0], LENGTHS - 1), np.int64)


class Network:
    """Scores of candidates, from one set of trained arrays.

    Args:
        arrays: By name, as the recipe made them; float32.
    """

    def __init__(self, arrays: Mapping[str, Floats]) -> None:
        self.arrays = arrays

    @classmethod
    def load(cls, path: Path) -> Network:
        """Read one ``.npz`` file of float16 arrays.

        Raises:
            OSError, ValueError: No such file, or not of this form.
        """
        return cls(load_floats(path))

    def logs(self, seen: Tokens) -> Floats:
        """``(c + 1,)`` logarithms of the probabilities of each candidate, and last of "no answer here".

        Candidates that fell to :data:`rag.extract.tokens.LONGEST` are as improbable as the worst one.
        """
        text, asked = self._read(seen)
        joined, question = self._joined(text, asked, seen)
        reach = np.asarray(seen.spans[:, 0] >= 0)
        spans = np.where(reach[:, None], seen.spans, 0)
        found = self._spans(*self._sentences(joined, question, seen.sentences), question, spans)
        raw = np.append(np.where(reach, found, found.min(initial=0.0)), self._nothing(joined, question))
        return np.asarray(raw - raw.max() - np.log(np.exp(raw - raw.max()).sum()), np.float32)

    def _linear(self, name: str, values: Floats) -> Floats:
        return np.asarray(values @ self.arrays[f"{name}.weight"].T + self.arrays[f"{name}.bias"], np.float32)

    def _read(self, seen: Tokens) -> tuple[Floats, Floats]:
        of = self.arrays
        table = vectors()
        text = np.concatenate(
            [
                table.rows(seen.ids),
                of["head.weight"][seen.letters[:, 0]],
                of["tail.weight"][seen.letters[:, 1]],
                of["tag.weight"][seen.tags],
                of["unit.weight"][seen.units],
                seen.numbers,
            ],
            axis=1,
        )
        whole = np.concatenate([of["kind.weight"][seen.kind], of["unit.weight"][seen.unit]])
        asked = np.concatenate(
            [
                table.rows(seen.question_ids),
                of["head.weight"][seen.question_letters[:, 0]],
                of["tail.weight"][seen.question_letters[:, 1]],
                of["tag.weight"][seen.question_tags],
                np.tile(whole, (len(seen.question_ids), 1)),
                seen.question_numbers,
            ],
            axis=1,
        )
        made = self._blocks("text", self._linear("text_in", text), READ_DILATIONS)
        return made, self._blocks("asked", self._linear("asked_in", asked), READ_DILATIONS)

    def _blocks(self, name: str, values: Floats, dilations: Sequence[int]) -> Floats:
        for number, dilation in enumerate(dilations):
            values = self._block(f"{name}.{number}", values, dilation)
        return values

    def _block(self, name: str, values: Floats, dilation: int) -> Floats:
        """``x + gated(conv(norm(x)))``: three inputs ``dilation`` apart, zero beyond the ends."""
        normed = self._norm(f"{name}.norm", values)
        size, width = normed.shape
        padded = np.zeros((size + 2 * dilation, width), np.float32)
        padded[dilation : dilation + size] = normed
        weight = self.arrays[f"{name}.conv.weight"]  # (2 * width, width, 3)
        total = sum(padded[k * dilation : k * dilation + size] @ weight[:, :, k].T for k in range(3))
        total = np.asarray(total + self.arrays[f"{name}.conv.bias"], np.float32)
        gate = 1.0 / (1.0 + np.exp(-np.clip(total[:, width:], -30, 30)))
        return np.asarray(values + total[:, :width] * gate, np.float32)

    def _norm(self, name: str, values: Floats) -> Floats:
        centred = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + _EPSILON)
        return np.asarray(
            centred / spread * self.arrays[f"{name}.weight"] + self.arrays[f"{name}.bias"], np.float32
        )

    def _joined(self, text: Floats, asked: Floats, seen: Tokens) -> tuple[Floats, Floats]:
        """Text that has looked at the question, ``(n, d)``, and the question as one vector, ``(d,)``.

        Each morpheme looks first at the words of the question that it says, in the same or in other words,
        or that the sentence encoder finds near to it.
        """
        width = text.shape[1]
        logits = self._linear("look", text) @ asked.T * np.float32(width**-0.5)
        logits += self.arrays["alike"] * seen.alike.astype(np.float32)
        logits += self.arrays["near"] * seen.near.astype(np.float32)
        looked = _softmax(logits) @ asked
        question = _softmax(self._linear("pool", asked)[:, 0]) @ asked
        pairs = np.concatenate([text, looked, text * looked, text * question], axis=1)
        made = self._blocks("join", self._linear("join_in", pairs), JOIN_DILATIONS)
        return self._norm("out", made), question

    def _sentences(
        self, joined: Floats, question: Floats, owners: NDArray[np.int64]
    ) -> tuple[Floats, Floats]:
        """Morphemes told of their sentence, ``(n, d)``, and the score of each one's sentence, ``(n,)``."""
        highest = np.maximum.reduceat(joined, np.flatnonzero(np.diff(owners, prepend=-1)))
        whole = np.concatenate([highest, np.tile(question, (len(highest), 1))], axis=1)
        hidden = np.maximum(self._linear("sentence_in", whole), 0.0)
        told = joined + self._linear("sentence_back", hidden)[owners]
        return told, self._linear("sentence_out", hidden)[owners, 0]

    def _spans(
        self, joined: Floats, of_sentence: Floats, question: Floats, spans: NDArray[np.int64]
    ) -> Floats:
        """``(c,)`` scores; ``of_sentence`` is that of each morpheme's sentence."""
        first, last = joined[spans[:, 0]], joined[spans[:, 1]]
        sums = np.concatenate([np.zeros((1, joined.shape[1]), np.float32), np.cumsum(joined, axis=0)])
        mean = (sums[spans[:, 1] + 1] - sums[spans[:, 0]]) / (spans[:, 1] - spans[:, 0] + 1)[:, None]
        whole = np.concatenate([first, last, mean.astype(np.float32)], axis=1)
        hidden = self._linear("span_in", whole) + self._linear("span_asked", question)
        hidden += self.arrays["length.weight"][lengths_of(spans)]
        alone = self._linear("span_out", np.maximum(hidden, 0.0))[:, 0]
        return np.asarray(alone + of_sentence[spans[:, 0]], np.float32)

    def _nothing(self, joined: Floats, question: Floats) -> float:
        whole = np.concatenate([joined.max(axis=0), question])
        return float(self._linear("none_out", np.maximum(self._linear("none_in", whole), 0.0))[0])


def mean_logs(networks: Sequence[Network], seen: Tokens) -> Floats:
    """``(c + 1,)`` what several networks say together: the mean of their :meth:`Network.logs`."""
    return np.asarray(np.mean([network.logs(seen) for network in networks], axis=0), np.float32)


def _softmax(values: Floats) -> Floats:
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)
