"""Indexes of 10³ … 10⁶ passages of made text: time, memory, bytes, speed of retrieval, recall.

    python -m recipes.bench scale --passages 100000 [--passages …] [--questions 200] [--plot scale.svg]

Each size is built in a process of its own and asked in another, so that each peak of memory is its own.
Where other programs share the machine, look at the processor times beside the clock's.

``--words`` analyses each word once and strings its morphemes together, for sizes that Kiwi would need an hour
for on a busy machine: the index is as large and as hard to search, but the time of its build says nothing.

The text is made by a program (``recipes/bench/made.py``): a natural vocabulary with Zipf's frequencies, no
real language. ``recall@10`` is that of dense search against all vectors; BM25 is exact by construction, and
its search is timed beside scoring every passage, with our lists and with bm25s.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from rag.assemble import make_embedder, make_retriever
from rag.config import load_settings
from rag.index import Index, Progress, build, building, features
from rag.korean import Analysis, Morpheme, analyse, terms
from recipes.bench.made import Maker, questions

SEED = 11
SOURCES = (Path("eval/corpora"), Path("corpus"))
COLUMNS = {
    "passages": "passages",
    "build_s": "build s",
    "build_cpu_s": "of all cores, s",
    "passages_per_s": "passages/s",
    "build_own_mib": "memory of its own, main process, MiB",
    "worker_mib": "largest worker, MiB",
    "bytes_per_passage": "bytes/passage",
    "load_ms": "open ms",
    "ask_own_mib": "memory of its own, asking, MiB",
    "p50_ms": "retrieval p50 ms",
    "p95_ms": "p95 ms",
    "p95_cpu_ms": "p95 of all cores, ms",
    "lexical_p95_ms": "BM25 p95, all cores, ms",
    "everything_p95_ms": "scoring everything, ms",
    "bm25s_p95_ms": "bm25s, ms",
    "dense_p95_ms": "dense, ms",
    "recall_at_10": "recall@10",
}


def own_mib() -> float:
    """Memory that is this process's own now: not the pages of mapped files, which the system may drop."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


class Peak(threading.Thread):
    """The most of :func:`own_mib` seen, looked at ten times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mib = 0.0
        self.start()

    def run(self) -> None:
        while True:
            self.mib = max(self.mib, own_mib())
            time.sleep(0.1)


def by_words(texts: Iterable[str]) -> Iterator[Analysis]:
    """Analyses whose morphemes are those of each word alone."""
    for text in texts:
        yield Analysis(text, tuple(m for word in text.split() for m in _morphemes(word)), (), ())


@lru_cache(maxsize=100_000)
def _morphemes(word: str) -> tuple[Morpheme, ...]:
    return analyse(word).morphemes


def grow(passages: int, chars: int, folder: Path, words_only: bool) -> dict[str, float]:
    """Build: seconds in all and up to the last passage, memory, bytes."""
    if words_only:
        features.analyse_many = by_words
        building.FeatureStream = lambda embedder, *_: features.FeatureStream(embedder, 1, 0)
    settings = load_settings()
    embedder = make_embedder(settings)
    peak = Peak()
    maker = Maker.of(SOURCES, SEED, chars)
    streamed = 0.0

    def report(progress: Progress) -> None:
        nonlocal streamed
        if not progress.finished:
            streamed = time.perf_counter() - started
        if progress.documents % 5000 == 0:
            print(f"{progress.passages} passages, {streamed:.0f} s, {own_mib():.0f} MiB", file=sys.stderr)

    started = time.perf_counter()
    facts = build(
        folder,
        maker.documents(passages),
        embedder,
        chunk_max_chars=settings.chunk_max_chars,
        batch_size=settings.embed_batch_size,
        report=report,
    )
    seconds = time.perf_counter() - started
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: -path.stat().st_size)[:12]:
        print(f"{path.stat().st_size / passages:9.1f} bytes/passage {path.name}", file=sys.stderr)
    return {
        "passages": float(str(facts["passages"])),
        "chars": float(str(facts["chars"])),
        "build_s": seconds,
        "build_cpu_s": sum(one.ru_utime + one.ru_stime for one in spent),
        "stream_s": streamed,
        "passages_per_s": float(str(facts["passages"])) / seconds,
        "build_own_mib": peak.mib,
        "worker_mib": spent[1].ru_maxrss / 1024,
        "bytes_per_passage": sum(path.stat().st_size for path in files) / passages,
    }


def timed(
    work: Callable[[str], object], asked: Sequence[str], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Milliseconds of each question, sorted; the first ten are asked once before."""
    for question in asked[:10]:
        work(question)
    times = []
    for question in asked:
        begun = clock()
        work(question)
        times.append((clock() - begun) * 1e3)
    return sorted(times)


def p95(times: Sequence[float]) -> float:
    return times[int(0.95 * (len(times) - 1))]


