"""The cross-encoder of ``rag.crossencoder`` in PyTorch: many sequences at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rag.crossencoder import END, EPSILON, HEADS, LONGEST, SCALE, SENTENCE_PART
from recipes.encoder.net import rounded

DIM, WIDE, PARTS = 384, 1536, SENTENCE_PART + 1
#: New rows begin near others, with so much noise.
NOISE = 0.02
#: Of what is not there, before a softmax.
NEVER = -1e4


class Layer(nn.Module):
    """See :meth:`rag.crossencoder.CrossEncoder.read`; normalised after each half."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.up, self.down = nn.Linear(DIM, WIDE), nn.Linear(WIDE, DIM)
        self.norm1, self.norm2 = nn.LayerNorm(DIM, EPSILON), nn.LayerNorm(DIM, EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        count, length, _ = x.shape
        asks, keys, values = self.qkv(x).view(count, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        heard = functional.scaled_dot_product_attention(asks, keys, values, attn_mask=mask)
        x = self.norm1(x + self.dropout(self.out(heard.transpose(1, 2).reshape(x.shape))))
        wide = functional.gelu(self.up(x), approximate="tanh")
        return self.norm2(x + self.dropout(self.down(wide)))


class Net(nn.Module):
    """Logits of whole sequences.

    Args:
        arrays: Of the public encoder, by its names.
        keep: Rows of its table.
        new: How many pieces it does not know; two marks come behind them.
        layers: How many of its layers, from the lowest.
    """

    def __init__(
        self, arrays: dict[str, np.ndarray], keep: Sequence[int], new: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        known = torch.from_numpy(arrays["emb.word"].reshape(-1, DIM)[list(keep)])
        usual, end = known[END + 2 :].mean(0), known[END]
        fresh = torch.cat([usual.expand(new, -1), end.expand(2, -1)])
        self.table = nn.Embedding.from_pretrained(
            torch.cat([known, fresh + NOISE * torch.randn(fresh.shape)]), freeze=False
        )
        places = arrays["emb.pos"].reshape(-1, DIM) + arrays["emb.type"].reshape(-1, DIM)[0]
        self.places = nn.Parameter(torch.from_numpy(places[:LONGEST]))
        self.parts = nn.Parameter(torch.zeros(PARTS, DIM))
        self.norm = nn.LayerNorm(DIM, EPSILON)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(Layer(dropout) for _ in range(layers))
        self.holds, self.none, self.span = nn.Linear(DIM, 1), nn.Linear(DIM, 1), nn.Linear(DIM, 2)
        for head in (self.holds, self.none, self.span):
            nn.init.normal_(head.weight, std=NOISE)
            nn.init.zeros_(head.bias)
        self.load_state_dict({**self.state_dict(), **_public(arrays, layers)})

    def forward(
        self, ids: torch.Tensor, parts: torch.Tensor, there: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """``(b, n)`` that a sentence answers, ``(b,)`` that none does, ``(b, n, 2)`` bounds."""
        x = self.table(ids % self.table.num_embeddings) + self.places[: ids.shape[1]] + self.parts[parts]
        kind = torch.bfloat16 if self.training else torch.float32
        x = self.dropout(self.norm(x)).to(kind)
        mask = torch.zeros(there.shape).masked_fill(~there, NEVER)[:, None, None, :].to(kind)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            for layer in self.layers:
                x = layer(x, mask)
        x = x.float()
        return self.holds(x)[..., 0], self.none(x[:, 0])[:, 0], self.span(x)


def _public(arrays: dict[str, np.ndarray], layers: int) -> dict[str, torch.Tensor]:
    """The public encoder's norms and layers by our names."""
    names = {"out": "ao", "up": "fi", "down": "fo"}
    made = {"norm.weight": arrays["emb.ln.w"], "norm.bias": arrays["emb.ln.b"]}
    for number in range(layers):
        at, of = f"layers.{number}.", f"l{number}."
        made[f"{at}qkv.weight"] = np.concatenate([arrays[f"{of}{one}.w"].reshape(DIM, DIM) for one in "qkv"])
        made[f"{at}qkv.bias"] = np.concatenate([arrays[f"{of}{one}.b"] for one in "qkv"])
        for ours, theirs in names.items():
            bias = arrays[f"{of}{theirs}.b"]
            made[f"{at}{ours}.weight"] = arrays[f"{of}{theirs}.w"].reshape(len(bias), -1)
            made[f"{at}{ours}.bias"] = bias
        for ours, theirs in (("norm1", "aln"), ("norm2", "oln")):
            made[f"{at}{ours}.weight"] = arrays[f"{of}{theirs}.w"]
            made[f"{at}{ours}.bias"] = arrays[f"{of}{theirs}.b"]
    return {name: torch.from_numpy(np.array(value)) for name, value in made.items()}


def shipped(net: Net) -> dict[str, dict[str, np.ndarray]]:
    """Arrays as they ship, by file: matrices as int8 with scales, the rest as float16, inputs by outputs."""
    state = {name.removeprefix("layers."): value.detach().numpy() for name, value in net.state_dict().items()}
    table, scales = rounded(state.pop("table.weight"))
    for name in [name for name in state if ".qkv." in name]:
        state[name] = state[name].copy()
        state[name][:DIM] *= (DIM / HEADS) ** -0.5  # what asks is scaled once and for all
    for name in ("holds.weight", "none.weight"):
        state[name] = state[name][0]
    rest: dict[str, np.ndarray] = {}
    for name, value in state.items():
        if name[0].isdigit() and value.ndim == 2:
            rows, rest[f"{name}{SCALE}"] = rounded(value)
            rest[name] = rows.T
        else:
            rest[name] = (value.T if name.endswith(".weight") else value).astype(np.float16)
    return {"table": {"": table}, "scales": {"": scales}, "arrays": rest}
