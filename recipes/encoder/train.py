"""Training: which sentence answers a question, by whole texts and by late interaction."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rag.korean import analyse
from recipes.encoder.net import Cutter, Net, Row
from recipes.reader.data import Article

#: What cosines are multiplied by in the choice among sentences, and in "does this one answer", to begin with.
SCALE, SHARP, EVEN = 3.0, 8.0, -4.0


@dataclass(frozen=True, slots=True)
class Text:
    """An article as sentences, with ``(question, sentence)`` pairs; -1 where no sentence answers."""

    title: str
    sentences: tuple[str, ...]
    asked: tuple[tuple[str, int], ...]
    group: str

    @classmethod
    def of(cls, article: Article) -> Text:
        spans, text = analyse(article.document.text).sentences, article.document.text
        asked = []
        for one in article.asked:
            holds = [n for n, span in enumerate(spans) if span.start <= one.start < span.end]
            if holds or one.start < 0:
                asked.append((one.question, holds[0] if holds else -1))
        sentences = tuple(text[span.start : span.end] for span in spans)
        return cls(article.document.title, sentences, tuple(asked), article.group)


def fold_of(group: str, folds: int) -> int:
    """Which encoder saw no question of a group of articles."""
    return zlib.crc32(group.encode()) % folds


def _pairs(text: str) -> frozenset[str]:
    flat = text.replace(" ", "")
    return frozenset(flat[at : at + 2] for at in range(len(flat) - 1))


class Scores(nn.Module):
    """How well each sentence answers each question, four ways: whole and late, without and with its title."""

    def __init__(self, net: Net, cutter: Cutter) -> None:
        super().__init__()
        self.net, self.cutter = net, cutter
        self.scale = nn.Parameter(torch.full((2,), SCALE))
        self.sharp = nn.Parameter(torch.full((2,), SHARP))
        self.even = nn.Parameter(torch.full((2,), EVEN))

    def forward(
        self, questions: Sequence[str], sentences: Sequence[str], titles: Sequence[str]
    ) -> list[torch.Tensor]:
        """Four ``(questions, sentences)`` cosines; ``titles`` are those of the sentences."""
        names = list(dict.fromkeys(titles))
        title = torch.tensor([names.index(one) for one in titles])
        row = self.cutter.row([*questions, *sentences, *names])
        asked, said = len(questions), len(questions) + len(sentences)
        with torch.autocast("cpu", torch.bfloat16):
            seen = self.net(row)
            totals, counts = self.net.totals(seen, row)
            of_title = said + title
            whole = self.net.wholes(totals[:asked], counts[:asked])
            alone = self.net.wholes(totals[asked:said], counts[asked:said])
            both = self.net.wholes(
                totals[asked:said] + totals[of_title], counts[asked:said] + counts[of_title]
            )
            pieces, weights = self.net.pieces(seen[row.known])
        nearest, share = _nearest(pieces, weights, row, asked)
        with_title = torch.maximum(nearest[:, asked:said], nearest[:, of_title])
        late = (_mean(one, share, row, asked) for one in (nearest[:, asked:said], with_title))
        return [whole @ alone.T, whole @ both.T, *late]

    def loss(self, found: list[torch.Tensor], gold: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """Choice of the right sentence among all, and whether each of the question's own answers, alike.

        Args:
            found: As :meth:`forward` gives them.
            gold: ``(questions,)`` the sentence that answers; -1 for none.
            own: ``(sentences,)`` the question that each was picked for.
        """
        has, total = gold >= 0, torch.zeros(())
        held = (gold[own] == torch.arange(len(own))).float()
        for number, cosines in enumerate(found):
            way = number // 2
            choice = functional.cross_entropy(cosines[has] * self.scale[way].exp(), gold[has])
            mine = cosines[own, torch.arange(len(own))]
            answers = functional.binary_cross_entropy_with_logits(
                self.sharp[way] * mine + self.even[way], held
            )
            total = total + (choice + answers) / 2
        return total


def _nearest(
    pieces: torch.Tensor, weights: torch.Tensor, row: Row, asked: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """``(m, texts)`` highest cosine of each question's pieces in each text, and their ``(m,)`` weights."""
    owner = row.owner[row.known]
    mine = owner < asked
    cosines = (pieces[mine] @ pieces.T).float()
    best = torch.zeros(len(cosines), row.count)
    return best.scatter_reduce(1, owner[None].expand(len(cosines), -1), cosines, "amax"), weights[mine]


