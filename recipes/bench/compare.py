"""Ours beside what a user would pick instead, in one run on the same data with the same embedder.

    python -m recipes.bench compare [--set eval/sets/dev.jsonl] [--corpora eval/corpora]

The other pipeline: LangChain's RecursiveCharacterTextSplitter with its default separators and 10 % overlap,
FAISS (flat), bm25s over words between blanks, and reciprocal rank fusion of the two. Figures are ratios,
ours over theirs; each pipeline runs in a process of its own, so that its peak memory can be told.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rag.assemble import make_embedder, make_retriever
from rag.config import load_settings
from rag.index import Index, build
from rag.load import Skipped, load
from rag.types import Document

DEPTH = 20
RRF_K = 60
Found = list[tuple[str, str]]


def ours(documents: list[Document], max_chars: int) -> Callable[[str], Found]:
    settings = load_settings()
    embedder = make_embedder(settings)
    place = tempfile.mkdtemp()
    build(Path(place), documents, embedder, chunk_max_chars=max_chars)
    index = Index.load(Path(place), embedder)
    retriever = make_retriever(settings, index, embedder)

    def ask(question: str) -> Found:
        hits = retriever.retrieve(retriever.interpret(question), DEPTH)
        return [(hit.passage.document_id, hit.passage.text) for hit in hits]

    return ask


def theirs(documents: list[Document], max_chars: int) -> Callable[[str], Found]:
    import bm25s
    import faiss
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=max_chars, chunk_overlap=max_chars // 10)
    pieces = [(one.id, text) for one in documents for text in splitter.split_text(one.text)]
    embedder = make_embedder(load_settings())
    vectors = embedder.embed_passages([text for _, text in pieces])
    dense = faiss.IndexFlatIP(vectors.shape[1])
    dense.add(vectors)
    lexical = bm25s.BM25()
    lexical.index([text.split() for _, text in pieces], show_progress=False)

    def ask(question: str) -> Found:
        scores = lexical.get_scores(question.split())
        by_words = np.argsort(-scores, kind="stable")[:50]
        _, by_meaning = dense.search(embedder.embed_queries([question]), 50)
        fused: dict[int, float] = {}
        for ranking in (by_words[scores[by_words] > 0], by_meaning[0]):
            for rank, row in enumerate(ranking.tolist()):
                fused[row] = fused.get(row, 0.0) + 1 / (RRF_K + rank + 1)
        return [pieces[row] for row in sorted(fused, key=lambda row: (-fused[row], row))[:DEPTH]]

    return ask


def proven(case: dict, hits: Found) -> bool:
    """Whether every piece of evidence stands whole in one of the passages."""
    return all(
        any(document == gold["document"] and gold["quote"] in text for document, text in hits)
        for gold in case["evidence"]
    )


def measure(name: str, corpora: Path, questions: Path) -> dict[str, float]:
    settings = load_settings()
    documents = [item for item in load([corpora], 2**30) if not isinstance(item, Skipped)]
    cases = [json.loads(line) for line in questions.read_text("utf-8").splitlines()]
    cases = [case for case in cases if case["evidence"]]
    make_embedder(settings).embed_queries(["가"])  # Kiwi is loaded before the clock starts
    started = time.perf_counter()
    ask = {"ours": ours, "theirs": theirs}[name](documents, settings.chunk_max_chars)
    indexed = time.perf_counter() - started
    started = time.perf_counter()
    found = [ask(case["question"]) for case in cases]
    asked = time.perf_counter() - started
    shares: dict[str, float] = {}
    for k in (1, 5, 10):
        right = sum(proven(case, hits[:k]) for case, hits in zip(cases, found, strict=True))
        shares[f"evidence_recall@{k}"] = right / len(cases)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    chars = sum(len(one.text) for one in documents)
    return {"chars_per_s": chars / indexed, "questions_per_s": len(cases) / asked, "peak_mib": peak, **shares}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=Path, default=Path("eval/sets/dev.jsonl"))
    parser.add_argument("--corpora", type=Path, default=Path("eval/corpora"))
    parser.add_argument("--only", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.only:
        print(json.dumps(measure(options.only, options.corpora, options.set)))
        return
    figures = []
    for name in ("ours", "theirs"):
        command = [sys.executable, "-m", "recipes.bench.compare", "--only", name]
        command += ["--set", str(options.set), "--corpora", str(options.corpora)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        figures.append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{'':22}{'ours':>12}{'theirs':>12}{'ratio':>8}")
    for key in figures[0]:
        one, other = figures[0][key], figures[1][key]
        print(f"{key:22}{one:12.3f}{other:12.3f}{one / max(other, 1e-9):8.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
