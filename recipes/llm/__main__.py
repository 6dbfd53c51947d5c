"""Train a small causal model of our own, write it as GGUF, and say what it adds to the span reader.

    python -m recipes.llm --data DIR --own recipes/qa --out FOLDER [--device cuda]

DIR is laid out as recipes/README.md says. FOLDER keeps everything: vocabulary, lessons, checkpoint (from
which a run that was broken off goes on), what reader A says, and the files F32, F16 and Q8_0. `--prepare`
stops before training; `--measure` only measures the Q8_0 file in `--out`, or any other GGUF named by
`--model`; `--logits` only compares llama.cpp with PyTorch; `--trial` runs every step on a handful of
articles. Held-out articles are those of recipes/reader and never trained on.
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from rag.config import load_settings
from rag.llm.morpheme import Layout
from rag.llm.score import Scorer
from recipes.llm import export, finalist, measure
from recipes.llm.lesson import is_tuning, load, real
from recipes.llm.model import Llama, Shape
from recipes.llm.prepare import Sources, prepare
from recipes.llm.table import tables
from recipes.llm.train import restore, train
from recipes.reader import data
from recipes.reader.__main__ import read as read_reader

STARTED = time.time()
READER = Path("rag/weights/reader")
#: Questions of training articles on which the mix is fitted.
TUNED = 600
NOTES = {
    "general.license": "Apache-2.0",
    "general.description": "Korean extractive reader over Kiwi morphemes; see recipes/llm in its repository. "
    "Trained on KorQuAD 1.0 dev (CC BY-ND 2.0 KR, 80 articles), own questions, and some made from KoBEST "
    "and Universal Dependencies texts (CC BY-SA 4.0) and Korean statutes.",
}


def say(text: str) -> None:
    print(f"[{time.time() - STARTED:5.0f} s] {text}", flush=True)


def built(work: Path, settings: dict[str, dict[str, float]], size: str) -> Llama:
    """The untrained model of a size."""
    torch.manual_seed(int(settings["seed"]))  # type: ignore[call-overload]
    sizes = {name: value for name, value in settings[size].items() if name not in {"steps", "batch_tokens"}}
    return Llama(Shape(**sizes), np.load(work / "vectors.npy"))  # type: ignore[arg-type]


def trained(work: Path, settings: dict[str, dict[str, float]], size: str, device: str) -> Llama:
    """Train, going on from the checkpoint if there is one."""
    model = built(work, settings, size).to(device)
    learning = sum(p.numel() for p in model.parameters())
    say(f"{learning:,} numbers learn, {model.vectors().numel():,} in vectors")
    train(
        model,
        load(work / "lessons.npz"),
        Layout(**settings["layout"]),  # type: ignore[arg-type]
        settings["training"] | {"batch_tokens": settings[size]["batch_tokens"]},  # type: ignore[arg-type]
        int(settings[size]["steps"]),
        int(settings["seed"]),  # type: ignore[call-overload]
        work / "checkpoint.npz",
        say,
    )
    return model.cpu()


def exported(work: Path, settings: dict[str, dict[str, float]], model: Llama) -> list[Path]:
    """The files F32, F16 and Q8_0."""
    tokens = json.loads((work / "tokens.json").read_text("utf-8"))
    layout = Layout(**settings["layout"])  # type: ignore[arg-type]
    made = [
        export.write(work / f"reader-{kind}.gguf", model, tokens, layout, kind, NOTES)
        for kind in export.FLOATS
    ]
    return [*made, export.quantise(made[0], work / "reader-Q8_0.gguf")]


def compared(work: Path, model: Llama, files: Sequence[Path]) -> str:
    """llama.cpp against PyTorch on lessons that were not trained on."""
    watched = [one.ids for one in load(work / "lessons.npz") if one.kind == "tune"][:16]
    return export.table([export.apart(path, model, watched) for path in files])


def read(
    work: Path, sources: Sources, settings: dict[str, dict[str, float]]
) -> dict[str, list[finalist.Reading]]:
    """What A says of held-out questions, and of those of training articles that B never saw."""
    models = None
    found = {}
    for name, examples in _sets(sources, int(settings["data"]["tune_every"])).items():
        path = work / f"readings{finalist.VERSION}-{name}-{measure.digest_of(READER)}.jsonl"
        if not path.is_file():
            models = models or read_reader(READER)
            finalist.save(path, list(finalist.readings(examples, models)))
            say(f"A has read {name}")
        found[name] = finalist.load(path)
    return found


def _sets(sources: Sources, every: int) -> dict[str, list[data.Example]]:
    held = data.korquad(sources.korquad)[1][: sources.most]
    ours = [article for path in sources.own for article in data.own(path)[1][: sources.most]]
    examples = list(real(sources.korquad, sources.own, sources.most))
    groups = sorted({example.group for example in examples})
    return {
        "KorQuAD oracle": [example for article in held for example in data.oracle(article)],
        "KorQuAD retrieved": [*data.retrieved(held), *data.bereft(held, 0.3)],
        "own oracle": [example for article in ours for example in data.oracle(article)],
        "own retrieved": list(data.retrieved(ours)),
        "tune": [example for example in examples if is_tuning(example.group, groups, every)][:TUNED],
    }


def measured(model: Path, found: dict[str, list[finalist.Reading]], seed: int, threads: int) -> str:
    """The tables of A, B, both and no model."""
    scorer = Scorer.load(str(model), load_settings({"llm_threads": threads}, environment={}))
    tuned = measure.weigh(scorer, found["tune"], all_candidates=False)
    sets = {
        name: measure.weigh(scorer, part, all_candidates=name.endswith("oracle"))
        for name, part in found.items()
        if name != "tune"
    }
    return tables(sets, tuned, seed)


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--own", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments.add_argument("--size", choices=("small", "cpu", "gpu"))
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--steps", type=int)
    arguments.add_argument("--every", type=int, default=1, help="measure every n-th question only")
    arguments.add_argument("--model", type=Path)
    arguments.add_argument("--prepare", action="store_true")
    arguments.add_argument("--measure", action="store_true")
    arguments.add_argument("--logits", action="store_true")
    arguments.add_argument("--trial", action="store_true")
    return arguments.parse_args()


def main() -> None:
    options = _arguments()
    torch.set_num_threads(options.threads)
    settings = tomllib.loads(Path(__file__).with_name("settings.toml").read_text("utf-8"))
    size = "trial" if options.trial else options.size or {"cpu": "cpu", "cuda": "gpu"}[options.device]
    if options.steps is not None:
        settings[size]["steps"] = options.steps
    sources = Sources(options.data, tuple(sorted(options.own.glob("*.jsonl"))), 2 if options.trial else None)
    work = options.out
    prepare(work, sources, settings, say)
    if options.prepare:
        read(work, sources, settings)
        return
    if options.logits:
        model = built(work, settings, size)
        restore(work / "checkpoint.npz", model, None)
        print(compared(work, model, sorted(work.glob("reader-*.gguf"))))
        return
    if not options.measure:
        model = trained(work, settings, size, options.device)
        files = exported(work, settings, model)
        print(compared(work, model, files), flush=True)
    chosen = options.model or work / "reader-Q8_0.gguf"
    found = {name: part[:: options.every] for name, part in read(work, sources, settings).items()}
    print(measured(chosen, found, settings["seed"], options.threads), flush=True)


if __name__ == "__main__":
    main()
