import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rag.config import load_settings
from rag.errors import ModelDamagedError, ModelMissingError
from rag.evidence import Place, ask, matched
from rag.extract import Booster, SpanReader
from rag.extract.candidate import candidates
from rag.extract.companion import LEAST, accompanied
from rag.extract.feature import texts_of
from rag.extract.field import faded, range_max
from rag.protocols import Reader
from rag.types import Draft, Evidence, Hit, Passage, Route, Span

WEIGHTS = Path(__file__).parents[1] / "rag" / "weights" / "reader"
TEXT = (
    "해솔도서관은 2019년 3월에 문을 열었다. 이 건물은 연면적 약 3,200㎡ 규모로, 공사비 45억 원이 들었다. "
    "관장은 문가람이며 사서 12명이 함께 일한다. '밤의 서가'라는 행사를 해마다 연다."
)
OTHER = "누리시장은 1974년에 생긴 전통시장으로, 점포 120곳이 모여 있다. 상인회장은 나도현이다."


def evidence(*texts: str, titles: tuple[str, ...] = ("해솔도서관", "누리시장")) -> tuple[Evidence, ...]:
    made = []
    for number, (text, title) in enumerate(zip(texts, titles, strict=False), 1):
        passage = Passage(f"p{number}", f"d{number}", Span(7, 7 + len(text)), text, title)
        made.append(Evidence(number, Hit(passage, 1.0 / number, Route.FUSED)))
    return tuple(made)


@pytest.fixture(scope="module")
def reader() -> SpanReader:
    return SpanReader.load(WEIGHTS)


def draft_of(reader: SpanReader, question: str, shown: tuple[Evidence, ...]) -> Draft:
    (draft,) = reader.read(question, shown)
    assert isinstance(draft, Draft)
    return draft


def spots(question: str, text: str) -> list[str]:
    asked = ask(question)
    pages = matched(asked, evidence(text))
    kept = [Place(0, n, a, b) for n, (a, b) in enumerate(pages[0].seen.analysis.bounds)]
    return texts_of(pages, kept, candidates(asked, pages, kept))


def test_is_a_reader(reader: SpanReader) -> None:
    assert isinstance(reader, Reader)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("해솔도서관 연면적은 얼마인가?", "3,200㎡"),
        ("해솔도서관은 언제 문을 열었어?", "2019년"),
        ("해솔도서관에서 일하는 사서는 몇 명인가요?", "12명"),
        ("누리시장에는 점포가 몇 곳 있나?", "120곳"),
    ],
)
def test_finds_the_answer_and_its_sentence(reader: SpanReader, question: str, answer: str) -> None:
    shown = evidence(TEXT, OTHER)
    best = draft_of(reader, question, shown).located[0]
    passage = shown[best.marker - 1].passage
    place = best.span or best.sentence
    assert passage.span.contains(best.sentence)
    assert best.sentence.contains(place)
    assert answer in passage.text[place.start - passage.span.start : place.end - passage.span.start]


def test_located_sentences_differ_and_are_probable(reader: SpanReader) -> None:
    draft = draft_of(reader, "해솔도서관 관장은 누구인가?", evidence(TEXT, OTHER))
    assert len({(place.marker, place.sentence) for place in draft.located}) == len(draft.located) <= 3
    assert all(0.0 <= place.support <= 1.0 for place in draft.located)
    assert draft.confidence == draft.located[0].support


def test_foreign_question_is_less_sure(reader: SpanReader) -> None:
    known = draft_of(reader, "해솔도서관 연면적은 얼마인가?", evidence(TEXT, OTHER))
    foreign = draft_of(reader, "잠수함 백상아리함의 어뢰 발사관은 몇 개인가?", evidence(TEXT, OTHER))
    least = load_settings(environment={}).abstain_below
    assert foreign.confidence < least <= known.confidence


@pytest.mark.parametrize("question", ["", "?", "뭐야", "a", "0", "ㅋㅋㅋ", "그 " * 200])
@pytest.mark.parametrize("text", ["", " ", "...", "가", "1", "「」", "\n\n", "(((", "’’‘"])
def test_odd_input_gives_one_draft(reader: SpanReader, question: str, text: str) -> None:
    passage = Passage("p", "d", Span(0, max(1, len(text))), text)
    draft = draft_of(reader, question, (Evidence(1, Hit(passage, 0.0, Route.FUSED)),))
    assert 0.0 <= draft.confidence <= 1.0


def test_no_evidence_is_refused(reader: SpanReader) -> None:
    assert draft_of(reader, "연면적은?", ()).refused


def test_reading_twice_is_equal(reader: SpanReader) -> None:
    shown = evidence(TEXT, OTHER)
    assert draft_of(reader, "공사비는?", shown) == draft_of(SpanReader.load(WEIGHTS), "공사비는?", shown)


def test_candidates_keep_numbers_whole_and_take_particles_off() -> None:
    found = spots("공사비는?", TEXT)
    assert {"45억 원", "3,200㎡", "약 3,200㎡", "2019년 3월", "문가람", "밤의 서가"} <= set(found)
    assert not {"3,200", "억 원", "억", "문가람이", "45억"} & set(found)


def test_clauses_are_candidates_for_why_only() -> None:
    text = "비가 많이 와서 행사를 취소했다."
    assert "비가 많이 와서" in spots("행사를 왜 취소했나?", text)
    assert "비가 많이 와서" not in spots("취소한 행사는?", text)