def exact(index: Index, queries: np.ndarray, k: int) -> list[set[int]]:
    """The ``k`` nearest rows of each query, by looking at every vector."""
    best: list[list[tuple[float, int]]] = [[] for _ in queries]
    for first in range(0, index.dense.count, 16_384):
        block = index.dense.vectors[first : first + 16_384].astype(np.float32)
        for held, scores in zip(best, (block @ queries.T).T, strict=True):
            rows = np.argsort(-scores, kind="stable")[:k]
            held += [(-float(scores[row]), first + int(row)) for row in rows]
    return [{row for _, row in sorted(held)[:k]} for held in best]


def search(folder: Path, passages: int, chars: int, count: int) -> dict[str, float]:
    """Ask: time to open, percentiles in all and by route, memory, recall of dense search."""
    settings = load_settings()
    embedder = make_embedder(settings)
    analyse("가")
    before = own_mib()
    started = time.perf_counter()
    index = Index.load(folder, embedder)
    loaded = (time.perf_counter() - started) * 1e3
    retriever = make_retriever(settings, index, embedder)
    asked = questions(Maker.of(SOURCES, SEED, chars), passages, count)
    times = timed(lambda question: retriever.retrieve(question, settings.top_k), asked)
    spent = timed(lambda question: retriever.retrieve(question, settings.top_k), asked, time.process_time)
    own = own_mib() - before
    sought = {question: terms(analyse(question)) for question in asked}
    vectors = {question: embedder.embed_queries([question])[0] for question in asked}
    engine = index.lexical._postings.engine()
    ids = {q: [r for r in map(index.lexical.lexicon.find, sought[q]) if r is not None] for q in asked}
    cpu, k = time.process_time, settings.candidates
    lexical = timed(lambda question: index.lexical.search(sought[question], k), asked, cpu)
    everything = timed(lambda question: index.lexical.scores(sought[question]), asked[:50], cpu)
    bm25s = timed(lambda question: engine.get_scores_from_ids(ids[question]), asked[:50], cpu)
    dense = timed(lambda question: index.dense.search(vectors[question], k), asked, cpu)
    tried = asked[:100]
    nearest = exact(index, np.stack([vectors[question] for question in tried]), 10)
    found = [set(index.dense.search(vectors[question], 10)[0].tolist()) for question in tried]
    return {
        "load_ms": loaded,
        "ask_own_mib": own,
        "p50_ms": statistics.median(times),
        "p95_ms": p95(times),
        "p95_cpu_ms": p95(spent),
        "lexical_p95_ms": p95(lexical),
        "everything_p95_ms": p95(everything),
        "bm25s_p95_ms": p95(bm25s),
        "dense_p95_ms": p95(dense),
        "recall_at_10": sum(len(a & b) for a, b in zip(found, nearest, strict=True)) / (10 * len(tried)),
    }


def child(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "recipes.bench.scale", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(rows: Sequence[dict[str, float]]) -> str:
    """The rows in Markdown."""
    lines = ["| " + " | ".join(COLUMNS.values()) + " |", "|---" * len(COLUMNS) + "|"]
    for row in rows:
        cells = (
            f"{row[name]:.3f}" if name == "recall_at_10" else f"{row[name]:,.{1 if row[name] < 100 else 0}f}"
            for name in COLUMNS
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(rows: list[dict[str, float]], path: Path) -> None:
    """Time and memory against size, both axes logarithmic, as SVG."""
    series = {
        "build_s": ("build, s", "#1f6feb"),
        "build_own_mib": ("own memory building, MiB", "#2da44e"),
        "ask_own_mib": ("own memory asking, MiB", "#bf8700"),
        "p95_ms": ("retrieval p95, ms", "#cf222e"),
    }
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
    for row, (name, (label, colour)) in enumerate(series.items()):
        points = [
            (60 + (np.log10(r["passages"]) - 3) * 170, 380 - np.log10(max(r[name], 1)) * 70) for r in rows
        ]
        drawn = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="400" y="{36 + 16 * row}" fill="{colour}">{label}</text>')
    parts.append('<text x="290" y="414">passages</text>')
    path.write_text("\n".join([*parts, "</svg>", ""]), "utf-8")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, action="append")
    parser.add_argument("--chars", type=int, default=80, help="characters of a passage, about")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--keep", type=Path, help="build here, and leave the indexes")
    parser.add_argument("--words", action="store_true", help="analyse each word once")
    parser.add_argument("--grow", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.grow:
        print(json.dumps(grow(options.passages[0], options.chars, options.grow, options.words)))
        return
    if options.search:
        print(json.dumps(search(options.search, options.passages[0], options.chars, options.questions)))
        return
    rows = []
    for passages in options.passages or [1000, 10_000]:
        place = Path(tempfile.mkdtemp(prefix=f"scale-{passages}-", dir=options.keep))
        try:
            common = ("--passages", str(passages), "--chars", str(options.chars))
            row = child(*common, "--grow", str(place), *(["--words"] if options.words else []))
            row |= child(*common, "--search", str(place), "--questions", str(options.questions))
        finally:
            if options.keep is None:
                shutil.rmtree(place)
        rows.append(row)
        print(json.dumps({name: round(value, 3) for name, value in row.items()}), flush=True)
    print(table(rows))
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main(sys.argv[1:])
