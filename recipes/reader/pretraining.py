"""A network that has seen only made questions: where those of the folds begin."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import torch

from rag.encoder import SentenceEncoder
from rag.extract.reading import narrow
from recipes.reader.made import made
from recipes.reader.net import Item, train_net
from recipes.reader.train import Settings, cases, item_of, net_of, sentences

#: How many are laid out at once.
GROUP = 500


def _items(folder: Path, settings: Settings) -> list[Item]:
    """Made questions as the network sees them."""
    paragraphs, seed = int(str(settings["made_paragraphs"])), int(str(settings["seed"]))
    examples = made(folder, paragraphs, seed, float(str(settings["made_bereft_share"])))
    ranking = sentences(cases(list(islice(examples, int(str(settings["made_ranked"]))))), settings)
    items: list[Item] = []
    while group := cases(list(islice(examples, GROUP))):
        for case in group:
            scores = ranking.predict(case.look.table, raw_score=True, num_threads=1)
            case.narrow = narrow(case.look, scores, SentenceEncoder.load())
            item = item_of(case)
            if item is not None and item.usable:
                items.append(item)
    return items


def pretrain(folder: Path, settings: Settings, out: Path) -> None:
    """Write the network's arrays to ``out``. Runs in a process of its own, on one core, beside the rest."""
    torch.set_num_threads(1)
    items = _items(folder, settings | {"threads": 1})
    print(f"  pretraining: {len(items)} made questions", flush=True)
    net = net_of(settings)
    chosen: dict[str, float] = settings["pretraining"]  # type: ignore[assignment]
    net = train_net(items, chosen, lambda text: print(f"  pretraining: {text}", flush=True), net)
    part = out.with_suffix(".part.npz")
    np.savez(part, **{name: value.numpy() for name, value in net.state_dict().items()})
    part.rename(out)
