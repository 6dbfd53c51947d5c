"""Training from lessons to a checkpoint, which a later run goes on from, on CPU or GPU."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rag.llm.morpheme import BYTES, CONTROLS, Layout
from recipes.llm.lesson import Lesson
from recipes.llm.model import Llama

#: Padded lengths, as shares of the longest: few shapes, since kernels are planned anew for each.
BUCKETS = (0.6, 0.8, 1.0)
IGNORED = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded sequences.

    Attributes:
        ids: ``(b, t)``.
        rows, places: ``(n,)`` where an answer's token is to be foretold.
        told: ``(n,)`` that token.
        guide: ``(n,)`` where in the sequence it stands as evidence, -1 for nowhere.
    """

    ids: torch.Tensor
    rows: torch.Tensor
    places: torch.Tensor
    told: torch.Tensor
    guide: torch.Tensor


def thinned(
    one: Lesson, question: tuple[int, int], marks: int, share: float, chance: np.random.Generator
) -> Lesson:
    """A lesson less a share of its question words and marks."""
    ids = np.array(one.ids)
    at = np.arange(len(ids))
    begin, end = question
    loose = ((at >= begin) & (at < end)) | ((ids == marks) & (at < one.asked))
    keep = ~loose | (chance.random(len(ids)) >= share)
    moved = np.cumsum(keep) - 1
    guide = tuple(int(moved[g]) if g >= 0 else -1 for g in one.guide)
    return Lesson(tuple(ids[keep].tolist()), int(keep[: one.asked].sum()), guide, one.kind)


def relabelled(one: Lesson, first: int, count: int, chance: np.random.Generator) -> Lesson:
    """A lesson with every word swapped for a random one, the same everywhere in it.

    Args:
        one: The lesson.
        first: Ids below are controls and stay.
        count: Size of the vocabulary.
        chance: Source of chance.
    """
    words = sorted({i for i in one.ids if i >= first})
    swap = dict(
        zip(words, chance.choice(np.arange(first, count), len(words), replace=False).tolist(), strict=True)
    )
    return Lesson(tuple(swap.get(i, i) for i in one.ids), one.asked, one.guide, one.kind)


def batch_of(lessons: Sequence[Lesson], length: int, device: torch.device) -> Batch:
    ids = np.zeros((len(lessons), length), np.int64)
    rows, places, told, guide = [], [], [], []
    for row, one in enumerate(lessons):
        kept = one.ids[:length]
        ids[row, : len(kept)] = kept
        for number, at in enumerate(range(one.asked, len(kept))):
            rows.append(row)
            places.append(at - 1)
            told.append(kept[at])
            guide.append(one.guide[number])
    made = (torch.tensor(values, dtype=torch.long) for values in (rows, places, told, guide))
    return Batch(*(tensor.to(device) for tensor in (torch.from_numpy(ids), *made)))


