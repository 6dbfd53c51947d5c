"""Training: which sentence answers, if any, and where in it the answer begins and ends."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from rag.crossencoder import LONGEST, SENTENCE_PART
from rag.extract.joint import Shown, lay
from rag.pieces import Pieces
from recipes.crossencoder.net import NEVER, Net

#: Lessons that are laid and sorted by length at once.
CHUNK = 1600
Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A question with kept sentences, best first by the reader's trees.

    Attributes:
        asked: The question.
        shown: Sentences.
        right: Whether each says an answer.
        bounds: First and last piece of the answer in each; None where there is none, or it is beyond.
        answered: Whether the evidence holds an answer.
    """

    asked: Pieces
    shown: tuple[Shown, ...]
    right: tuple[bool, ...]
    bounds: tuple[Bounds | None, ...]
    answered: bool

    def some(self, count: int) -> Lesson | None:
        """With the first ``count`` sentences; the right one takes the last's place if it is beyond.

        None where it was not kept at all.
        """
        rows = list(range(min(count, len(self.shown))))
        if self.answered and not any(self.right[row] for row in rows):
            beyond = [row for row in range(count, len(self.shown)) if self.right[row]]
            if not beyond:
                return None
            rows[-1] = beyond[0]
        shown, right, bounds = (
            tuple(of[row] for row in rows) for of in (self.shown, self.right, self.bounds)
        )
        return Lesson(self.asked, shown, right, bounds, self.answered)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A lesson as a sequence: where its sentences' marks stand, which are right, and answers' bounds."""

    ids: np.ndarray
    parts: np.ndarray
    marks: list[int]
    right: list[int]
    bounds: list[Bounds]

    @classmethod
    def of(cls, lesson: Lesson) -> Task | None:
        """None where the answer found no room."""
        laid = lay(lesson.asked, lesson.shown)
        marks = laid.marks.tolist()
        right = [mark for mark, one in zip(marks, lesson.right, strict=True) if one and mark >= 0]
        if lesson.answered and not right:
            return None
        bounds = [
            (mark + 1 + one[0], mark + 1 + one[1])
            for mark, one in zip(marks, lesson.bounds, strict=True)
            if one is not None and mark >= 0
        ]
        return cls(laid.ids, laid.parts, [mark for mark in marks if mark >= 0], right, bounds)


def bounds_of(pieces: Pieces, start: int, end: int) -> Bounds | None:
    """First and last of the pieces that hold code points from ``start`` to ``end``; None if not all there."""
    places = pieces.places
    first = np.flatnonzero((places[:, 0] <= start) & (start < places[:, 1]))
    last = np.flatnonzero((places[:, 0] < end) & (end <= places[:, 1]))
    if not len(first) or not len(last) or last[0] < first[0]:
        return None
    return int(first[0]), int(last[0])


def batches(tasks: Sequence[Task], pieces: int) -> list[list[Task]]:
    """Tasks of like length together, at most so many pieces with padding."""
    made: list[list[Task]] = [[]]
    for task in sorted(tasks, key=lambda one: len(one.ids)):
        if made[-1] and (len(made[-1]) + 1) * len(task.ids) > pieces:
            made.append([])
        made[-1].append(task)
    return made


def loss_of(net: Net, batch: Sequence[Task], span_weight: float) -> tuple[torch.Tensor, float, float]:
    """Loss of a batch, and its parts: the sentence or none, bounds where there are some."""
    shape = (len(batch), max(len(task.ids) for task in batch))
    assert shape[1] <= LONGEST
    ids, parts = torch.ones(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    there, marks, right, words, firsts, lasts = (torch.zeros(shape, dtype=torch.bool) for _ in range(6))
    for row, task in enumerate(batch):
        size = len(task.ids)
        ids[row, :size], parts[row, :size] = torch.from_numpy(task.ids), torch.from_numpy(task.parts)
        there[row, :size] = True
        words[row, :size] = torch.from_numpy(task.parts) == SENTENCE_PART
        marks[row, task.marks], right[row, task.right] = True, True
        for first, last in task.bounds:
            firsts[row, first], lasts[row, last] = True, True
    holds, none, spans = net(ids, parts, there)
    refused = ~right.any(1, keepdim=True)
    among, chosen = torch.cat([marks, torch.ones_like(refused)], 1), torch.cat([right, refused], 1)
    sentence = _choice(torch.cat([holds, none[:, None]], 1), among, chosen)
    total, bounds = sentence, torch.zeros(())
    rows = firsts.any(1)
    if rows.any():
        words &= ~marks
        for side, chosen in enumerate((firsts, lasts)):
            bounds = bounds + _choice(spans[rows, :, side], words[rows], chosen[rows])
        total = total + span_weight * bounds
    return total, float(sentence.detach()), float(bounds.detach())


def _choice(logits: torch.Tensor, among: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Mean of the negative log probability of any right one."""
    whole = torch.logsumexp(logits.masked_fill(~among, NEVER), 1)
    return (whole - torch.logsumexp(logits.masked_fill(~right, NEVER), 1)).mean()


