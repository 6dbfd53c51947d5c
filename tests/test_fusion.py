"""Fusion on fixed data with the embedded embedder: never worse than its best part."""

import json
from pathlib import Path

import numpy as np
import pytest

from rag.assemble import make_retriever
from rag.config import load_settings
from rag.embed import EmbeddedEmbedder
from rag.index import Index, build
from rag.load import Skipped, load
from rag.retrieve import DenseRetriever, LexicalRetriever

EVAL = Path(__file__).parents[1] / "eval"
QUESTIONS = 200


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    documents = (one for one in load([EVAL / "corpora"], 2**30) if not isinstance(one, Skipped))
    build(folder, documents, EmbeddedEmbedder.load(), chunk_max_chars=400)
    return Index.load(folder)


@pytest.fixture(scope="module")
def cases() -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in (EVAL / "sets" / "dev.jsonl").read_text("utf-8").splitlines()]
    asked = [(row["question"], row["evidence"][0]["document"]) for row in rows if row["answerable"]]
    return asked[:: max(1, len(asked) // QUESTIONS)][:QUESTIONS]


def test_fusion_is_never_below_its_best_part(index: Index, cases: list[tuple[str, str]]) -> None:
    settings = load_settings(environment={})
    embedder = EmbeddedEmbedder.load()
    fused = make_retriever(settings, index, embedder)
    routes = {"lexical": LexicalRetriever(index), "dense": DenseRetriever(index, embedder), "fused": fused}
    recall = {
        name: np.mean(
            [
                [hit.passage.document_id for hit in route.retrieve(question, 1)] == [document]
                for question, document in cases
            ]
        )
        for name, route in routes.items()
    }
    assert len(cases) >= 150
    assert recall["fused"] >= max(recall["lexical"], recall["dense"]), recall
    assert recall["fused"] > 0.85, recall
