"""The network of ``rag.extract.network`` in PyTorch, and its training."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rag.evidence.view import LETTER_COUNT, vectors
from rag.extract.network import JOIN_DILATIONS, LENGTHS, READ_DILATIONS, Network, lengths_of
from rag.extract.tokens import (
    KIND_COUNT,
    LONGEST,
    LONGEST_QUESTION,
    QUESTION_WIDTH,
    TAG_COUNT,
    TEXT_WIDTH,
    UNIT_COUNT,
    Tokens,
)
from rag.korean import VECTOR_COUNT

TAG_DIM, UNIT_DIM, KIND_DIM, LETTER_DIM = 12, 6, 6, 12
#: What a letter says before it is learnt: nearly nothing, for rare ones stay so.
FAINT = 0.1
#: Padded shapes: fixed, since every new shape costs the kernels a new plan.
TEXT, ASKED, SPANS = LONGEST, LONGEST_QUESTION, 320
#: Values in the mask of :class:`Dropout` beyond what one use needs.
POOL = 1 << 20
#: Below whatever a normed value can be; stands where there is nothing to see.
LOWEST = -50.0
#: How much a text's morpheme looks at a word of the question that it says or is near to, to begin with.
ALIKE = 2.0


class Dropout(nn.Module):
    """Dropout whose masks are stretches of one long random mask: drawing them anew took a third of a step."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self._pool = torch.zeros(0)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.share:
            return values
        size = values.numel()
        if len(self._pool) < 2 * size:
            self._pool = (torch.rand(2 * size + POOL) >= self.share).to(values.dtype) / (1 - self.share)
        at = int(torch.randint(len(self._pool) - size, ()))
        return values * self._pool[at : at + size].view(values.shape).to(values.dtype)


