"""A scope finds exactly what a search among its documents alone would find, whatever stands elsewhere."""

import numpy as np
import pytest

from rag.index import Index, build
from rag.retrieve import FusedRetriever
from rag.scope import scoped
from tests.fakes import FakeEmbedder, document

TEXTS = {f"{n}.txt": f"디지털 허브 {n}호를 남양주에 짓는다. 완공은 20{n:02}년이다." for n in range(30)}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    build(folder, [document(*one) for one in TEXTS.items()], FakeEmbedder(), chunk_max_chars=200)
    return Index.load(folder)


def found(index: Index, question: str, top_k: int = 10) -> list[str]:
    retriever = FusedRetriever(index, FakeEmbedder(), candidates=3, dense_weight=0.3, aside_factor=0.6)
    return [hit.passage.document_id for hit in retriever.retrieve(question, top_k)]


def test_only_chosen_documents_are_found_and_all_of_them(index: Index) -> None:
    chosen = {"7.txt", "19.txt"}
    assert set(found(scoped(index, chosen), "디지털 허브 3호 완공")) == chosen
    assert not chosen & set(found(index, "디지털 허브 3호 완공", 1))  # elsewhere others are better


def test_scores_inside_are_those_of_the_whole(index: Index) -> None:
    part = scoped(index, {"7.txt"})
    terms = ["허브", "7"]
    inside = index.store.inside({"7.txt"})
    assert np.array_equal(part.lexical.scores(terms)[inside], index.lexical.scores(terms)[inside])
    query = FakeEmbedder().embed_queries(["허브"])[0]
    rows, scores = part.dense.search(query, 5)
    assert rows.tolist() == np.flatnonzero(inside).tolist()
    assert scores == pytest.approx(index.dense.scores(query, rows))


def test_unknown_documents_leave_nothing(index: Index) -> None:
    assert found(scoped(index, {"없다.txt"}), "허브") == []
    assert scoped(index, set()).dense.count == 0


def test_dense_order_is_score_then_row(index: Index) -> None:
    part = scoped(index, TEXTS)
    query = FakeEmbedder().embed_queries(["남양주"])[0]
    rows, scores = part.dense.search(query, 30)
    expected = sorted(range(30), key=lambda row: (-index.dense.scores(query, np.arange(30))[row], row))
    assert rows.tolist() == expected
    assert (np.diff(scores) <= 0).all()
