"""Speed and memory of the embedded models, in one run.

    python -m recipes.bench [--corpus corpus] [--questions eval/sets/smoke.jsonl]
    python -m recipes.bench chunks | scale | kinds | routes | compare    see those modules

Prints the wall time and peak memory of a cold ``rag ask`` process, the time of warm questions by stage,
the time through the chat's page in a browser (alone: ``python -m recipes.bench.page``), and the throughput
of indexing with its breakdown. Figures depend on the machine and what else it does.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rag.assemble import load_assistant, make_embedder
from rag.chunk import chunk
from rag.config import load_settings
from rag.dense import DenseIndex
from rag.index import build, retrieval_text
from rag.korean import analyse_many, kiwi, terms
from rag.lexical import LexicalIndex
from rag.load import Skipped, load
from rag.types import Document
from recipes.bench import chunking, compare, kinds, routes, scale
from recipes.bench.page import page_speed


def cold(index: Path, question: str, times: int) -> None:
    """Wall seconds and peak resident memory of whole processes."""
    walls, peaks = [], []
    for _ in range(times):
        started = time.perf_counter()
        command = [sys.executable, "-m", "rag", "ask", question, "--index", str(index), "--json"]
        process = os.posix_spawn(
            sys.executable,
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
        )
        _, status, usage = os.wait4(process, 0)
        if status:
            raise SystemExit(f"rag ask ended with {status}")
        walls.append(time.perf_counter() - started)
        peaks.append(usage.ru_maxrss / 1024)
    print(
        f"cold `rag ask`        median {statistics.median(walls):.2f} s, worst {max(walls):.2f} s of {times}"
    )
    print(f"peak memory           {max(peaks):.0f} MiB")


def warm(index: Path, questions: list[str], times: int) -> None:
    """Milliseconds a question, one process; the first round warms caches and is not counted."""
    assistant = load_assistant(load_settings(), index)
    rounds = [[assistant.ask(question).timings for question in questions] for _ in range(times + 1)]
    timings = [one for done in rounds[1:] for one in done]
    first = [one.total_ms for one in rounds[0][1:]]
    for stage in ("retrieve_ms", "read_ms", "total_ms"):
        values = sorted(getattr(one, stage) for one in timings)
        median, late = statistics.median(values), values[int(0.95 * (len(values) - 1))]
        print(f"warm {stage:<12}     median {median:.1f}, p95 {late:.1f} ({len(values)} answers)")
    print(f"new questions total_ms median {statistics.median(first):.1f} (passages not yet analysed)")


def timed(stage: str, size: float, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    print(f"  {stage:<22}{seconds:7.2f} s   {size / seconds:7.2f} MB/s")
    return seconds


def indexing(folder: Path, copies: int) -> None:
    """MB of Korean text (UTF-8) a second, whole and by stage, on ``copies`` of the corpus."""
    settings = load_settings()
    embedder = make_embedder(settings)
    kiwi()
    originals = [item for item in load([folder], settings.max_file_bytes) if not isinstance(item, Skipped)]
    documents = [
        Document(f"{n}/{one.id}", one.title, one.text, sections=one.sections)
        for n in range(copies)
        for one in originals
    ]
    size = sum(len(one.text.encode()) for one in documents) / 1e6
    print(f"indexing {len(documents)} documents, {size:.1f} MB of text")
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "index"
        timed(
            "whole build",
            size,
            lambda: build(whole, documents, embedder, chunk_max_chars=settings.chunk_max_chars),
        )
    passages = []
    timed(
        "chunk",
        size,
        lambda: passages.extend(p for one in documents for p in chunk(one, settings.chunk_max_chars)),
    )
    analyses = []
    timed("morphemes (Kiwi)", size, lambda: analyses.extend(analyse_many(map(retrieval_text, passages))))
    timed("BM25", size, lambda: LexicalIndex.build(map(terms, analyses)))
    vectors = []
    timed("vectors", size, lambda: vectors.append(embedder.embed_analyses(analyses)))
    timed("FAISS", size, lambda: DenseIndex.build(vectors[0]))


def main() -> None:
    others = {
        "chunks": chunking.main,
        "scale": scale.main,
        "kinds": kinds.main,
        "routes": routes.main,
        "compare": compare.main,
    }
    if sys.argv[1:2] and sys.argv[1] in others:
        others[sys.argv[1]](sys.argv[2:])
        return
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--corpus", type=Path, default=Path("corpus"))
    arguments.add_argument("--questions", type=Path, default=Path("eval/sets/smoke.jsonl"))
    arguments.add_argument("--times", type=int, default=5)
    options = arguments.parse_args()
    questions = [json.loads(line)["question"] for line in options.questions.read_text("utf-8").splitlines()]
    settings = load_settings()
    with tempfile.TemporaryDirectory() as place:
        index = Path(place) / "index"
        documents = (
            one for one in load([options.corpus], settings.max_file_bytes) if not isinstance(one, Skipped)
        )
        build(index, documents, make_embedder(settings), chunk_max_chars=settings.chunk_max_chars)
        print(f"{os.cpu_count()} cores; corpus of {options.corpus}")
        cold(index, questions[0], options.times)
        warm(index, questions, options.times)
        page_speed(index, Path(place) / "data", questions)
    indexing(options.corpus, 10)


if __name__ == "__main__":
    main()