class Block(nn.Module):
    """A gated convolution as one product: faster on CPUs than the convolution it equals."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, 2 * width, 3)
        self.dilation = dilation
        self.dropout = Dropout(dropout)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        normed = self.dropout(self.norm(values)) * mask[..., None]
        padded, size = functional.pad(normed, (0, 0, self.dilation, self.dilation)), normed.shape[1]
        three = [padded[:, step * self.dilation : step * self.dilation + size] for step in range(3)]
        weight = self.conv.weight.transpose(1, 2).flatten(1)
        return values + functional.glu(
            functional.linear(torch.cat(three, -1), weight, self.conv.bias), dim=-1
        )


class Net(nn.Module):
    """See :class:`rag.extract.network.Network` for what is computed."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        table = vectors().rows(np.arange(VECTOR_COUNT))
        padded = torch.from_numpy(np.concatenate([np.zeros((1, table.shape[1]), np.float32), table]))
        self.words = nn.Embedding.from_pretrained(padded, freeze=True)
        dim = table.shape[1]
        self.head = nn.Embedding(LETTER_COUNT, LETTER_DIM)
        self.tail = nn.Embedding(LETTER_COUNT, LETTER_DIM)
        nn.init.normal_(self.head.weight, std=FAINT)
        nn.init.normal_(self.tail.weight, std=FAINT)
        self.tag = nn.Embedding(TAG_COUNT, TAG_DIM)
        self.unit = nn.Embedding(UNIT_COUNT, UNIT_DIM)
        self.kind = nn.Embedding(KIND_COUNT, KIND_DIM)
        self.text_in = nn.Linear(dim + 2 * LETTER_DIM + TAG_DIM + UNIT_DIM + TEXT_WIDTH, width)
        self.asked_in = nn.Linear(
            dim + 2 * LETTER_DIM + TAG_DIM + KIND_DIM + UNIT_DIM + QUESTION_WIDTH, width
        )
        self.text = nn.ModuleList(Block(width, d, dropout) for d in READ_DILATIONS)
        self.asked = nn.ModuleList(Block(width, d, dropout) for d in READ_DILATIONS)
        self.look = nn.Linear(width, width)
        self.alike = nn.Parameter(torch.tensor(ALIKE))
        self.near = nn.Parameter(torch.tensor(ALIKE))
        self.pool = nn.Linear(width, 1)
        self.join_in = nn.Linear(4 * width, width)
        self.join = nn.ModuleList(Block(width, d, dropout) for d in JOIN_DILATIONS)
        self.out = nn.LayerNorm(width)
        self.sentence_in = nn.Linear(2 * width, width)
        self.sentence_out = nn.Linear(width, 1)
        self.sentence_back = nn.Linear(width, width)
        nn.init.zeros_(self.sentence_back.weight)
        nn.init.zeros_(self.sentence_back.bias)
        self.span_in = nn.Linear(3 * width, width)
        self.span_asked = nn.Linear(width, width)
        self.length = nn.Embedding(LENGTHS, width)
        self.span_out = nn.Linear(width, 1)
        self.none_in = nn.Linear(2 * width, width)
        self.none_out = nn.Linear(width, 1)
        self.dropout = Dropout(dropout)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """``(b, SPANS + 1)`` scores; the last column is "no answer"; padding is very low."""
        text_mask, asked_mask = batch["tags"] >= 0, batch["question_tags"] >= 0
        tags, units = batch["tags"].clamp_min(0), batch["units"]
        rows = self._words(batch["ids"], batch["letters"])
        text = torch.cat([rows, self.tag(tags), self.unit(units), batch["numbers"]], -1)
        count = batch["question_ids"].shape[1]
        whole = torch.cat([self.kind(batch["kind"]), self.unit(batch["unit"])], -1)[:, None].expand(
            -1, count, -1
        )
        question = torch.cat(
            [
                self._words(batch["question_ids"], batch["question_letters"]),
                self.tag(batch["question_tags"].clamp_min(0)),
                whole,
                batch["question_numbers"],
            ],
            -1,
        )
        text, question = self.text_in(text), self.asked_in(question)
        for block in self.text:
            text = block(text, text_mask)
        for block in self.asked:
            question = block(question, asked_mask)
        closed = torch.zeros_like(asked_mask, dtype=text.dtype).masked_fill(~asked_mask, -1e4)
        looks = self.look(text) @ question.transpose(1, 2) * text.shape[-1] ** -0.5 + closed[:, None]
        looks = looks + self.alike * batch["alike"] + self.near * batch["near"]
        looked = looks.softmax(-1) @ question
        pooled = ((self.pool(question)[..., 0] + closed).softmax(-1)[:, None] @ question)[:, 0]
        pairs = torch.cat([text, looked, text * looked, text * pooled[:, None]], -1)
        joined = self.join_in(self.dropout(pairs))
        for block in self.join:
            joined = block(joined, text_mask)
        joined = self.out(joined) * text_mask[..., None]
        told, of_sentence = self._sentences(joined, pooled, batch["sentences"], text_mask)
        return torch.cat(
            [
                self._spans(told, of_sentence, pooled, batch),
                self._nothing(joined, pooled, text_mask)[:, None],
            ],
            1,
        )

    def _words(self, ids: torch.Tensor, letters: torch.Tensor) -> torch.Tensor:
        """``(b, n, …)`` vectors of words, and what their first and last letters say."""
        parts = [self.words(ids), self.head(letters[..., 0]), self.tail(letters[..., 1])]
        return self.dropout(torch.cat(parts, -1))

    def _sentences(
        self, joined: torch.Tensor, pooled: torch.Tensor, owners: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """``(b, n, d)`` morphemes told of their sentence, ``(b, n)`` the score of each one's sentence."""
        size, _, width = joined.shape
        count = int(owners.max()) + 1
        index = owners[..., None].expand(-1, -1, width)
        lowest = torch.full((size, count, width), LOWEST)
        seen = joined.float().masked_fill(~mask[..., None], LOWEST)
        highest = lowest.scatter_reduce(1, index, seen, "amax")
        asked = pooled.float()[:, None].expand(-1, count, -1)
        hidden = functional.relu(self.sentence_in(self.dropout(torch.cat([highest, asked], -1))))
        back = self.sentence_back(hidden).gather(1, index).to(joined.dtype)
        of_sentence = self.sentence_out(hidden)[..., 0].float().gather(1, owners)
        return joined + back * mask[..., None], of_sentence

    def _spans(
        self,
        joined: torch.Tensor,
        of_sentence: torch.Tensor,
        pooled: torch.Tensor,
        batch: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        first, last = batch["first"].clamp_min(0), batch["last"].clamp_min(0)
        width = joined.shape[-1]

        def at(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
            return values.gather(1, places[..., None].expand(-1, -1, width))

        sums = functional.pad(joined.float().cumsum(1), (0, 0, 1, 0))
        mean = (at(sums, last + 1) - at(sums, first)) / (last - first + 1)[..., None]
        whole = torch.cat([at(joined, first), at(joined, last), mean.to(joined.dtype)], -1)
        hidden = self.span_in(self.dropout(whole)) + self.span_asked(pooled)[:, None]
        hidden = hidden + self.length(batch["length"])
        scores = self.span_out(self.dropout(functional.relu(hidden)))[..., 0].float()
        return (scores + of_sentence.gather(1, first)).masked_fill(batch["first"] < 0, -1e4)

    def _nothing(self, joined: torch.Tensor, pooled: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        highest = joined.masked_fill(~mask[..., None], -1e4).max(1).values
        hidden = functional.relu(self.none_in(torch.cat([highest, pooled], -1)))
        return self.none_out(self.dropout(hidden))[..., 0].float()


@dataclass(slots=True)
class Item:
    """One question as the network sees it, with the worth of each candidate in [0, 1]."""

    seen: Tokens  # :func:`packed`
    worth: np.ndarray  # (c,) character F1 with the answer where it stands; 1 for exact
    usable: bool = True  # whether an answer, if there is one, is among the candidates
    weight: float = 1.0  # in the loss


#: Arrays of :class:`Tokens` that hold whole numbers.
_WHOLE = tuple("ids tags units letters sentences question_ids question_tags question_letters spans".split())


def packed(seen: Tokens) -> Tokens:
    """The same in two thirds of the memory; training rounds further, to bfloat16."""
    return _cast(seen, np.int32, np.float16)


def unpacked(seen: Tokens) -> Tokens:
    """What a network reads, of what :func:`packed` gave."""
    return _cast(seen, np.int64, np.float32)


def _cast(seen: Tokens, whole: type[np.integer], numbers: type[np.floating]) -> Tokens:
    arrays = {name: getattr(seen, name).astype(whole) for name in _WHOLE}
    return replace(seen, numbers=seen.numbers.astype(numbers), **arrays)


def _padded(values: np.ndarray, size: int, fill: float) -> np.ndarray:
    out = np.full((size, *values.shape[1:]), fill, values.dtype)
    out[: min(size, len(values))] = values[:size]
    return out


def batch_of(
    items: Sequence[Item], chance: np.random.Generator
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Padded inputs and targets; where there are more candidates than fit, good ones are kept."""
    made: dict[str, list[np.ndarray]] = {}
    targets = []
    for item in items:
        seen = unpacked(item.seen)
        fits = (seen.spans >= 0).all(1) & (seen.spans[:, 1] < TEXT)
        rows = np.flatnonzero(fits)
        if len(rows) > SPANS:
            good = rows[item.worth[rows] > 0][: SPANS // 2]
            rest = chance.permutation(rows[item.worth[rows] == 0])
            rows = np.concatenate([good, rest])[:SPANS]
        spans = seen.spans[rows]
        values = {
            "ids": _padded(seen.ids + 1, TEXT, 0),
            "tags": _padded(seen.tags, TEXT, -1),
            "units": _padded(seen.units, TEXT, 0),
            "letters": _padded(seen.letters, TEXT, 0),
            "numbers": _padded(seen.numbers, TEXT, 0),
            "sentences": _padded(seen.sentences, TEXT, 0),
            "question_ids": _padded(seen.question_ids + 1, ASKED, 0),
            "question_tags": _padded(seen.question_tags, ASKED, -1),
            "question_letters": _padded(seen.question_letters, ASKED, 0),
            "question_numbers": _padded(seen.question_numbers, ASKED, 0),
            "alike": _padded(_padded(seen.alike.astype(np.float32), TEXT, 0).T, ASKED, 0).T,
            "near": _padded(_padded(seen.near.astype(np.float32), TEXT, 0).T, ASKED, 0).T,
            "kind": np.array(seen.kind),
            "unit": np.array(seen.unit),
            "first": _padded(spans[:, 0], SPANS, -1),
            "last": _padded(spans[:, 1], SPANS, -1),
            "length": _padded(lengths_of(spans), SPANS, 0),
        }
        for name, value in values.items():
            made.setdefault(name, []).append(value)
        worth = _padded(item.worth[rows].astype(np.float32), SPANS, 0.0)
        target = np.append(worth**3, 0.0 if worth.max(initial=0.0) > 0 else 1.0).astype(np.float32)
        targets.append(target / target.sum())
    return (
        {name: torch.from_numpy(np.stack(value)) for name, value in made.items()},
        torch.from_numpy(np.stack(targets)),
    )


def train_net(
    items: Sequence[Item],
    settings: dict[str, float],
    say: Callable[[str], None],
    net: Net,
) -> Net:
    """Minimise the cross-entropy between candidates' worth and the softmax over all and none."""
    torch.manual_seed(int(settings["seed"]))
    chance = np.random.default_rng(int(settings["seed"]))
    order = random.Random(int(settings["seed"]))
    size, epochs = int(settings["batch"]), settings["epochs"]
    per_epoch = len(items) // size
    steps = max(1, int(per_epoch * epochs))
    grown = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(grown, lr=settings["rate"], weight_decay=settings["decay"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings["rate"], total_steps=steps, pct_start=0.1, anneal_strategy="linear"
    )
    net.train()
    rows: list[int] = []
    losses: list[float] = []
    started = time.time()
    for step in range(steps):
        if len(rows) < size:
            rows = order.sample(range(len(items)), len(items))
        picked, rows = rows[:size], rows[size:]
        batch, targets = batch_of([items[row] for row in picked], chance)
        with torch.autocast("cpu", torch.bfloat16):
            scores = net(batch)
        weights = torch.tensor([items[row].weight for row in picked])
        loss = -(weights * (targets * scores.log_softmax(-1)).sum(-1)).sum() / weights.sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(grown, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step + 1 == steps or (step + 1) % max(1, per_epoch) == 0:
            recent = float(np.mean(losses[-per_epoch:]))
            epoch, spent = (step + 1) / max(1, per_epoch), time.time() - started
            say(f"epoch {epoch:.1f}, loss {recent:.3f}, {spent:.0f} s")
    net.eval()
    return net


def shipped(state: Mapping[str, np.ndarray]) -> Network:
    """The numpy network with the weights as they ship: without word vectors, rounded to float16."""
    kept = {name: value.astype(np.float16) for name, value in state.items() if not name.startswith("words.")}
    return Network({name: value.astype(np.float32) for name, value in kept.items()})