def _stream(
    lessons: Sequence[Lesson], settings: dict[str, float], seed: int
) -> Iterator[tuple[float, list[Task]]]:
    """Batches, and the share of the training that is done before each."""
    chance = random.Random(seed)
    total, used = settings["epochs"] * len(lessons), 0
    left: list[int] = []
    while used < total:
        if len(left) < CHUNK:
            left += chance.sample(range(len(lessons)), len(lessons))
        picked, left = left[:CHUNK], left[CHUNK:]
        counts = [chance.randint(int(settings["least"]), int(settings["most"])) for _ in picked]
        some = (lessons[row].some(count) for row, count in zip(picked, counts, strict=True))
        tasks = (Task.of(one) for one in some if one is not None)
        made = batches([task for task in tasks if task is not None], int(settings["pieces"]))
        chance.shuffle(made)
        for number, batch in enumerate(made):
            yield (used + len(picked) * number / len(made)) / total, batch
        used += len(picked)


def train(
    lessons: Sequence[Lesson], net: Net, settings: dict[str, float], seed: int, say: Callable[[str], None]
) -> None:
    """Change ``net`` so that it finds the sentences that answer."""
    heads = [net.parts, *(p for head in (net.holds, net.none, net.span) for p in head.parameters())]
    apart = {id(one) for one in [*heads, net.table.weight]}
    rest = [one for one in net.parameters() if id(one) not in apart]
    groups = [
        ([one for one in rest if one.ndim > 1], "rate", settings["decay"]),
        ([one for one in rest if one.ndim == 1], "rate", 0.0),
        (heads, "head_rate", 0.0),
        ([net.table.weight], "table_rate", 0.0),
    ]
    optimiser = torch.optim.AdamW(
        [{"params": part, "lr": settings[rate], "weight_decay": decay} for part, rate, decay in groups],
        betas=(0.9, 0.98),
    )
    net.train()
    losses: list[tuple[float, float]] = []
    started = time.time()
    for step, (done, batch) in enumerate(_stream(lessons, settings, seed)):
        share = min(1.0, (step + 1) / settings["warm"]) * max(0.0, 1 - done)
        for group, (_, rate, _) in zip(optimiser.param_groups, groups, strict=True):
            group["lr"] = share * settings[rate]
        loss, *parts = loss_of(net, batch, settings["span_weight"])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        losses.append((parts[0], parts[1]))
        if (step + 1) % 100 == 0:
            sentence, bounds = np.mean(losses[-100:], axis=0)
            spent = time.time() - started
            say(f"step {step + 1}, {done:.3f} done, loss {sentence:.3f} and {bounds:.3f}, {spent:.0f} s")
    net.eval()
