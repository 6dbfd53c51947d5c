"""A llama in PyTorch, number for number what llama.cpp computes from its GGUF.

RMSNorm before each part, rotary positions on neighbouring pairs of numbers (llama.cpp's kind NORM, so that
weights go over as they are), grouped keys and values, SwiGLU, output tied to the input vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

EPSILON = 1e-5
ROPE_BASE = 10_000.0


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a model; ``heads_kv`` divides ``heads``, which divides ``width``."""

    width: int
    layers: int
    heads: int
    heads_kv: int
    hidden: int
    dropout: float = 0.0

    @property
    def head(self) -> int:
        """Numbers a head."""
        return self.width // self.heads


class Norm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        wide = values.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPSILON) * self.weight).to(
            values.dtype
        )


def angles(length: int, head: int) -> torch.Tensor:
    """``(length, head / 2)`` complex rotations of positions 0, 1, …"""
    rates = ROPE_BASE ** (-torch.arange(0, head, 2, dtype=torch.float32) / head)
    turned = torch.arange(length, dtype=torch.float32)[:, None] * rates
    return torch.polar(torch.ones_like(turned), turned)


def rotated(values: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """``(b, heads, t, head)``, each pair of neighbours turned by its position."""
    cosine, sine = turns.real, turns.imag
    even, odd = values[..., 0::2].float(), values[..., 1::2].float()
    pairs = torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1)
    return pairs.flatten(-2).to(values.dtype)


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.q = nn.Linear(shape.width, shape.heads * shape.head, bias=False)
        self.k = nn.Linear(shape.width, shape.heads_kv * shape.head, bias=False)
        self.v = nn.Linear(shape.width, shape.heads_kv * shape.head, bias=False)
        self.output = nn.Linear(shape.heads * shape.head, shape.width, bias=False)

    def heads(
        self, values: torch.Tensor, turns: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries, keys and values, each ``(b, heads, t, head)``."""
        batch, length, _ = values.shape
        one = self.shape

        def split(projected: torch.Tensor, count: int) -> torch.Tensor:
            return projected.view(batch, length, count, one.head).transpose(1, 2)

        again = one.heads // one.heads_kv
        query = rotated(split(self.q(values), one.heads), turns)
        key = rotated(split(self.k(values), one.heads_kv), turns).repeat_interleave(again, 1)
        return query, key, split(self.v(values), one.heads_kv).repeat_interleave(again, 1)

    def forward(self, values: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        query, key, value = self.heads(values, turns)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.output(mixed.transpose(1, 2).flatten(2))

    def looking(
        self, values: torch.Tensor, turns: torch.Tensor, rows: torch.Tensor, places: torch.Tensor
    ) -> torch.Tensor:
        """``(n, t)`` log of the mean over heads of where ``values[rows, places]`` look."""
        query, key, _ = self.heads(values, turns)
        asked = query[rows, :, places].float()  # (n, heads, head)
        with torch.autocast(values.device.type, enabled=False):  # n differs each time: no kernel planned anew
            near = torch.einsum("nhd,nhtd->nht", asked, key[rows].float()) * self.shape.head**-0.5
        later = torch.arange(values.shape[1], device=values.device)[None] > places[:, None]
        shares = near.masked_fill(later[:, None], float("-inf")).softmax(-1).mean(1)
        return (shares + 1e-9).log()


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attn_norm = Norm(shape.width)
        self.attn = Attention(shape)
        self.ffn_norm = Norm(shape.width)
        self.gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, values: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        values = values + self.dropout(self.attn(self.attn_norm(values), turns))
        normed = self.ffn_norm(values)
        return values + self.dropout(self.down(functional.silu(self.gate(normed)) * self.up(normed)))


class Llama(nn.Module):
    """The model.

    Args:
        shape: Its sizes.
        first: ``(n, dim)`` vectors that tokens begin with. They stand still; a projection of them is learnt,
            so that words never seen in training keep their place among those that were. Tokens whose row
            is zero learn a vector of their own.
    """

    def __init__(self, shape: Shape, first: np.ndarray) -> None:
        super().__init__()
        self.shape = shape
        given = torch.from_numpy(first.astype(np.float32))
        self.register_buffer("first", given, persistent=False)
        alone = given.square().sum(1) < 1e-6
        self.register_buffer("alone", alone.nonzero()[:, 0], persistent=False)
        self.projection = nn.Linear(given.shape[1], shape.width, bias=False)
        nn.init.orthogonal_(self.projection.weight)
        own = torch.randn(int(alone.sum()), shape.width)
        self.own = nn.Parameter(functional.normalize(own, dim=1))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width)
        for name, weights in self.named_parameters():
            if weights.dim() == 2 and name.startswith("blocks"):
                last = name.endswith(("attn.output.weight", "down.weight"))
                nn.init.normal_(
                    weights, std=0.8 * shape.width**-0.5 / (2 * shape.layers if last else 1) ** 0.5
                )

    def vectors(self) -> torch.Tensor:
        """``(n, width)`` vectors of all tokens, as they ship."""
        return self.projection(self.first).index_add(0, self.alone, self.own)

    def states(
        self, ids: torch.Tensor, table: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Before and after the last block, ``(b, t, width)``, and the rotations; not yet normed."""
        turns = angles(ids.shape[1], self.shape.head).to(ids.device)
        values = functional.embedding(ids, table)
        for block in self.blocks[:-1]:
            values = block(values, turns)
        return values, self.blocks[-1](values, turns), turns

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """``(b, t, n)`` logits over the whole vocabulary."""
        table = self.vectors()
        return self.norm(self.states(ids, table)[1]) @ table.T


def tensors(model: Llama) -> dict[str, np.ndarray]:
    """Weights by their names in a GGUF of the llama architecture, float32."""
    names = {"attn.q": "attn_q", "attn.k": "attn_k", "attn.v": "attn_v", "attn.output": "attn_output"}
    names |= {
        "gate": "ffn_gate",
        "up": "ffn_up",
        "down": "ffn_down",
        "attn_norm": "attn_norm",
        "ffn_norm": "ffn_norm",
    }
    found = {"token_embd.weight": model.vectors(), "output_norm.weight": model.norm.weight}
    for number, block in enumerate(model.blocks):
        state = block.state_dict()
        found |= {f"blk.{number}.{new}.weight": state[f"{old}.weight"] for old, new in names.items()}
    return {name: value.detach().float().cpu().numpy() for name, value in found.items()}
