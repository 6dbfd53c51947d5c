"""The encoder of ``rag.encoder`` in PyTorch: many texts in one row, empty places between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from rag.encoder import BEGIN, BETWEEN, END, EPSILON, LONGEST, ORDERS, UNKNOWN

#: Places are filled up to a multiple of this: fewer shapes for the kernels to plan for.
ROUND = 512
#: Length of a piece's vector in late interaction.
LATE = 128
#: New pieces begin as so much of the unknown one, and of noise as large as other pieces.
FAINT = 0.3
#: A row's largest value counts as at least this: a float16 scale must not be 0.
LEAST = 1e-4


@dataclass(frozen=True, slots=True)
class Row:
    """``count`` texts in one row of ``n`` places.

    Attributes:
        ids: ``(n,)`` pieces.
        inside: ``(n,)`` whether a text stands there.
        owner: ``(n,)`` which one; ``count`` for none.
        known: ``(n,)`` whether the place holds a piece that is known, no beginning or end.
    """

    ids: torch.Tensor
    inside: torch.Tensor
    owner: torch.Tensor
    known: torch.Tensor
    count: int


class Cutter:
    """Texts to pieces; each text is cut once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._cut: dict[str, np.ndarray] = {}

    def row(self, texts: Sequence[str]) -> Row:
        new = [text for text in dict.fromkeys(texts) if text not in self._cut]
        for text, one in zip(new, self._tokenizer.encode_batch(new), strict=True):
            self._cut[text] = np.array([BEGIN, *one.ids[:LONGEST], END], np.int32)
        pieces = [self._cut[text] for text in texts]
        size = sum(len(one) + BETWEEN for one in pieces) + BETWEEN
        size += -size % ROUND
        ids, owner = np.zeros(size, np.int64), np.full(size, len(texts))
        at = BETWEEN
        for number, one in enumerate(pieces):
            ids[at : at + len(one)] = one
            owner[at : at + len(one)] = number
            at += len(one) + BETWEEN
        inside = owner < len(texts)
        made = (torch.from_numpy(one) for one in (ids, inside, owner, inside & (ids > END)))
        return Row(*made, count=len(texts))


class Net(nn.Module):
    """See :class:`rag.encoder.SentenceEncoder` for what is computed.

    Args:
        table: ``(pieces, dim)`` their vectors.
        arrays: The rest of the public encoder, by name.
        new: How many pieces it did not know, at the end.
    """

    def __init__(self, table: np.ndarray, arrays: dict[str, np.ndarray], new: int, dropout: float) -> None:
        super().__init__()
        known = torch.from_numpy(table)
        spread = known[END + 1 :].std(0)
        fresh = FAINT * (known[UNKNOWN] + torch.randn(new, known.shape[1]) * spread)
        self.table = nn.Embedding.from_pretrained(torch.cat([known, fresh]), freeze=False)
        self.of = nn.ParameterDict({name: torch.from_numpy(value) for name, value in arrays.items()})
        width = len(arrays["ln_g"])
        self.late = nn.Linear(width, LATE, bias=False)
        self.weigh = nn.Linear(width, 1)
        nn.init.normal_(self.late.weight, std=width**-0.5)
        nn.init.zeros_(self.weigh.weight)
        nn.init.zeros_(self.weigh.bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, row: Row) -> torch.Tensor:
        """``(n, features)`` each piece and what the convolutions see around it."""
        of, inside = self.of, row.inside[:, None].float()
        plain = self.dropout(self.table(row.ids)) * inside
        found = [plain]
        for order, before in ORDERS:
            x = plain @ of[f"proj{order}"] + of[f"proj_b{order}"]
            x = _norm(x, of[f"ln_g{order}"], of[f"ln_b{order}"]) * inside
            for layer in ("1", "2"):
                weight, bias = of[f"w{layer}_{order}"], of[f"b{layer}_{order}"]
                padded = functional.pad(x, (0, 0, before, order - 1 - before))
                windows = torch.cat([padded[step : step + len(x)] for step in range(order)], 1)
                x = (torch.relu(windows @ weight + bias) + x) * inside
            found.append(x)
        return self.dropout(_norm(torch.cat(found, 1), of["ln_g"], of["ln_b"]) * inside)

    def totals(self, seen: torch.Tensor, row: Row) -> tuple[torch.Tensor, torch.Tensor]:
        """``(count, dim)`` sums over each text's places, projected, and ``(count, 1)`` how many they are."""
        ones = torch.ones(len(row.owner))
        counts = torch.zeros(row.count + 1).index_add(0, row.owner, ones)[: row.count, None]
        sums = torch.zeros(row.count + 1, seen.shape[1]).index_add(0, row.owner, seen.float())
        return sums[: row.count] @ self.of["cnn_W"] + counts * self.of["cnn_b"], counts

    def wholes(self, totals: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """``(count, dim)`` unit vectors of texts."""
        of, mean = self.of, totals * counts.rsqrt()
        first = torch.relu(mean @ of["d0"])
        second = torch.relu(mean @ of["p1"] + first @ of["d1"])
        third = torch.relu(second @ of["d2"])
        return functional.normalize(torch.tanh(second @ of["p3"] + third @ of["d3"]).float(), dim=-1)

    def pieces(self, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``(n, LATE)`` unit vectors of pieces, and ``(n,)`` their weights in a question."""
        weights = functional.softplus(self.weigh(seen)[:, 0].float())
        return functional.normalize(self.late(seen).float(), dim=-1), weights


def _norm(values: torch.Tensor, gain: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(values, (values.shape[-1],), gain, bias, EPSILON)


def shipped(net: Net) -> dict[str, dict[str, np.ndarray]]:
    """Arrays as they ship, by file: int8 rows with a scale each, the rest as float16."""
    state = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    rows, scales = rounded(state.pop("table.weight"))
    rest = {name.removeprefix("of."): value.astype(np.float16) for name, value in state.items()}
    return {"table": {"": rows}, "scales": {"": scales}, "arrays": rest}


def rounded(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows as int8, and what each is multiplied by, as float16."""
    scales = (np.maximum(np.abs(rows).max(axis=1), LEAST) / 127).astype(np.float16)
    return np.clip(np.round(rows / scales.astype(np.float32)[:, None]), -127, 127).astype(np.int8), scales
