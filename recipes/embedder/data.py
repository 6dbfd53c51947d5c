"""What the embedder learns from and is measured on: questions with passages, and pairs from plain text."""

import json
import lzma
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from rag.chunk import chunk
from rag.types import Document

Pair = tuple[str, str]
#: Names of measuring sets that must never be trained on.
MEASURED = ("upstage_ir_sci", "autorag_tutorial_ko")


@dataclass(frozen=True)
class Question:
    """A question, the rows of the passages that answer it, and the number of its article."""

    text: str
    gold: tuple[int, ...]
    article: int


@dataclass
class Corpus:
    """Passages with questions on them; articles are numbered in the order that splits them."""

    name: str
    passages: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    articles: int = 0


def korquad(path: Path) -> Corpus:
    """KorQuAD paragraphs under their titles, articles by title."""
    corpus = Corpus("korquad")
    for article in sorted(json.loads(path.read_text("utf-8"))["data"], key=lambda a: a["title"]):
        for paragraph in article["paragraphs"]:
            row = len(corpus.passages)
            corpus.questions += [Question(qa["question"], (row,), corpus.articles) for qa in paragraph["qas"]]
            corpus.passages.append(f"{article['title'].replace('_', ' ')}\n{paragraph['context']}")
        corpus.articles += 1
    return corpus


def own(path: Path, max_chars: int) -> Corpus:
    """Own articles cut into passages as the package cuts them; gold is what holds most of the evidence."""
    corpus = Corpus(path.stem)
    for line in path.read_text("utf-8").splitlines():
        article = json.loads(line)
        text, base = article["text"], len(corpus.passages)
        pieces = list(chunk(Document(id=article["id"], title=article["title"], text=text), max_chars))
        corpus.passages += [f"{article['title']}\n{piece.text}" for piece in pieces]
        for qa in article["qas"]:
            given = qa.get("evidence") or ""
            evidence = given if isinstance(given, str) else given[0]
            start = text.find(evidence)
            if not qa["answers"] or not evidence or start < 0:
                continue
            end = start + len(evidence)
            held = [min(p.span.end, end) - max(p.span.start, start) for p in pieces]
            gold = tuple(base + row for row, size in enumerate(held) if size == max(held))
            corpus.questions.append(Question(qa["q"], gold, corpus.articles))
        corpus.articles += 1
    return corpus


def measured(folder: Path) -> Corpus:
    """A set of ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.tsv``; for measuring only."""
    rows = [json.loads(line) for line in (folder / "corpus.jsonl").read_text("utf-8").splitlines()]
    place = {row["_id"]: number for number, row in enumerate(rows)}
    gold: dict[str, list[int]] = {}
    for line in (folder / "qrels.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, _ = line.split("\t")
        gold.setdefault(query, []).append(place[document])
    asked = [json.loads(line) for line in (folder / "queries.jsonl").read_text("utf-8").splitlines()]
    questions = [Question(row["text"], tuple(gold[row["_id"]]), 0) for row in asked if row["_id"] in gold]
    return Corpus(folder.name, [row["text"] for row in rows], questions, 1)


def lines(path: Path, count: int = 10**9) -> list[dict]:
    with lzma.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line, _ in zip(stream, range(count), strict=False)]


def cloze(texts: list[str], times: int, rng: random.Random) -> list[Pair]:
    """A few words of a sentence against its neighbours (inverse cloze, Lee et al. 2019).

    In two of five pairs the sentence itself stays among the neighbours.
    """
    pairs = []
    for text in texts:
        sentences = [s for s in re.split(r"(?<=[다요]\.)\s+|\n+", text) if len(s) > 15]
        for _ in range(times if len(sentences) >= 3 else 0):
            at = rng.randrange(len(sentences))
            kept = [sentences[at]] if rng.random() < 0.4 else []
            around = [*sentences[max(0, at - 3) : at], *kept, *sentences[at + 1 : at + 4]]
            words = sentences[at].split()
            if len(words) > 4:
                length = rng.randint(3, min(9, len(words)))
                first = rng.randrange(len(words) - length + 1)
                words = words[first : first + length]
            pairs.append((" ".join(words), " ".join(around)[:500]))
    return pairs


def titled(rows: list[dict], size: int) -> list[Pair]:
    """Title against the beginning of the text."""
    return [
        (row["title"], row["text"].removeprefix(row["title"])[:size])
        for row in rows
        if 5 < len(row["title"]) < 80
    ]


def wiki(folder: Path) -> list[str]:
    return [row["text"] for row in lines(folder / "text/kobest_boolq_wiki_paragraphs.jsonl.xz")]


def plain_pairs(folder: Path, rng: random.Random) -> list[Pair]:
    """Pairs from plain text and paraphrase sets; translated documentation is the minor share."""
    laws = lines(folder / "text/kr_laws.jsonl.xz", 3500)
    technical = [
        *lines(folder / "text/ms_learn_ko.jsonl.xz"),
        *lines(folder / "text/pytorch_tutorials_ko.jsonl.xz"),
        *lines(folder / "text/ms_dynamics365_ko.jsonl.xz", 400),
        *lines(folder / "text/ms_windows_uwp_ko.jsonl.xz", 200),
    ]
    same = [row for row in lines(folder / "pairs/paraKQC_paraphrase.jsonl.xz") if row["label"] == 1]
    rng.shuffle(same)
    asked = [row for row in lines(folder / "pairs/songys_question_pair.jsonl.xz") if row["label"] == 1]
    alike = [row for row in lines(folder / "pairs/korsts_train.jsonl.xz") if row["label"] >= 4]
    return [
        *cloze(wiki(folder), 3, rng),
        *cloze([law["text"][:2500] for law in laws], 1, rng),
        *titled(laws[:2500], 600),
        *cloze([row["text"][:3000] for row in technical], 1, rng),
        *titled(technical, 700),
        *((row["a"], row["b"]) for row in [*same[:4000], *asked[:3000], *alike]),
    ]
