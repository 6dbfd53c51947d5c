"""Passage length and overlap on the development set: is the evidence found, how early, and is it read.

    python -m recipes.bench chunks [--set eval/sets/dev.jsonl] [--corpora eval/corpora]

Lengths are in code points, or in tokens of the embedder ("100 t").

``found@1`` and ``found@8``: the whole evidence quote lies in the first, or in one of the first eight,
passages. ``found in 3,200``: it lies in the passages that fit into 3,200 characters, best first, which is
what the reader pays for whatever their length. ``quoted``: the embedded reader cites the evidence, whatever
its confidence; ``answered``: what it then says holds an accepted answer.
"""

import argparse
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from eval.case import EvalCase, load_set
from rag.assemble import make_assistant, make_embedder, make_reader, make_retriever
from rag.assistant import Assistant
from rag.chunk import TokenLimit, chunk
from rag.config import load_settings
from rag.index import Index, build
from rag.korean import analyse
from rag.load import Skipped, load
from rag.types import Document, Hit, Passage, Span
from recipes.reader.data import squeezed

BUDGET_CHARS = 3200
TOP_K = 30
SIZES = ((150, 0), (250, 0), (400, 0), (400, 60), (400, 120), (600, 0), (600, 120), (900, 0), (1400, 0))
#: Longest passage in code points and in tokens (0: no limit), and overlap in code points.
TRIALS = (*((size, 0, overlap) for size, overlap in SIZES), (8000, 100, 0), (8000, 200, 0), (8000, 300, 0))


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


def reads(assistant: Assistant, case: EvalCase) -> tuple[bool, bool]:
    """Whether the reader's citations hold the evidence, and its words an answer."""
    answer = assistant.ask(case.question)
    gold = [squeezed(one.quote) for one in case.evidence]
    quoted = any(
        one in squeezed(c.quote) or squeezed(c.quote) in one for c in answer.citations for one in gold
    )
    said = squeezed(answer.text)
    return quoted, any(squeezed(one) in said for one in case.answers)


def measure(documents: list[Document], cases: list[EvalCase], trial: tuple[int, int, int]) -> list[float]:
    """Passages, mean length, and the five shares."""
    max_chars, max_tokens, overlap = trial
    settings = load_settings({"abstain_below": 0.0})
    embedder, reader = make_embedder(settings), make_reader(settings)
    with tempfile.TemporaryDirectory() as place:
        build(
            Path(place),
            documents,
            embedder,
            chunk_max_chars=max_chars,
            chunk_max_tokens=max_tokens,
            cut=partial(overlapped, overlap) if overlap else chunk,
        )
        index = Index.load(Path(place), embedder)
        assistant = make_assistant(settings, index, embedder, reader)
        retriever = make_retriever(settings, index, embedder)
        found = [0, 0, 0, 0, 0]
        for case in cases:
            gold = [(one.document, one.quote) for one in case.evidence]
            hits = retriever.retrieve(retriever.interpret(case.question), TOP_K)
            parts = (list(hits[:1]), list(hits[:8]), within(hits, BUDGET_CHARS))
            for column, good in enumerate([*(holds(part, gold) for part in parts), *reads(assistant, case)]):
                found[column] += good
        lengths = [len(index.store.passage(row).text) for row in range(index.store.passage_count)]
    return [len(lengths), sum(lengths) / len(lengths), *(count / len(cases) for count in found)]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=Path, default=Path("eval/sets/dev.jsonl"))
    parser.add_argument("--corpora", type=Path, default=Path("eval/corpora"))
    options = parser.parse_args(arguments)
    documents = [item for item in load([options.corpora], 2**30) if not isinstance(item, Skipped)]
    cases = [case for case in load_set(options.set) if case.evidence and case.answers]
    print(f"{len(documents)} documents, {len(cases)} questions of {options.set}")
    print("longest overlap passages mean_chars found@1 found@8 found_in_3200 quoted answered")
    for trial in TRIALS:
        count, mean, *shares = measure(documents, cases, trial)
        longest = f"{trial[1]} t" if trial[1] else str(trial[0])
        print(
            f"{longest:>7} {trial[2]:7d} {count:8.0f} {mean:10.0f} "
            + " ".join(f"{one:.3f}" for one in shares),
            flush=True,
        )