def losses(
    model: Llama, batch: Batch, sampled: torch.Tensor, cast: torch.autocast
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy over the ids of the batch and the sampled ones, and of where the last layer looks."""
    table = model.vectors()
    with cast:
        before, after, turns = model.states(batch.ids, table)
        last = model.blocks[-1]
        guided = batch.guide >= 0
        rows, places = batch.rows[guided], batch.places[guided]
        looks = last.attn.looking(last.attn_norm(before), turns, rows, places)
    heads = model.norm(after[batch.rows, batch.places].float())
    ids, told = torch.unique(torch.cat([batch.told, batch.ids.flatten(), sampled]), return_inverse=True)
    scores = heads @ table[ids].T
    foretold = functional.cross_entropy(scores, told[: len(batch.told)])
    if not len(rows):
        return foretold, torch.zeros_like(foretold)
    return foretold, -looks[torch.arange(len(rows), device=rows.device), batch.guide[guided]].mean()


@torch.no_grad()
def watch(model: Llama, lessons: Sequence[Lesson], length: int, device: torch.device) -> tuple[float, float]:
    """Shares of answers and of their tokens that greedy writing over the whole vocabulary gets right."""
    if not lessons:
        return 0.0, 0.0
    model.eval()
    whole, single = [], []
    table = model.vectors()
    for start in range(0, len(lessons), 32):
        few = lessons[start : start + 32]
        batch = batch_of([*few, *few[:1] * (32 - len(few))], length, device)
        heads = model.norm(model.states(batch.ids, table)[1][batch.rows, batch.places].float())
        right = ((heads @ table.T).argmax(-1) == batch.told).cpu().numpy()
        rows = batch.rows.cpu().numpy()
        whole += [bool(right[rows == row].all()) for row in range(len(few))]
        single += right[rows < len(few)].tolist()
    model.train()
    return float(np.mean(whole)), float(np.mean(single))


class Course:
    """Which lessons come at which step; equal seeds give equal steps, wherever a run was broken off.

    Args:
        lessons: All of them.
        settings: The recipe's ``[training]``.
        steps: How many there will be.
        seed: Of every choice.
        count: Size of the vocabulary.
        marks: Id of the mark.
        longest: Most ids of a lesson.
    """

    def __init__(
        self,
        lessons: Sequence[Lesson],
        settings: dict[str, object],
        steps: int,
        seed: int,
        count: int,
        marks: int,
        longest: int,
    ) -> None:
        self._settings, self._steps, self._seed = settings, steps, seed
        self._count, self._marks = count, marks
        self.lengths = [int(np.ceil(share * longest / 8) * 8) for share in BUCKETS]
        self._by: dict[tuple[str, int], list[Lesson]] = {}
        for one in lessons:
            length = next(size for size in self.lengths if len(one.ids) <= size)
            self._by.setdefault((one.kind, length), []).append(one)

    def lessons(self, step: int) -> tuple[list[Lesson], int]:
        """Those of a step, and the length they are padded to."""
        chance = np.random.default_rng((self._seed, step))
        mixture = self._settings["mixture"]
        shares = next(row[1:] for row in mixture if (step + 1) / self._steps <= row[0])  # type: ignore[attr-defined]
        sizes = np.array(
            [sum(len(self._by.get((k, n), ())) for k in ("made", "real")) for n in self.lengths], float
        )
        length = int(chance.choice(self.lengths, p=sizes / sizes.sum()))
        count = max(1, int(str(self._settings["batch_tokens"])) // length)
        return [self._one(length, shares, chance) for _ in range(count)], length

    def _one(self, length: int, shares: Sequence[float], chance: np.random.Generator) -> Lesson:
        swapped, made, real = shares
        wanted = chance.choice(3, p=np.array([swapped, made, real]) / (swapped + made + real))
        kinds = [("made", "real")[int(chance.random() < 0.3)], "made", "real"]
        pool = (
            self._by.get((kinds[wanted], length))
            or self._by.get(("real", length))
            or self._by[("made", length)]
        )
        one = pool[int(chance.integers(len(pool)))]
        evidence = one.ids.index(CONTROLS.index("<|evidence|>"))
        one = thinned(one, (2, evidence), self._marks, float(str(self._settings["drop"])), chance)
        return relabelled(one, len(CONTROLS), self._count, chance) if wanted == 0 else one


def groups(model: Llama, decay: float) -> list[dict[str, object]]:
    """Matrices decay; norms and token vectors do not."""
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and n != "own"]
    rest = [p for n, p in model.named_parameters() if p.dim() != 2 or n == "own"]
    return [{"params": matrices, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def rate(step: int, steps: int, highest: float) -> float:
    """Learning rate: rises over a twentieth of the steps, then falls to nothing in a line."""
    risen = max(1, steps // 20)
    return highest * min((step + 1) / risen, (steps - step) / max(1, steps - risen))


def train(
    model: Llama,
    lessons: Sequence[Lesson],
    layout: Layout,
    settings: dict[str, object],
    steps: int,
    seed: int,
    checkpoint: Path,
    say: Callable[[str], None],
) -> None:
    """Train in place, from the checkpoint's step if there is one, and keep the checkpoint up to date."""
    device = next(model.parameters()).device
    cast = torch.autocast(device.type, torch.bfloat16)
    optimiser = torch.optim.AdamW(groups(model, float(str(settings["decay"]))), lr=0.0, betas=(0.9, 0.95))
    start = restore(checkpoint, model, optimiser)
    tuned = [one for one in lessons if one.kind == "tune"][:256]
    course = Course(
        [one for one in lessons if one.kind != "tune"],
        settings,
        steps,
        seed,
        len(model.first),
        CONTROLS.index("<|match|>"),
        layout.total,
    )
    model.train()
    began, seen, recent = time.time(), 0, []
    for step in range(start, steps):
        torch.manual_seed(seed * 1_000_003 + step)
        few, length = course.lessons(step)
        batch = batch_of(few, length, device)
        sampled = torch.randint(
            len(CONTROLS) + len(BYTES), len(model.first), (int(str(settings["sampled"])),)
        )
        for group in optimiser.param_groups:
            group["lr"] = rate(step, steps, float(str(settings["rate"])))
        foretold, looks = losses(model, batch, sampled.to(device), cast)
        optimiser.zero_grad()
        (foretold + float(str(settings["guide"])) * looks).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        seen += batch.ids.numel()
        recent.append((float(foretold.detach()), float(looks.detach())))
        done = step + 1
        if done % int(str(settings["watch_every"])) == 0 or done == steps:
            whole, single = watch(model, tuned, layout.total, device)
            mean = np.mean(recent, axis=0)
            say(
                f"step {done}: loss {mean[0]:.3f}, looking {mean[1]:.3f}; real questions not trained on: "
                f"{whole:.3f} right, {single:.3f} of their tokens; "
                f"{seen / (time.time() - began):.0f} tokens/s"
            )
            recent = []
        if done % int(str(settings["save_every"])) == 0 or done == steps:
            save(checkpoint, model, optimiser, done)
    model.eval()


def save(path: Path, model: Llama, optimiser: torch.optim.Optimizer, step: int) -> None:
    """Write weights, the optimiser's moments and the step; a broken write leaves the old file."""
    arrays = {f"model.{name}": value.detach().cpu().numpy() for name, value in model.state_dict().items()}
    arrays |= dict(_moments(optimiser))
    arrays["step"] = np.array(step)
    beside = path.with_suffix(".partial.npz")
    np.savez(beside, **arrays)
    os.replace(beside, path)


def _moments(optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, np.ndarray]]:
    for number, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            yield f"moment.{number}.{name}", value.cpu().numpy()


def restore(path: Path, model: Llama, optimiser: torch.optim.Optimizer | None) -> int:
    """Take up a checkpoint; its step, or 0 where there is none."""
    if not path.is_file():
        return 0
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    weights = {
        n.removeprefix("model."): torch.from_numpy(a) for n, a in arrays.items() if n.startswith("model.")
    }
    model.load_state_dict(weights)
    if optimiser is not None:
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in arrays.items():
            if name.startswith("moment."):
                _, number, part = name.split(".")
                state.setdefault(int(number), {})[part] = torch.from_numpy(value)
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(arrays["step"])