def test_faded_matches_agree_with_the_definition() -> None:
    block = np.random.default_rng(0).random((3, 9)).astype(np.float32)
    before, after = faded(block, 0.75)
    for k in range(9):
        for q in range(3):
            left = max((block[q, m] * 0.75 ** (k - m) for m in range(k)), default=0.0)
            right = max(block[q, m] * 0.75 ** (m - k + 1) for m in range(k, 9))
            assert before[q, k] == pytest.approx(left, abs=1e-6)
            assert after[q, k] == pytest.approx(right, abs=1e-6)


def test_range_max_agrees_with_the_definition() -> None:
    chance = np.random.default_rng(1)
    table = np.concatenate([chance.random((2, 12)), np.zeros((2, 1))], axis=1).astype(np.float32)
    first, last = chance.integers(0, 12, 50), chance.integers(0, 13, 50)
    found = range_max(table, first, last)
    for column, (a, b) in enumerate(zip(first, last, strict=True)):
        expected = table[:, a:b].max(axis=1) if a < b else np.zeros(2)
        assert found[:, column] == pytest.approx(expected)


def test_booster_equals_lightgbm() -> None:
    import lightgbm

    text = (WEIGHTS / "final.txt").read_text("utf-8")
    theirs, ours = lightgbm.Booster(model_str=text), Booster(text)
    table = np.random.default_rng(2).normal(0, 5, (64, ours.width)).astype(np.float32)
    assert np.abs(theirs.predict(table, raw_score=True) - ours.scores(table)).max() < 1e-9


def test_booster_refuses_other_widths_and_nonsense() -> None:
    booster = Booster((WEIGHTS / "holds.txt").read_text("utf-8"))
    assert len(booster.scores(np.zeros((0, booster.width), np.float32))) == 0
    with pytest.raises(ValueError, match="features"):
        booster.scores(np.zeros((2, booster.width + 1), np.float32))
    with pytest.raises(ModelDamagedError):
        Booster("not a model")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(WEIGHTS, folder)
    (folder / "holds.txt").write_bytes((folder / "holds.txt").read_bytes()[:-1] + b"x")
    with pytest.raises(ModelDamagedError):
        SpanReader.load(folder)
    manifest = json.loads((WEIGHTS / "manifest.json").read_text("utf-8"))
    del manifest["span_below"]
    shutil.rmtree(folder)
    shutil.copytree(WEIGHTS, folder)
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(ModelDamagedError):
        SpanReader.load(folder)


def test_missing_weights_are_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError):
        SpanReader.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        (
            "산업단지에 무엇무엇을 짓나?",
            "군은 공동주택 24가구와 작은 빨래방, 돌봄방을 짓기로 했다.",
            "공동주택 24가구와 작은 빨래방, 돌봄방",
        ),
        (
            "그는 큐비트를 무엇에 빗댔나?",
            "그는 큐비트를 탁자 위에서 돌고 있는 동전에 빗댔다.",
            "탁자 위에서 돌고 있는 동전",
        ),
        (
            "요구한 것은?",
            "위원회는 ▲수당 지급 ▲전표 폐지 ▲야간 작업 금지 등을 요구했다.",
            "수당 지급 ▲전표 폐지 ▲야간 작업 금지",
        ),
    ],
)
def test_lists_and_described_nouns_are_candidates(question: str, text: str, answer: str) -> None:
    assert answer in spots(question, text)


def test_questions_of_number_and_time_list_no_phrases() -> None:
    assert "탁자 위에서 돌고 있는 동전" not in spots("동전은 몇 개?", "탁자 위에서 돌고 있는 동전에 빗댔다.")


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9])
def test_few_passages_are_read_in_company(count: int) -> None:
    shown = evidence(*[TEXT] * count, titles=("글",) * count)
    made = accompanied(shown)
    assert tuple(made[:count]) == shown
    assert len(made) == (max(count, LEAST) if count else 0)
    assert [one.marker for one in made] == list(range(1, len(made) + 1))
    assert all(one.hit.score < shown[-1].hit.score for one in made[count:])
    assert len({one.passage.text for one in made[count:]}) == len(made[count:])


def test_one_short_note_is_no_answer_to_everything(reader: SpanReader) -> None:
    """Alone, it was taken for the answer whatever was asked: whole paragraphs always were in training."""
    note = evidence(
        "새빛 허브의 완공 시점은 2031년이다. 새빛 허브의 연면적은 약 92,000㎡이다.",
        titles=("새빛 허브 착공",),
    )
    least = load_settings(environment={}).abstain_below
    asked = (
        "시공사는 어디입니까?",
        "공사를 맡은 건설사 이름은?",
        "설계사 이름은 무엇입니까?",
        "주차장은 몇 면입니까?",
    )
    for question in asked:
        assert draft_of(reader, f"새빛 허브의 {question}", note).confidence < least, question
    assert draft_of(reader, "새빛 허브의 완공 시점은?", note).confidence > 0.9


def test_what_a_companion_says_is_never_an_answer(reader: SpanReader) -> None:
    texts = [one.passage.text for one in accompanied(evidence(OTHER))[1:]]
    assert any("멸치와 다시마" in text for text in texts)
    draft = draft_of(reader, "된장찌개를 끓일 때 국물은 무엇으로 내나요?", evidence(OTHER))
    assert {one.marker for one in draft.located} <= {1}
    assert draft.confidence < 0.1
