"""Filters: who is admitted, and that what is found is what exists for the admitted alone."""

import random
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag.assistant import Assistant, Limits
from rag.embed import MaxSim
from rag.errors import UsageError
from rag.index import Index, build
from rag.korean import analyse, terms
from rag.retrieve import DenseRetriever, FusedRetriever, LexicalRetriever
from rag.types import Document, Filter, Outcome, Provenance
from tests.fakes import FakeEmbedder, FakeReader, document

NOUNS = "도서관 연체료 주차 요금 허브 완공 아카데미 교육 예약 회의 공장 협약 수당 휴가 소득세".split()


def made(count: int, seed: int = 0) -> list[Document]:
    rng = random.Random(seed)
    documents = []
    for number in range(count):
        words = rng.choices(NOUNS, k=12)
        text = " ".join(f"{word}의 {rng.randint(1, 99)}번째 {rng.choice(NOUNS)}이다." for word in words)
        date = f"20{10 + number % 15}-{1 + number % 12:02d}-{1 + number % 28:02d}"
        documents.append(
            Document(
                **{
                    **{n: getattr(document(f"{number}.txt", text), n) for n in Document.__dataclass_fields__},
                    "published": date if number % 7 else "",
                    "publisher": rng.choice(["국세청", "고용노동부", ""]),
                    "tags": tuple(rng.sample(["규정", "공지", "Q&A"], rng.randint(0, 3))),
                }
            )
        )
    return documents


DOCUMENTS = made(80)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    build(folder, DOCUMENTS, FakeEmbedder(), chunk_max_chars=80)
    return Index.load(folder)


FILTERS = [
    Filter(since="2015"),
    Filter(until="2015-06"),
    Filter(since="2014-03-02", until="2020-01-01"),
    Filter(sources=("국세청",)),
    Filter(sources=("1?.txt",)),
    Filter(sources=("고용", "3.txt")),
    Filter(tags=("규정",)),
    Filter(tags=("규정", "q&a")),
    Filter(documents=("5.txt", "77.txt", "없음")),
    Filter(since="2012", tags=("공지",), sources=("국세청",)),
    Filter(since="2100"),
]


def retrievers(index: Index) -> list[LexicalRetriever | DenseRetriever | FusedRetriever]:
    options = {"candidates": 200, "dense_weight": 0.3, "aside_factor": 0.6}
    return [
        LexicalRetriever(index),
        DenseRetriever(index, FakeEmbedder()),
        FusedRetriever(index, FakeEmbedder(), **options),  # type: ignore[arg-type]
        FusedRetriever(index, FakeEmbedder(), late=MaxSim.load(), late_weight=0.3, **options),  # type: ignore[arg-type]
    ]


def reference(index: Index, question: str, only: Filter, dense_weight: float) -> list[tuple[str, float]]:
    """The fused score of every admitted passage, one by one."""
    lexical = index.lexical.scores(terms(analyse(question)))
    query = FakeEmbedder().embed_queries([question])[0]
    rows = [
        row
        for row in range(index.store.passage_count)
        if only.admits(index.store.document(index.store.passage(row).document_id))
    ]
    highest = max((lexical[row] for row in rows), default=0.0)
    scored = [
        (
            index.store.passage(row).id,
            (1 - dense_weight) * lexical[row] / max(highest, 1e-9)
            + dense_weight * float(index.dense.vectors[row] @ query),
        )
        for row in rows
    ]
    return sorted(((name, score) for name, score in scored if score > 0), key=lambda one: (-one[1], one[0]))


@pytest.mark.parametrize("only", FILTERS, ids=str)
def test_found_is_what_a_search_of_the_admitted_alone_finds(index: Index, only: Filter) -> None:
    for question in ("도서관 연체료는?", "소득세 공제 휴가", "아카데미 협약 예약 회의"):
        expected = reference(index, question, only, 0.3)
        hits = retrievers(index)[2].retrieve(question, 10, only)
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected[:10]], abs=1e-5)
        assert {hit.passage.id for hit in hits} <= {name for name, _ in expected}


@pytest.mark.parametrize("only", FILTERS, ids=str)
def test_no_route_finds_others_and_few_are_not_lost(index: Index, only: Filter) -> None:
    admitted = {one.id for one in DOCUMENTS if only.admits(one)}
    for retriever in retrievers(index):
        hits = retriever.retrieve("도서관 연체료", 1000, only)
        assert {hit.passage.document_id for hit in hits} <= admitted
        if isinstance(retriever, FusedRetriever) and admitted:
            assert hits  # however many better ones stand elsewhere


def test_no_filter_is_no_filter(index: Index) -> None:
    for retriever in retrievers(index):
        assert retriever.retrieve("휴가 수당", 9, Filter()) == retriever.retrieve("휴가 수당", 9)
    assert not Filter()
    assert Filter(since="2020")


def test_admitted_rows_follow_their_documents(index: Index) -> None:
    mask = index.store.admitted(Filter(tags=("규정",)))
    for row in range(index.store.passage_count):
        tagged = "규정" in index.store.document(index.store.passage(row).document_id).tags
        assert bool(mask[row]) == tagged
    assert mask.dtype == np.bool_


@pytest.mark.parametrize(
    "date", ["어제", "2024-5", "24-05-01", "2024-05-31T00:00", "2024/05", "2024-13", "2024-02-30", "２０２４"]
)
def test_wrong_dates_are_named(date: str) -> None:
    with pytest.raises(UsageError, match="날짜"):
        Filter(since=date)


def test_dates_are_inclusive_and_undated_left_out() -> None:
    one = Document("a", "a", "a", published="2024-05-31")
    assert Filter(since="2024-05-31", until="2024-05-31").admits(one)
    assert Filter(until="2024-05").admits(one)
    assert Filter(since="2024-05", until="2024").admits(one)
    assert not Filter(since="2024-06").admits(one)
    assert not Filter(until="2024-04").admits(one)
    assert not Filter(until="2099").admits(Document("a", "a", "a"))


def test_the_assistant_reads_admitted_documents_only(tmp_path: Path) -> None:
    build(
        tmp_path,
        [document("가.txt", "연체료는 하루 100원이다."), document("나.txt", "연체료는 하루 500원이다.")],
        FakeEmbedder(),
        chunk_max_chars=80,
    )
    opened = Index.load(tmp_path)
    retriever = FusedRetriever(opened, FakeEmbedder(), candidates=9, dense_weight=0.1, aside_factor=1.0)
    provenance = Provenance("", "", "", "", "", 0, ())
    assistant = Assistant(opened, retriever, FakeReader(), Limits(5, 0.1, 100), provenance)
    answer = assistant.ask("연체료는 얼마?", only=Filter(documents=("나.txt",)))
    assert {citation.document_id for citation in answer.citations} == {"나.txt"}
    assert {hit.passage.document_id for hit in assistant.find("연체료", 9, Filter(sources=("가",)))} == {
        "가.txt"
    }
    nothing = assistant.ask("연체료는 얼마?", only=Filter(tags=("없음",)))
    assert nothing.outcome is Outcome.ABSTAINED


def test_a_decomposed_tag_is_the_same_tag() -> None:
    one = replace(DOCUMENTS[0], tags=("규정", "Q&A"))
    assert Filter(tags=(unicodedata.normalize("NFD", "규정"), "q&a")).admits(one)
    assert Filter(tags=("규정",)).admits(replace(one, tags=(unicodedata.normalize("NFD", "규정"),)))
