"""Indexes of 10³ … 10⁶ passages of generated text: time, memory, size, speed of retrieval, recall.

    python -m recipes.bench scale --passages 100000 [--passages …] [--questions 200] [--plot scale.svg]

Each size is built in a process of its own, whose peak memory is told, and asked in another. Text comes
from ``recipes/bench/generated.py`` with a fixed seed. ``recall@10`` compares dense search with exact search.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rag.assemble import make_embedder
from rag.config import load_settings
from rag.embed import MaxSim
from rag.index import Index, Progress, build
from rag.retrieve import FusedRetriever
from recipes.bench.generated import Writer, words_of

SEED = 11


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def grow(passages: int, folder: Path) -> dict[str, float]:
    """Build; seconds, characters, peak memory at the end of streaming and in all."""
    settings = load_settings()
    embedder = make_embedder(settings)
    writer = Writer(words_of(Path("corpus")), SEED)
    streamed = [0.0, 0.0]

    def report(progress: Progress) -> None:
        streamed[:] = [peak_mib(), time.perf_counter()]

    started = time.perf_counter()
    facts = build(
        folder,
        writer.documents(passages),
        embedder,
        chunk_max_chars=settings.chunk_max_chars,
        batch_size=settings.embed_batch_size,
        report=report,
    )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "passages": float(str(facts["passages"])),
        "chars": float(str(facts["chars"])),
        "build_s": time.perf_counter() - started,
        "stream_s": streamed[1] - started,
        "stream_peak_mib": streamed[0],
        "build_peak_mib": peak_mib(),
        "bytes_per_passage": size / passages,
    }


def search(folder: Path, questions: int) -> dict[str, float]:
    """Ask; loading time, percentiles, recall of dense search, peak memory."""
    settings = load_settings()
    embedder = make_embedder(settings)
    started = time.perf_counter()
    index = Index.load(folder, embedder)
    loaded = time.perf_counter() - started
    retriever = FusedRetriever(
        index,
        embedder,
        candidates=settings.candidates,
        dense_weight=settings.dense_weight,
        aside_factor=settings.aside_factor,
        late=MaxSim.load(),
        late_weight=settings.late_weight,
    )
    rng = random.Random(SEED)
    asked = [_question(index, rng) for _ in range(questions)]
    for question in asked[:10]:
        retriever.retrieve(question, settings.top_k)
    times, hit, right = [], 0, 0
    for question in asked:
        begun = time.perf_counter()
        retriever.retrieve(question, settings.top_k)
        times.append((time.perf_counter() - begun) * 1e3)
    peak = peak_mib()
    for question in asked:
        query = embedder.embed_queries([question])[0]
        exact = np.argsort(-(index.dense.vectors @ query), kind="stable")[:10]
        hit += len(set(exact.tolist()) & set(index.dense.search(query, 10)[0].tolist()))
        right += 10
    times.sort()
    return {
        "load_s": loaded,
        "p50_ms": statistics.median(times),
        "p95_ms": times[int(0.95 * (len(times) - 1))],
        "recall_at_10": hit / right,
        "ask_peak_mib": peak,
    }


def _question(index: Index, rng: random.Random) -> str:
    words = index.store.passage(rng.randrange(index.store.passage_count)).text.split()
    start = rng.randrange(max(1, len(words) - 8))
    return " ".join(rng.sample(words[start : start + 8], min(5, len(words)))) + "?"


def child(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "recipes.bench.scale", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def plot(rows: list[dict[str, float]], path: Path) -> None:
    """Time and memory against size, both axes logarithmic, as SVG."""
    names = ("build_s", "stream_peak_mib", "build_peak_mib", "p95_ms")
    series = dict(zip(names, ("#1f6feb", "#2da44e", "#bf8700", "#cf222e"), strict=True))
    head = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 420" font-family="sans-serif" font-size="12"'
    parts = [f"<svg {head}>"]
    for power in range(3, 7):
        x = 60 + (power - 3) * 170
        parts.append(f'<line x1="{x}" y1="20" x2="{x}" y2="380" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="398">10^{power}</text>')
    for power in range(6):
        y = 380 - power * 70
        parts.append(f'<line x1="60" y1="{y}" x2="570" y2="{y}" stroke="#eee"/>')
        parts.append(f'<text x="20" y="{y}">10^{power}</text>')
    for row, (name, colour) in enumerate(series.items()):
        points = [
            (60 + (np.log10(r["passages"]) - 3) * 170, 380 - np.log10(max(r[name], 1)) * 70) for r in rows
        ]
        drawn = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="450" y="{36 + 16 * row}" fill="{colour}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>", ""]), "utf-8")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, action="append")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--grow", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.grow:
        print(json.dumps(grow(options.passages[0], options.grow)))
        return
    if options.search:
        print(json.dumps(search(options.search, options.questions)))
        return
    rows = []
    for passages in options.passages or [1000, 10_000]:
        with tempfile.TemporaryDirectory() as place:
            row = child("--passages", str(passages), "--grow", place)
            row |= child("--search", place, "--questions", str(options.questions))
        rows.append(row)
        print(json.dumps({name: round(value, 3) for name, value in row.items()}), flush=True)
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main(sys.argv[1:])
