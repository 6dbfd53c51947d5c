"""Prior and contrastive training of the embedder's weights, through its own sentence-transformers module."""

import math
import random
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from rag import manifest
from rag.embed.encoder import MorphemeEncoder, padded
from rag.embed.light import KIND, PARTS, bags, bucket
from rag.korean import VECTOR_COUNT, Analysis, analyse_many, terms
from rag.lexical import LexicalIndex
from rag.vector import MorphemeVectors, has_vector
from recipes.embedder.data import Corpus, Pair

VERSION = 2


class Texts:
    """Analyses' features by text: morpheme ids and term buckets, each text analysed once."""

    def __init__(self, texts: list[str], buckets: int) -> None:
        self.rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        self.terms: list[list[str]] = []
        self.words: list[list[int]] = []
        for analysis in analyse_many(self.rows):
            self.terms.append(terms(analysis))
            self.words.append(_words(analysis))
        self.buckets = buckets

    def features(self, texts: list[str], drop: float, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """Padded tensors for the encoder; each feature is left out with probability ``drop``."""
        made: dict[str, torch.Tensor] = {}
        rows = [self.rows[text] for text in texts]
        letters = [[bucket(term, self.buckets) for term in self.terms[row]] for row in rows]
        for name, lists, size in (
            ("morpheme", [self.words[row] for row in rows], VECTOR_COUNT),
            ("term", letters, self.buckets),
        ):
            found = bags(lists, size)
            kept = rng.random(len(found.ids)) >= drop
            made |= padded(name, found._replace(roots=found.roots * kept), len(texts))
        return made


def _words(analysis: Analysis) -> list[int]:
    return [m.id for m in analysis.morphemes if m.is_content and has_vector(m.id)]


def prior(plain: list[str], texts: Texts, settings: dict, out: Path, facts: dict) -> None:
    """Weights before training, from how rare each term and morpheme is in plain text; writes ``out``."""
    size, given = settings["buckets"], settings["prior"]
    seen, words = np.zeros(size), np.zeros(VECTOR_COUNT)
    kinds = np.ones(size)
    for text in plain:
        row = texts.rows[text]
        held = {bucket(term, size) for term in texts.terms[row]}
        seen[list(held)] += 1
        words[list(set(texts.words[row]))] += 1
    for found in texts.terms:
        kinds[[bucket(term, size) for term in found if not term.startswith("_")]] = given["morpheme_term"]
    top = math.log(len(plain) + 1)
    rarity, word_rarity = (np.log((len(plain) + 1) / (counts + 0.5)) / top for counts in (seen, words))
    mapping = np.random.default_rng(settings["seed"]).standard_normal(
        (MorphemeVectors.load().dim, settings["dim"])
    )
    arrays = (
        np.maximum(rarity, 0.03) ** given["term_power"] * kinds,
        given["morpheme_share"] * word_rarity ** given["morpheme_power"],
        mapping / settings["dim"] ** 0.5,
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, values in zip(PARTS, arrays, strict=True):
        np.save(out / f"{name}.npy", values.astype(np.float16))
    manifest.write(out, KIND, VERSION, facts)


def hard_negatives(
    corpora: list[Corpus], until: dict[str, int], distractors: list[str], texts: Texts
) -> dict[str, list[str]]:
    """For each training question: texts that BM25 ranks high and that do not answer it."""
    made: dict[str, list[str]] = {}
    for corpus in corpora:
        later = {row for q in corpus.questions if q.article >= until[corpus.name] for row in q.gold}
        pool = [text for row, text in enumerate(corpus.passages) if row not in later] + distractors
        index = LexicalIndex.build([texts.terms[texts.rows[text]] for text in pool])
        for question in corpus.questions:
            if question.article < until[corpus.name]:
                gold = {corpus.passages[row] for row in question.gold}
                scores = index.scores(texts.terms[texts.rows[question.text]])
                best = [pool[row] for row in np.argsort(-scores, kind="stable")[:24]]
                made[question.text] = [text for text in best if text not in gold][:20]
    return made


Group = list[tuple[str, list[str]]]


def groups_of(corpora: list[Corpus], until: dict[str, int]) -> dict[tuple[str, int], Group]:
    """Questions with their gold texts, by article (KorQuAD) or eight articles (own, short ones)."""
    made: dict[tuple[str, int], Group] = {}
    for corpus in corpora:
        for q in corpus.questions:
            if q.article < until[corpus.name]:
                key = (corpus.name, q.article if corpus.name == "korquad" else q.article // 8)
                made.setdefault(key, []).append((q.text, [corpus.passages[row] for row in q.gold]))
    return made


class Batches:
    """Random batches of (question, gold text), with one hard negative for each known question."""

    def __init__(
        self,
        plain: list[Pair],
        groups: dict[tuple[str, int], Group],
        negatives: dict[str, list[str]],
        settings: dict,
        rng: random.Random,
    ) -> None:
        self.plain, self.groups, self.negatives = plain, list(groups.values()), negatives
        self.settings, self.rng = settings, rng
        # own questions count twice: there are far fewer of them, and half of them paraphrase
        self.sizes = [len(group) * (1 if name == "korquad" else 2) for (name, _), group in groups.items()]

    def draw(self) -> tuple[list[str], list[str]]:
        """Questions, and passages of which the first ``len(questions)`` are theirs."""
        rng, size = self.rng, self.settings["batch"]
        pairs = rng.sample(self.plain, int(size * self.settings["plain_share"]))
        while len(pairs) < size:
            group = rng.choices(self.groups, self.sizes)[0]
            some = rng.sample(group, min(len(group), self.settings["near"]))
            pairs += [(question, rng.choice(gold)) for question, gold in some]
        pairs = pairs[:size]
        near = [rng.choice(self.negatives[q]) for q, _ in pairs if self.negatives.get(q)]
        return [q for q, _ in pairs], [p for _, p in pairs] + near


def train(out: Path, texts: Texts, batches: Batches, settings: dict) -> MorphemeEncoder:
    """In-batch softmax (van den Oord et al. 2018) with hard negatives, from the weights in ``out``."""
    encoder = MorphemeEncoder(str(out))
    rng = np.random.default_rng(settings["seed"])
    warmth = torch.nn.Parameter(torch.tensor(math.log(settings["temperature"])))
    rates = (settings["rate_terms"], settings["rate_map"])
    optimiser = torch.optim.Adam(
        [
            {"params": [encoder.terms]},
            {"params": [encoder.morphemes, encoder.mapping, warmth]},
        ],
        lr=rates[0],
        betas=(0.9, 0.99),
    )
    recent: Counter[str] = Counter()
    for step in range(settings["steps"]):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * max(0.02, 1 - step / settings["steps"])
        asked, passages = batches.draw()
        loss = _loss(encoder, texts, asked, passages, warmth, settings, rng)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        recent["loss"] += loss.item()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {recent.pop('loss') / 100:.3f}", flush=True)
    return encoder


def _loss(encoder, texts, asked, passages, warmth, settings, rng) -> torch.Tensor:
    questions = encoder(texts.features(asked, settings["drop_question"], rng))["sentence_embedding"]
    found = encoder(texts.features(passages, settings["drop_passage"], rng))["sentence_embedding"]
    scores = questions @ found.T * warmth.exp()
    place: dict[str, int] = {}
    ids = torch.tensor([place.setdefault(text, len(place)) for text in passages])
    target = torch.arange(len(asked))
    copies = ids[: len(asked), None] == ids[None, :]
    copies[target, target] = False  # other copies of one's own passage are no negatives
    scores = scores.masked_fill(copies, -1e4)
    cross_entropy = torch.nn.functional.cross_entropy
    back = cross_entropy(scores[:, : len(asked)].T, target)
    return cross_entropy(scores, target) + settings["backward"] * back
