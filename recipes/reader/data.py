"""Questions with evidence: whole articles, and passages found in one or among a handful of them as in use."""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from rag.chunk import chunk
from rag.extract.companion import accompanied
from rag.korean import analyse, terms
from rag.load.page import parse
from rag.text import normalise
from rag.types import Document, Evidence, Hit, Passage, Route, Section, Span

HELD_OUT = 20
TOP_K = 8
MAX_CHARS = 400


@dataclass(frozen=True, slots=True)
class Example:
    """One question with what a reader is shown.

    ``gold`` is the position of the first answer in ``document_id``; None where the evidence holds no answer.
    """

    question: str
    answers: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    document_id: str
    gold: Span | None
    group: str
    source: str
    kind: str


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    answers: tuple[str, ...]
    start: int  # of the first answer in the document; -1 for none
    evidence: Span | None
    kind: str


@dataclass(frozen=True, slots=True)
class Article:
    document: Document
    group: str
    source: str
    asked: tuple[Asked, ...]
    page: bool = False  # a whole web page as copied


def squeezed(text: str) -> str:
    """KorQuAD's official normalisation."""
    text = re.sub("'|\"|《|》|<|>|〈|〉|\\(|\\)|‘|’", " ", text).lower()
    return "".join("".join(c for c in text if c not in string.punctuation).split())


def overlap(found: str, gold: str) -> float:
    """Character F1 of two normalised strings, as KorQuAD's official script counts."""
    same = sum((Counter(found) & Counter(gold)).values())
    return 2 * same / (len(found) + len(gold)) if same else 0.0


def best_overlap(text: str, answers: Sequence[str]) -> tuple[bool, float]:
    """Exact match and F1 against the best answer."""
    found = squeezed(text)
    golds = [squeezed(answer) for answer in answers]
    return found in golds, max((overlap(found, gold) for gold in golds), default=0.0)


def _document(id_: str, title: str, text: str, *, page: bool = False) -> Document:
    """A document of one section, or of those that the package's loader finds in a copied web page."""
    sections = parse(text).sections if page else (Section(Span(0, len(text))),)
    return Document(id=id_, title=title, text=text, sections=sections)


def korquad(path: Path) -> tuple[list[Article], list[Article]]:
    """Training and held-out paragraphs (one a document), split by article in title order."""
    data = sorted(json.loads(path.read_text("utf-8"))["data"], key=lambda article: article["title"])
    made: list[list[Article]] = []
    for part in (data[:-HELD_OUT], data[-HELD_OUT:]):
        articles = []
        for article in part:
            title = article["title"].replace("_", " ")
            for number, paragraph in enumerate(article["paragraphs"]):
                text = paragraph["context"]
                asked = tuple(
                    Asked(
                        normalise(q["question"]),
                        tuple(a["text"] for a in q["answers"]),
                        q["answers"][0]["answer_start"],
                        None,
                        "",
                    )
                    for q in paragraph["qas"]
                )
                document = _document(f"{title}/{number}", title, text)
                articles.append(Article(document, f"korquad/{title}", "korquad", asked))
        made.append(articles)
    return made[0], made[1]


def _own_asked(text: str, qa: dict[str, object]) -> Asked | None:
    answers = tuple(str(a) for a in qa["answers"])  # type: ignore[attr-defined]
    if not answers:
        return Asked(str(qa["q"]), (), -1, None, "none")
    proof = str(qa.get("evidence") or "")
    at = text.find(proof) if proof else -1
    inside = proof.find(answers[0]) if at >= 0 else -1
    start = at + inside if inside >= 0 else text.find(answers[0])
    if start < 0:
        return None
    span = Span(at, at + len(proof)) if at >= 0 else None
    return Asked(str(qa["q"]), answers, start, span, str(qa.get("type", "")))


def own(path: Path) -> tuple[list[Article], list[Article]]:
    """Training and held-out articles of one of our own files: those of part ``dev`` and ``test``."""
    parts = _parts(path)
    return parts["dev"], parts["test"]


def for_judges(path: Path) -> list[Article]:
    """Articles of one of our own files that only the judges learn from: those of part ``judge``."""
    return _parts(path)["judge"]


def _parts(path: Path) -> dict[str, list[Article]]:
    """Articles by the part that each says it belongs to."""
    parts: dict[str, list[Article]] = {"dev": [], "test": [], "judge": []}
    source = path.stem.split("_")[0]
    for line in path.read_text("utf-8").splitlines():
        if not line.strip():
            continue
        record = json.loads(line)
        text = record["text"]
        asked = tuple(a for qa in record["qas"] if (a := _own_asked(text, qa)) is not None)
        page = bool(record.get("page"))
        document = _document(str(record["id"]), str(record["title"]), text, page=page)
        if record.get("part") not in parts:
            raise ValueError(f"{path}: {record['id']} is of none of the parts {', '.join(parts)}")
        parts[record["part"]].append(Article(document, f"{source}/{record['id']}", source, asked, page))
    return parts


def untitled(article: Article) -> Article:
    """The same without a title: what a document is about must show in its other passages."""
    return replace(article, document=replace(article.document, title=""))


@cache
def _passages(document: Document) -> tuple[Passage, ...]:
    return tuple(chunk(document, MAX_CHARS))


@cache
def _counts(text: str) -> Counter[str]:
    return Counter(terms(analyse(text)))