def _mean(nearest: torch.Tensor, weights: torch.Tensor, row: Row, asked: int) -> torch.Tensor:
    """``(questions, texts)`` weighted means over each question's pieces."""
    owner = row.owner[row.known]
    owner = owner[owner < asked]
    sums = torch.zeros(asked, nearest.shape[1]).index_add(0, owner, nearest * weights[:, None])
    return sums / torch.zeros(asked).index_add(0, owner, weights).clamp_min(1e-6)[:, None]


def train(
    texts: Sequence[Text],
    scores: Scores,
    settings: dict[str, float],
    seed: int,
    say: Callable[[str], None],
) -> None:
    """Change ``scores`` and its net so that questions find their sentences."""
    chance = random.Random(seed)
    letters = [[_pairs(one) for one in text.sentences] for text in texts]
    questions = [(number, *one) for number, text in enumerate(texts) for one in text.asked]
    size = int(settings["batch"])
    per_epoch = max(1, len(questions) // size)
    steps = max(1, int(per_epoch * settings["epochs"]))
    table = list(scores.net.table.parameters())
    heads = [scores.scale, scores.sharp, scores.even]
    apart = {id(one) for one in [*table, *heads]}
    rest = [one for one in scores.parameters() if id(one) not in apart]
    optimiser = torch.optim.AdamW(
        [
            {"params": rest, "lr": settings["rate"], "weight_decay": settings["decay"]},
            {"params": table, "lr": settings["table_rate"], "weight_decay": 0.0},
            {"params": heads, "lr": settings["scale_rate"], "weight_decay": 0.0},
        ]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / settings["warm"]) * max(0.0, 1 - step / steps)
    )
    scores.train()
    pool: list[tuple[int, str, int]] = []
    losses: list[float] = []
    started = time.time()
    for step in range(steps):
        if len(pool) < size:
            pool = chance.sample(questions, len(questions))
        batch, pool = pool[:size], pool[size:]
        sentences: list[str] = []
        titles, gold, own = [], [], []
        for row, (number, question, answer) in enumerate(batch):
            text = texts[number]
            picked = _others(_pairs(question), letters[number], answer, settings, chance)
            gold.append(len(sentences) if answer >= 0 else -1)
            for one in ([answer] if answer >= 0 else []) + picked:
                sentences.append(text.sentences[one])
                titles.append(text.title)
                own.append(row)
        if max(gold) < 0:
            continue
        found = scores([question for _, question, _ in batch], sentences, titles)
        loss = scores.loss(found, torch.tensor(gold), torch.tensor(own))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(scores.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step + 1 == steps or (step + 1) % 200 == 0:
            spent = time.time() - started
            say(f"step {step + 1} of {steps}, loss {np.mean(losses[-200:]):.3f}, {spent:.0f} s")
    scores.eval()


def _others(
    question: frozenset[str],
    letters: Sequence[frozenset[str]],
    answer: int,
    settings: dict[str, float],
    chance: random.Random,
) -> list[int]:
    """Sentences that do not answer: those most like the question in letters, and one of any kind."""
    others = [n for n in range(len(letters)) if n != answer]
    near = sorted(others, key=lambda n: -len(question & letters[n]))[: int(settings["near"])]
    picked = chance.sample(near, min(len(near), int(settings["others"]) - 1))
    left = [n for n in others if n not in picked]
    return picked + ([chance.choice(left)] if left else [])


def found_first(texts: Sequence[Text], scores: Scores) -> dict[str, float]:
    """Share of questions whose sentence comes first among those of their article, by each way."""
    names = ("whole", "whole titled", "late", "late titled")
    right, count = np.zeros(len(names)), 0
    with torch.no_grad():
        for text in texts:
            asked = [one for one in text.asked if one[1] >= 0]
            if not asked:
                continue
            found = scores([q for q, _ in asked], text.sentences, [text.title] * len(text.sentences))
            gold = torch.tensor([n for _, n in asked])
            right += [int((one.argmax(1) == gold).sum()) for one in found]
            count += len(asked)
    return {name: round(float(share), 4) for name, share in zip(names, right / max(1, count), strict=True)}
