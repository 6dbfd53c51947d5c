"""Features of passages: the same in this process and in others, in order, whatever dies."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.embed import EmbeddedEmbedder
from rag.index import Index, build
from rag.index import features as features_module
from rag.index.features import Features, FeatureStream, features
from rag.korean import analyse, terms
from tests.fakes import FakeEmbedder, document

TEXTS = [f"카카오는 {n}년에 디지털 허브 {n}동을 완공한다." for n in range(60)] + ["", "…"]
BATCHES = [TEXTS[first : first + 7] for first in range(0, len(TEXTS), 7)]


@pytest.fixture
def stream() -> Iterator[FeatureStream]:
    made = FeatureStream(EmbeddedEmbedder.load(), 2, 10)
    yield made
    made.close()


def all_of(stream: FeatureStream) -> list[Features]:
    return [*(made for batch in BATCHES for made in stream.put(batch)), *stream.drain()]


def check(found: list[Features]) -> None:
    embedder = EmbeddedEmbedder.load()
    for made, batch in zip(found, BATCHES, strict=True):
        alone = features(batch, embedder)
        assert np.allclose(made.vectors, alone.vectors, atol=1e-6)
        assert made.names == alone.names
        for name in ("terms", "term_ends", "words", "word_ends"):
            assert getattr(made, name).tolist() == getattr(alone, name).tolist()


def test_terms_are_those_of_each_text() -> None:
    made = features(TEXTS, None)
    assert made.vectors is None
    starts = [0, *made.term_ends.tolist()]
    for row, text in enumerate(TEXTS):
        held = [made.names[term] for term in made.terms[starts[row] : starts[row + 1]].tolist()]
        assert held == terms(analyse(text))


def test_processes_give_what_one_gives(stream: FeatureStream) -> None:
    check(all_of(stream))
    assert stream._pool is not None


def test_a_killed_process_costs_time_only(stream: FeatureStream) -> None:
    found = [made for batch in BATCHES[:3] for made in stream.put(batch)]
    assert stream._pool is not None
    stream._pool.submit(os.kill, os.getpid(), 0).result()  # they are up
    os.kill(next(iter(stream._pool._processes)), signal.SIGKILL)
    found += [made for batch in BATCHES[3:] for made in stream.put(batch)]
    check([*found, *stream.drain()])


def test_a_process_killed_between_batches_costs_time_only(stream: FeatureStream) -> None:
    found = [made for batch in BATCHES[:3] for made in stream.put(batch)]
    found += stream.drain()
    assert stream._pool is not None
    for process in list(stream._pool._processes):
        os.kill(process, signal.SIGKILL)
    while stream._pool._flags.broken is None:  # nothing is under way: only the next batch can notice
        time.sleep(0.01)
    found += [made for batch in BATCHES[3:] for made in stream.put(batch)]
    check([*found, *stream.drain()])


def test_cores_where_the_system_does_not_say_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert FeatureStream(FakeEmbedder(), 0, 10)._processes == os.cpu_count()


def test_an_embedder_of_texts_is_asked_here() -> None:
    stream = FeatureStream(FakeEmbedder(), 1, 0)
    found = all_of(stream)
    for made, batch in zip(found, BATCHES, strict=True):
        assert np.array_equal(made.vectors, FakeEmbedder().embed_passages(batch))


def test_an_index_made_by_processes_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [document(f"{n}.txt", f"{text}\n{n}층 건물이다.") for n, text in enumerate(TEXTS)]
    settings = {"chunk_max_chars": 60, "batch_size": 2}
    build(tmp_path / "one", made, EmbeddedEmbedder.load(), **settings)
    few = features_module.FeatureStream
    monkeypatch.setattr("rag.index.building.FeatureStream", lambda embedder, *_: few(embedder, 2, 10))
    build(tmp_path / "two", made, EmbeddedEmbedder.load(), **settings)
    one, two = Index.load(tmp_path / "one"), Index.load(tmp_path / "two")
    assert one.digest == two.digest
