"""Retrieval order, repair of questions, and fusion against its parts."""

from pathlib import Path

import numpy as np
import pytest

from rag.embed import MaxSim
from rag.index import Index, build, retrieval_text
from rag.korean import analyse
from rag.retrieve import DenseRetriever, FusedRetriever, LexicalRetriever, top_rows
from rag.types import Role, Section, Span
from tests.fakes import FakeEmbedder, document

TEXTS = {
    "카카오.txt": "카카오는 남양주 왕숙에 디지털 허브를 짓는다. 디지털 허브 완공 시점은 2029년이다.",
    "포항.txt": "애플은 포항에 개발자 아카데미를 연다. 교육은 9개월 동안 이어진다.",
    "서울.txt": "서울시는 혁신성장 프로젝트에 3조4000억여 원을 투입한다.",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    made = [document(name, text) for name, text in TEXTS.items()]
    page = "디지털 허브 완공 시점은 언제인가?\n디지털 허브 완공 시점 댓글"
    sections = (Section(Span(0, 19)), Section(Span(20, len(page)), Role.ASIDE, "", own_title=True))
    build(
        folder, [*made, document("댓글.txt", page, "게시판", sections)], FakeEmbedder(), chunk_max_chars=200
    )
    return Index.load(folder)


def fused(index: Index, weight: float = 0.3, aside: float = 0.6) -> FusedRetriever:
    return FusedRetriever(index, FakeEmbedder(), candidates=10, dense_weight=weight, aside_factor=aside)


@pytest.mark.parametrize(
    "question",
    [
        "애플 개발자 아카데미 교육 기간은?",
        "애플개발자아카데미교육기간은",
        "애 플 개 발 자 아카데미",
        "dovmf roqkfwk dkzkepal",
    ],
)
def test_repaired_questions_find_their_passage(index: Index, question: str) -> None:
    retriever = fused(index)
    hits = retriever.retrieve(retriever.interpret(question), 3)
    assert hits[0].passage.document_id == "포항.txt"


def test_late_interaction_is_its_share_of_the_score(index: Index) -> None:
    question = "디지털 허브 준공은 언제?"
    plain = {hit.passage.id: hit.score for hit in fused(index, 0.0, 1.0).retrieve(question, 9)}
    late = FusedRetriever(
        index,
        FakeEmbedder(),
        candidates=10,
        dense_weight=0.0,
        aside_factor=1.0,
        late=MaxSim.load(),
        late_weight=0.4,
    )
    found = late.retrieve(question, 9)
    assert {hit.passage.id for hit in found} == plain.keys()
    for hit in found:
        alike = MaxSim.load().maxsim(analyse(question), [analyse(retrieval_text(hit.passage))])[0]
        assert hit.score == pytest.approx(0.6 * plain[hit.passage.id] + 0.4 * alike, abs=1e-5)


def test_interpret(index: Index) -> None:
    interpret = fused(index).interpret
    assert interpret("zkzkdh  gjqm") == "카카오 허브"
    assert interpret("MOU 체결") == "MOU 체결"
    assert interpret("카카오".encode().decode()) == "카카오"


def test_unknown_words_give_no_lexical_hits(index: Index) -> None:
    assert LexicalRetriever(index).retrieve("qqqq zzzz", 5) == ()
    assert LexicalRetriever(index).retrieve("???", 5) == ()


def test_top_k_is_clamped_and_ordered(index: Index) -> None:
    for retriever in (LexicalRetriever(index), DenseRetriever(index, FakeEmbedder()), fused(index)):
        hits = retriever.retrieve("디지털 허브 완공 시점", 100)
        assert 0 < len(hits) <= index.store.passage_count
        assert list(hits) == sorted(hits, key=lambda hit: (-hit.score, hit.passage.id))
        assert all(np.isfinite(hit.score) for hit in hits)


def test_asides_lose_to_articles_but_stay_findable(index: Index) -> None:
    hits = fused(index, aside=0.5).retrieve("디지털 허브 완공 시점 댓글", 10)
    roles = [hit.passage.role for hit in hits]
    assert roles[0] is Role.BODY
    assert Role.ASIDE in roles


def test_weight_zero_is_lexical(index: Index) -> None:
    question = "디지털 허브 완공 시점"
    alone = [hit.passage.id for hit in LexicalRetriever(index).retrieve(question, 5)]
    assert [hit.passage.id for hit in fused(index, 0.0, 1.0).retrieve(question, 5)] == alone


def test_top_rows_keeps_ties() -> None:
    scores = np.array([0.0, 2.0, 1.0, 1.0, -1.0], np.float32)
    assert sorted(top_rows(scores, 2)) == [1, 2, 3]
    assert sorted(top_rows(scores, 9)) == [1, 2, 3]


def test_of_very_many_ties_the_earliest_are_weighed(tmp_path: Path) -> None:
    made = [document(f"{n:03}.txt", "연번 이름 주소") for n in range(100)]
    build(tmp_path, made, FakeEmbedder(), chunk_max_chars=60)
    one = FusedRetriever(
        Index.load(tmp_path), FakeEmbedder(), candidates=3, dense_weight=0.0, aside_factor=1.0
    )
    hits = one.retrieve("주소", 100)
    assert {hit.passage.document_id for hit in hits} == {f"{n:03}.txt" for n in range(12)}
