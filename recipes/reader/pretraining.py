"""A network that has seen only made questions: where those of the folds begin."""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch

from rag.extract.reading import laid, narrow
from recipes.reader.made import made
from recipes.reader.net import Item, Net, train_net
from recipes.reader.train import Settings, cases, sentences, worth

#: Made questions from which their sentences' ranking is learnt; and how many are held in memory at once.
RANKED = 3000
GROUP = 500


def _items(folder: Path, settings: Settings) -> list[Item]:
    """Made questions as the network sees them."""
    paragraphs, seed = int(str(settings["made_paragraphs"])), int(str(settings["seed"]))
    examples = made(folder, paragraphs, seed, float(str(settings["made_bereft_share"])))
    first = cases(list(islice(examples, RANKED)))
    ranking = sentences(first, settings)
    items: list[Item] = []
    for group in chain([first], iter(lambda: cases(list(islice(examples, GROUP))), [])):
        for case in group:
            case.narrow = narrow(case.look, ranking.predict(case.look.table, raw_score=True))
            values = worth(case)
            if len(values) and (case.example.gold is None or values.max() > 0):
                items.append(Item(laid(case.narrow), values))
    return items


def pretrained(folder: Path, settings: Settings) -> dict[str, np.ndarray]:
    """Its state. Runs in a process of its own, on one core, beside the preparation of people's questions."""
    torch.set_num_threads(1)
    chosen: dict[str, float] = settings["pretraining"]  # type: ignore[assignment]
    items = _items(folder, settings)
    print(f"  pretraining: {len(items)} made questions", flush=True)
    net = Net(int(chosen["width"]), chosen["dropout"])
    net = train_net(items, chosen, lambda text: print(f"  pretraining: {text}", flush=True), net)
    return {name: value.numpy() for name, value in net.state_dict().items()}
