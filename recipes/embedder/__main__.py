"""Train the embedded embedder from data to weights, and measure it on held-out articles.

    python -m recipes.embedder --data DIR --own FILE… --out rag/weights/embedder

In-batch softmax over question-passage pairs (van den Oord et al. 2018), half of each batch from few
articles so that negatives are near. Learns a weight per morpheme, a linear map of Kiwi's vectors, and
a table of hashed character n-grams. `--seconds 0` only measures the weights in `--out`.
"""

import argparse
import json
import lzma
import random
import re
import time
import tomllib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from rag import manifest
from rag.embed import KIND, EmbeddedEmbedder, bucket, ngrams
from rag.korean import VECTOR_COUNT, analyse_many, terms
from rag.lexical import LexicalIndex
from rag.vector import MorphemeVectors

SETTINGS = tomllib.loads(Path(__file__).with_name("settings.toml").read_text("utf-8"))
Pair = tuple[str, str]
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


@dataclass
class Corpus:
    """Passages with questions; ``questions`` are (text, row of the gold passage)."""

    name: str
    passages: list[str] = field(default_factory=list)
    train: dict[str, list[Pair]] = field(default_factory=lambda: defaultdict(list))
    questions: list[tuple[str, int]] = field(default_factory=list)


def korquad(path: Path) -> Corpus:
    articles = sorted(json.loads(path.read_text("utf-8"))["data"], key=lambda a: a["title"])
    corpus = Corpus("korquad")
    for number, article in enumerate(articles):
        for paragraph in article["paragraphs"]:
            text = f"{article['title'].replace('_', ' ')}\n{paragraph['context']}"
            for qa in paragraph["qas"]:
                if number < len(articles) - SETTINGS["test_articles"]:
                    corpus.train[article["title"]].append((qa["question"], text))
                else:
                    corpus.questions.append((qa["question"], len(corpus.passages)))
            corpus.passages.append(text)
    return corpus


def own(path: Path, size: int = 8) -> Corpus:
    articles = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    corpus = Corpus(path.stem)
    for number, article in enumerate(articles):
        text = f"{article['title']}\n{article['text']}"
        for qa in article["qas"]:
            if qa["answers"] and number < len(articles) - SETTINGS["test_articles"]:
                corpus.train[f"{path.stem}-{number // size}"].append((qa["q"], text))
            elif qa["answers"]:
                corpus.questions.append((qa["q"], len(corpus.passages)))
        corpus.passages.append(text)
    return corpus


def lines(path: Path, count: int | None = None) -> list[dict]:
    with lzma.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line, _ in zip(stream, range(count or 10**9), strict=False)]


def cloze(texts: list[str], times: int, rng: random.Random) -> list[Pair]:
    """A few words of a sentence against its neighbours (inverse cloze, Lee et al. 2019)."""
    pairs = []
    for text in texts:
        sentences = [s for s in re.split(r"(?<=[다요]\.)\s+|\n+", text) if len(s) > 15]
        for _ in range(times if len(sentences) >= 3 else 0):
            at = rng.randrange(len(sentences))
            around = " ".join(sentences[max(0, at - 3) : at] + sentences[at + 1 : at + 4])
            words = sentences[at].split()
            if len(words) > 4:
                length = rng.randint(3, min(9, len(words)))
                first = rng.randrange(len(words) - length + 1)
                words = words[first : first + length]
            pairs.append((" ".join(words), around[:500]))
    return pairs


def plain_pairs(folder: Path, rng: random.Random) -> list[Pair]:
    wiki = [row["text"] for row in lines(folder / "text/kobest_boolq_wiki_paragraphs.jsonl.xz")]
    laws = lines(folder / "text/kr_laws.jsonl.xz", 2500)
    same = [row for row in lines(folder / "pairs/paraKQC_paraphrase.jsonl.xz") if row["label"] == 1]
    rng.shuffle(same)
    asked = [row for row in lines(folder / "pairs/songys_question_pair.jsonl.xz") if row["label"] == 1]
    return [
        *cloze(wiki, 3, rng),
        *cloze([law["text"][:2500] for law in laws], 1, rng),
        *((law["title"], law["text"][len(law["title"]) : 600]) for law in laws),
        *((row["a"], row["b"]) for row in same[:4000]),
        *((row["a"], row["b"]) for row in asked[:3000]),
    ]


