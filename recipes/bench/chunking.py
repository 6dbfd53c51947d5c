"""Passage length and overlap on the development set: is the evidence found, and how early.

    python -m recipes.bench chunks [--set eval/sets/dev.jsonl] [--corpora eval/corpora]

``found@1`` and ``found@8``: the whole evidence quote lies in the first, or in one of the first eight,
passages. ``found in 3,200``: it lies in the passages that fit into 3,200 characters, best first, which is
what the reader pays for whatever their length.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rag.assemble import make_embedder, make_retriever
from rag.chunk import TokenLimit, chunk
from rag.config import load_settings
from rag.index import Index, build
from rag.korean import analyse
from rag.load import Skipped, load
from rag.types import Document, Hit, Passage, Span

BUDGET_CHARS = 3200
TOP_K = 30
TRIALS = ((150, 0), (250, 0), (400, 0), (400, 60), (400, 120), (600, 0), (600, 120), (900, 0), (1400, 0))


def overlapped(
    overlap_chars: int, document: Document, max_chars: int, tokens: TokenLimit | None = None
) -> Iterator[Passage]:
    """Passages that begin with the last whole sentences of the one before, up to ``overlap_chars``."""
    before: Passage | None = None
    for passage in chunk(document, max_chars - overlap_chars, tokens):
        start = passage.span.start
        if before is not None and (before.heading, before.role) == (passage.heading, passage.role):
            for sentence in reversed(analyse(before.text).sentences):
                if passage.span.start - before.span.start - sentence.start > overlap_chars:
                    break
                start = before.span.start + sentence.start
        section = next((s for s in document.sections if s.span.contains(passage.span)), None)
        span = Span(start, passage.span.end)
        yield Passage.cut(document, section, span, document.text[span.start : span.end])
        before = passage


def holds(hits: list[Hit], gold: list[tuple[str, str]]) -> bool:
    return all(any(h.passage.document_id == d and quote in h.passage.text for h in hits) for d, quote in gold)


def within(hits: tuple[Hit, ...], budget: int) -> list[Hit]:
    kept: list[Hit] = []
    for hit in hits:
        budget -= len(hit.passage.text)
        if budget < 0 and kept:
            break
        kept.append(hit)
    return kept


def measure(documents: list[Document], cases: list[dict], max_chars: int, overlap: int) -> list[float]:
    """Passages, mean length, and the three shares."""
    settings = load_settings()
    embedder = make_embedder(settings)
    with tempfile.TemporaryDirectory() as place:
        build(
            Path(place),
            documents,
            embedder,
            chunk_max_chars=max_chars,
            cut=partial(overlapped, overlap) if overlap else chunk,
        )
        index = Index.load(Path(place), embedder)
        retriever = make_retriever(settings, index, embedder)
        found = [0, 0, 0]
        for case in cases:
            gold = [(one["document"], one["quote"]) for one in case["evidence"]]
            hits = retriever.retrieve(retriever.interpret(case["question"]), TOP_K)
            for place_, part in enumerate((list(hits[:1]), list(hits[:8]), within(hits, BUDGET_CHARS))):
                found[place_] += holds(part, gold)
        lengths = [len(index.store.passage(row).text) for row in range(index.store.passage_count)]
    return [len(lengths), sum(lengths) / len(lengths), *(count / len(cases) for count in found)]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=Path, default=Path("eval/sets/dev.jsonl"))
    parser.add_argument("--corpora", type=Path, default=Path("eval/corpora"))
    options = parser.parse_args(arguments)
    documents = [item for item in load([options.corpora], 2**30) if not isinstance(item, Skipped)]
    cases = [json.loads(line) for line in options.set.read_text("utf-8").splitlines()]
    cases = [case for case in cases if case["evidence"]]
    print(f"{len(documents)} documents, {len(cases)} questions of {options.set}")
    print("max_chars overlap passages mean_chars found@1 found@8 found_in_3200")
    for size, overlap in TRIALS:
        count, mean, first, eight, budget = measure(documents, cases, size, overlap)
        print(
            f"{size:9d} {overlap:7d} {count:8.0f} {mean:10.0f} {first:7.3f} {eight:7.3f} {budget:13.3f}",
            flush=True,
        )