def retrieve(question: str, passages: Sequence[Passage], top_k: int = TOP_K) -> tuple[Evidence, ...]:
    """BM25 (k1 1.2, b 0.75) over these passages with their titles, scaled by its maximum."""
    bags = [_counts(f"{p.context}\n{p.text}") for p in passages]
    sizes = [sum(bag.values()) for bag in bags]
    mean = sum(sizes) / len(sizes)
    scores = [0.0] * len(bags)
    for term in set(_counts(question)):
        frequency = sum(term in bag for bag in bags)
        if not frequency:
            continue
        idf = math.log(1 + (len(bags) - frequency + 0.5) / (frequency + 0.5))
        for row, bag in enumerate(bags):
            if (count := bag.get(term, 0)) > 0:
                scores[row] += idf * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * sizes[row] / mean))
    order = sorted(range(len(bags)), key=lambda row: (-scores[row], passages[row].id))[:top_k]
    top = max(scores) or 1.0
    kept = [row for row in order if scores[row] > 0]
    return tuple(
        Evidence(n, Hit(passages[row], scores[row] / top, Route.FUSED)) for n, row in enumerate(kept, 1)
    )


def oracle(article: Article) -> Iterator[Example]:
    """Every answerable question with its whole document as the one passage."""
    document = article.document
    section = None if article.page else document.sections[0]
    passage = Passage.cut(document, section, Span(0, len(document.text)), document.text)
    evidence = (Evidence(1, Hit(passage, 1.0, Route.FUSED)),)
    for asked in article.asked:
        if asked.answers:
            yield example(article, asked, evidence)


def example(article: Article, asked: Asked, evidence: tuple[Evidence, ...]) -> Example:
    gold = Span(asked.start, asked.start + len(asked.answers[0])) if asked.answers else None
    if gold is not None and not holds(evidence, article.document.id, gold, asked.answers):
        gold = None
    return Example(
        asked.question,
        asked.answers,
        evidence,
        article.document.id,
        gold,
        article.group,
        article.source,
        asked.kind,
    )


def holds(evidence: Sequence[Evidence], document_id: str, gold: Span, answers: Sequence[str]) -> bool:
    """Whether some passage shown covers the gold answer."""
    return any(e.passage.document_id == document_id and e.passage.span.contains(gold) for e in evidence)


def pools(articles: Sequence[Article], size: int, seed: int) -> list[list[Article]]:
    """Articles in groups of ``size`` subjects, as small collections that are indexed together."""
    groups: dict[str, list[Article]] = {}
    for article in articles:
        groups.setdefault(article.group, []).append(article)
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    return [
        [article for name in names[at : at + size] for article in groups[name]]
        for at in range(0, len(names), size)
    ]


def retrieved(articles: Sequence[Article], size: int = 5, seed: int = 0) -> Iterator[Example]:
    """Every question with the passages found for it among ``size`` articles; unanswerable ones too."""
    for pool in pools(articles, size, seed):
        passages = [p for article in pool for p in _passages(article.document)]
        for article in pool:
            for asked in article.asked:
                yield example(article, asked, tuple(accompanied(retrieve(asked.question, passages))))


def without(article: Article, asked: Asked) -> Article | None:
    """The article less the sentence that answers; None if the answer is said elsewhere too."""
    text = article.document.text
    span = asked.evidence or _sentence_around(text, asked.start)
    cut = text[: span.start] + text[span.end :].lstrip()
    if not cut.strip() or any(len(a) < 2 or a in cut for a in asked.answers[:1]):
        return None
    less = _document(article.document.id, article.document.title, cut, page=article.page)
    return replace(article, document=less)


def _sentence_around(text: str, at: int) -> Span:
    return next(
        (s for s in analyse(text).sentences if s.start <= at < s.end), Span(at, min(at + 1, len(text)))
    )


def bereft(articles: Sequence[Article], share: float, size: int = 5, seed: int = 0) -> Iterator[Example]:
    """A share of the answerable questions, with the sentence that answers taken out of its article."""
    chance = random.Random(seed)
    for pool in pools(articles, size, seed):
        for article in pool:
            for asked in article.asked:
                if not asked.answers or chance.random() > share:
                    continue
                less = without(article, asked)
                if less is None:
                    continue
                rest = [less if other is article else other for other in pool]
                passages = [p for other in rest for p in _passages(other.document)]
                evidence = retrieve(asked.question, passages)
                if any(asked.answers[0] in e.passage.text for e in evidence):
                    continue
                made = example(article, replace(asked, answers=()), tuple(accompanied(evidence)))
                yield replace(made, kind="bereft", document_id="")


def alone(articles: Sequence[Article], share: float, seed: int = 0) -> Iterator[Example]:
    """A share of the questions asked of their own article only, one to three passages of it.

    At most a fifth of the answerable ones lose the sentence that answers; for some, the passage that answers
    is not among those found, and they count as without an answer. Read with companions, as in use.
    """
    chance = random.Random(seed)
    for article in articles:
        for asked in article.asked:
            if chance.random() > share:
                continue
            bare = asked.answers and chance.random() < 1 / 5
            shown, question = article, asked
            if bare and (less := without(article, asked)) is not None:
                shown, question = less, replace(asked, answers=())
            evidence = retrieve(asked.question, _passages(shown.document), chance.randint(1, 3))
            if evidence and (
                shown is article or not any(asked.answers[0] in e.passage.text for e in evidence)
            ):
                made = example(shown, question, tuple(accompanied(evidence)))
                yield made if shown is article else replace(made, kind="bereft", document_id="")


def digest(paths: Sequence[Path]) -> str:
    """SHA-256 over the training files, in the order given."""
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()
