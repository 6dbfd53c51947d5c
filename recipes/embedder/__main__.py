"""Train the embedded embedder from data to weights, and measure it on held-out articles.

    python -m recipes.embedder --data DIR --own FILE… --out rag/weights/embedder

`--part dev` trains on all but the last 40 articles of each source and measures on the first 20 of these:
settings and fusion weights are tuned there. The default trains on all but the last 20 and measures on
those. `--measure` only measures the weights in `--out`.
"""

import argparse
import json
import random
import time
import tomllib
from pathlib import Path

import numpy as np
import torch

from rag import manifest
from rag.embed import EmbeddedEmbedder
from rag.embed.light import KIND
from recipes.embedder.data import MEASURED, Corpus, korquad, measured, own, plain_pairs, wiki
from recipes.embedder.report import Pool, report, split
from recipes.embedder.train import VERSION, Batches, Texts, groups_of, hard_negatives, prior, train

SETTINGS = tomllib.loads(Path(__file__).with_name("settings.toml").read_text("utf-8"))
#: What makes the folder a sentence-transformers model.
SENTENCE_TRANSFORMERS: dict[str, object] = {
    "modules.json": [{"idx": 0, "name": "0", "path": "", "type": "rag.embed.encoder.MorphemeEncoder"}],
    "config_sentence_transformers.json": {
        "model_type": "SentenceTransformer",
        "prompts": {},
        "default_prompt_name": None,
        "similarity_fn_name": "cosine",
    },
}


def build(data: Path, corpora: list[Corpus], until: dict[str, int], out: Path) -> None:
    """Prior, then training; the manifest is written last."""
    rng = random.Random(SETTINGS["seed"])
    plain = plain_pairs(data, rng)
    groups = groups_of(corpora, until)
    asked = [(question, text) for group in groups.values() for question, gold in group for text in gold]
    distractors = wiki(data)
    everything = [text for pair in [*plain, *asked] for text in pair] + distractors
    passages = [text for corpus in corpora for text in corpus.passages]
    texts = Texts(everything + passages, SETTINGS["buckets"])
    seen = list(dict.fromkeys([*distractors, *(b for _, b in plain if len(b) > 100), *(p for _, p in asked)]))
    facts: dict = {"dim": SETTINGS["dim"], "settings": SETTINGS, "sources": [c.name for c in corpora]}
    for name, content in SENTENCE_TRANSFORMERS.items():
        out.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    prior(seen, texts, SETTINGS, out, facts)
    if SETTINGS["training"]["steps"]:
        settings = SETTINGS["training"] | {"seed": SETTINGS["seed"]}
        negatives = hard_negatives(corpora, until, distractors, texts)
        encoder = train(out, texts, Batches(plain, groups, negatives, settings, rng), settings)
        encoder.save(str(out))
        manifest.write(out, KIND, VERSION, facts)


def measure(data: Path, corpora: list[Corpus], until: dict[str, int], out: Path, *, test: bool) -> None:
    """Tables for KorQuAD, for each own file (all own passages and distractors as the pool), and more."""
    embedder = EmbeddedEmbedder.load(out)
    last = {c.name: c.articles if test else c.articles - SETTINGS["held_out"] for c in corpora}
    first, *owned = corpora
    report(first.name, Pool(first.passages), split(first, until[first.name], last[first.name]), embedder)
    pool = Pool([text for c in owned for text in c.passages] + wiki(data))
    offset = 0
    for corpus in owned:
        moved = [type(q)(q.text, tuple(offset + row for row in q.gold), q.article) for q in corpus.questions]
        shifted = Corpus(corpus.name, questions=moved)
        report(corpus.name, pool, split(shifted, until[corpus.name], last[corpus.name]), embedder)
        offset += len(corpus.passages)
    for name in MEASURED if test else ():
        corpus = measured(data / "measure_only" / name)
        report(name, Pool(corpus.passages), corpus.questions, embedder)
    started = time.perf_counter()
    embedder.embed_analyses(pool.analyses)
    print(f"\n{len(pool.analyses) / (time.perf_counter() - started):.0f} analysed passages/s embedded")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--own", type=Path, nargs="+", required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--part", choices=("dev", "test"), default="test")
    arguments.add_argument("--measure", action="store_true")
    arguments.add_argument("--steps", type=int, default=SETTINGS["training"]["steps"])
    options = arguments.parse_args()
    SETTINGS["training"]["steps"] = options.steps
    torch.manual_seed(SETTINGS["seed"])
    torch.set_num_threads(2)
    np.seterr(over="ignore")
    files = [own(path, SETTINGS["max_chars"]) for path in options.own]
    corpora = [korquad(options.data / "korquad/korquad_1.0_dev_100_articles.json"), *files]
    spared = SETTINGS["held_out"] * (2 if options.part == "dev" else 1)
    until = {corpus.name: corpus.articles - spared for corpus in corpora}
    if not options.measure:
        build(options.data, corpora, until, options.out)
    measure(options.data, corpora, until, options.out, test=options.part == "test")


if __name__ == "__main__":
    main()