class Features:
    """Morpheme ids and n-gram buckets of every text, with square roots of their counts."""

    def __init__(self, texts: list[str]) -> None:
        self.rows = {}
        for text, analysis in zip(texts, analyse_many(texts), strict=True):
            ids = Counter(m.id for m in analysis.morphemes if m.is_content and m.id < VECTOR_COUNT)
            grams = Counter(bucket(gram, SETTINGS["buckets"]) for gram in ngrams(analysis))
            self.rows[text] = (*self._arrays(ids), *self._arrays(grams))
        seen = np.zeros(SETTINGS["buckets"])
        for row in self.rows.values():
            seen[row[2]] += 1
        self.rarity = np.log((len(texts) + 1) / (seen + 0.5)) / np.log(len(texts) + 1)

    @staticmethod
    def _arrays(counts: Counter) -> tuple[torch.Tensor, torch.Tensor]:
        values = np.sqrt(np.fromiter(counts.values(), np.float32, len(counts)))
        return torch.tensor(list(counts), dtype=torch.int64), torch.from_numpy(values)

    def bag(self, texts: list[str], at: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows = [self.rows[text][at : at + 2] for text in texts]
        lengths = torch.tensor([len(ids) for ids, _ in rows])
        offsets = torch.cumsum(lengths, 0) - lengths
        return torch.cat([ids for ids, _ in rows]), torch.cat([w for _, w in rows]), offsets


class Model(torch.nn.Module):
    def __init__(self, features: Features, vectors: MorphemeVectors) -> None:
        super().__init__()
        self.features = features
        everything = np.arange(VECTOR_COUNT)
        self.register_buffer("vectors", torch.from_numpy(vectors.rows(everything)))
        dim = SETTINGS["dim"]
        self.weights = torch.nn.Parameter(torch.from_numpy(vectors.idf(everything) ** 2))
        self.mapping = torch.nn.Parameter(torch.randn(vectors.dim, dim) / dim**0.5 * 0.8)
        scale = torch.from_numpy(features.rarity.astype(np.float32) ** 2)[:, None] * 1.5
        self.table = torch.nn.Parameter(torch.randn(SETTINGS["buckets"], dim) / dim**0.5 * scale)

    def forward(self, texts: list[str], drop: float) -> torch.Tensor:
        bag = torch.nn.functional.embedding_bag
        ids, counts, offsets = self.features.bag(texts, 0)
        weighted = counts * self.weights[ids]
        words = bag(ids, self.vectors, offsets, mode="sum", per_sample_weights=weighted) @ self.mapping
        grams, counts, offsets = self.features.bag(texts, 2)
        counts = counts * (torch.rand(len(counts)) >= drop)
        letters = bag(grams, self.table, offsets, mode="sum", per_sample_weights=counts)
        return torch.nn.functional.normalize(words + letters, dim=1)


def batches(pool: list[Pair], groups: list[list[Pair]], rng: random.Random):
    half = SETTINGS["batch"] // 2
    while True:
        rng.shuffle(pool)
        for first in range(0, len(pool) - half, half):
            batch = pool[first : first + half]
            while len(batch) < 2 * half:
                group = rng.choice(groups)
                batch = batch + rng.sample(group, min(len(group), 40))
            yield batch[: 2 * half]


def train(
    model: Model, pool: list[Pair], groups: list[list[Pair]], rng: random.Random, seconds: float
) -> None:
    rates = (SETTINGS["rate_words"], SETTINGS["rate_ngrams"])
    optimiser = torch.optim.Adam(
        [{"params": [model.weights, model.mapping]}, {"params": [model.table]}], lr=rates[0]
    )
    started = time.perf_counter()
    for step, batch in enumerate(batches(pool, groups, rng)):
        done = (time.perf_counter() - started) / seconds
        if done >= 1:
            print(f"{step} steps")
            return
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * max(0.03, 1 - done)
        questions = model([q for q, _ in batch], SETTINGS["drop_question"])
        passages = model([p for _, p in batch], SETTINGS["drop_passage"])
        scores = questions @ passages.T * SETTINGS["temperature"]
        place = {text: row for row, (_, text) in enumerate(batch)}
        gold = torch.tensor([place[text] for _, text in batch])
        copies = (gold[:, None] == gold[None, :]) & ~torch.eye(len(batch), dtype=torch.bool)
        scores = scores.masked_fill(copies, -1e4)
        target = torch.arange(len(batch))
        cross_entropy = torch.nn.functional.cross_entropy
        loss = cross_entropy(scores, target) + 0.5 * cross_entropy(scores.T, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def save(model: Model, out: Path, sources: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    table = model.table.detach().numpy()
    scales = np.abs(table).max(1) / 127 + 1e-9
    np.save(out / "table.npy", np.round(table / scales[:, None]).astype(np.int8))
    np.save(out / "scales.npy", scales.astype(np.float16))
    np.save(out / "weights.npy", model.weights.detach().numpy().astype(np.float16))
    np.save(out / "mapping.npy", model.mapping.detach().numpy().astype(np.float16))
    for name, content in SENTENCE_TRANSFORMERS.items():
        (out / name).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    manifest.write(out, KIND, 1, {"dim": SETTINGS["dim"], "settings": dict(SETTINGS), "sources": sources})


def figures(scores: np.ndarray, gold: np.ndarray) -> str:
    """recall@1/5/10, MRR@10 and nDCG@10 of one gold passage a question; ties count against us."""
    rank = (scores >= scores[np.arange(len(gold)), gold][:, None]).sum(1) - 1
    recall = [f"{(rank < k).mean():.3f}" for k in (1, 5, 10)]
    top = rank < 10
    mrr = np.where(top, 1 / (rank + 1), 0).mean()
    ndcg = np.where(top, 1 / np.log2(rank + 2), 0).mean()
    return f"{' '.join(recall)} | {mrr:.3f} | {ndcg:.3f}"


def report(corpus: Corpus, out: Path, extra: list[str]) -> None:
    embedder = EmbeddedEmbedder.load(out)
    analyses = list(analyse_many(corpus.passages + extra))
    asked = list(analyse_many([q for q, _ in corpus.questions]))
    gold = np.array([row for _, row in corpus.questions])
    started = time.perf_counter()
    passages = embedder.embed_analyses(analyses)
    speed = len(analyses) / (time.perf_counter() - started)
    dense = embedder.embed_analyses(asked) @ passages.T
    index = LexicalIndex.build(map(terms, analyses))
    lexical = np.array([index.scores(terms(a)) for a in asked])
    scaled = lexical / np.maximum(lexical.max(1, keepdims=True), 1e-9)
    print(
        f"\n{corpus.name}: {len(gold)} questions, {len(analyses)} passages, {speed:.0f} passages/s embedded"
    )
    print(f"recall@1 @5 @10 | MRR@10 | nDCG@10\ndense       {figures(dense, gold)}")
    print(f"bm25        {figures(lexical, gold)}")
    for weight in (0.1, 0.2, 0.3, 0.5):
        print(f"fused {weight}   {figures((1 - weight) * scaled + weight * dense, gold)}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--own", type=Path, nargs="+", required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--seconds", type=float, default=SETTINGS["seconds"])
    options = arguments.parse_args()
    torch.manual_seed(SETTINGS["seed"])
    rng = random.Random(SETTINGS["seed"])
    corpora = [korquad(options.data / "korquad/korquad_1.0_dev_100_articles.json"), *map(own, options.own)]
    if options.seconds:
        groups = [group for corpus in corpora for group in corpus.train.values()]
        pool = plain_pairs(options.data, rng) + [pair for group in groups for pair in group] * 3
        texts = sorted({text for pair in pool for text in pair})
        model = Model(Features(texts), MorphemeVectors.load())
        train(model, pool, groups, rng, options.seconds)
        save(model, options.out, [corpus.name for corpus in corpora])
    distractors = [row["text"] for row in lines(options.data / "text/kobest_boolq_wiki_paragraphs.jsonl.xz")]
    for corpus in corpora:
        report(corpus, options.out, [] if corpus.name == "korquad" else distractors)


if __name__ == "__main__":
    main()
