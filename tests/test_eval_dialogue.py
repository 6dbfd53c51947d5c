"""Dialogues as data: the set is sound, terms are judged, and the figures can fail."""

import json
from pathlib import Path

import pytest

from eval.dialogue import FIRST, Judged, Step, is_completed, judge, load_dialogues, mistakes, to_markdown
from rag.assistant import Assistant, Limits
from rag.errors import UsageError
from rag.index import Index, build
from rag.retrieve import FusedRetriever
from rag.types import Provenance
from tests.fakes import FakeEmbedder, FakeReader, document

ROOT = Path(__file__).parents[1]
SET = ROOT / "eval/sets/dialogue.jsonl"


def step(question: str = "면적은?", **changes: tuple[str, ...]) -> Step:
    gold = {"carry": ("디지털허브",), "avoid": ("완공",), "answers": ("92,000㎡",)} | changes
    return Step(question, "attribute", "허브.txt", **gold)


def test_the_set_is_sound() -> None:
    dialogues = load_dialogues(SET)
    assert len(dialogues) >= 80
    assert len({one.id for one in dialogues}) == len(dialogues)
    assert {one.split for one in dialogues} == {"dev", "test"}
    for one in dialogues:
        assert [turn.kind == FIRST for turn in one.steps] == [True, *[False] * (len(one.steps) - 1)]
        for turn in one.steps:
            text = (ROOT / "corpus" / turn.document).read_text("utf-8")
            assert any(answer in text for answer in turn.answers), (one.id, turn.question)
            assert turn.kind == FIRST or turn.carry, one.id


def test_terms_are_carried_or_not() -> None:
    assert is_completed("카카오 디지털 허브의 면적은?", step())
    assert not is_completed("면적은?", step())
    assert not is_completed("카카오 디지털 허브 완공 시점의 면적은?", step())
    assert is_completed("딤채는?", step(carry=("김치냉장고/딤채",)))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Judged, ...]:
    folder = tmp_path_factory.mktemp("dialogue")
    made = [
        document("허브.txt", "카카오 디지털 허브의 면적은 92,000㎡이다.", "허브"),
        document("책.txt", "도서관의 책은 모두 100권이다.", "책"),
    ]
    build(folder / "index", made, FakeEmbedder(), chunk_max_chars=200)
    turns = [
        {"question": "카카오 디지털 허브 완공은?", "kind": "first", "carry": [], "avoid": []},
        {"question": "면적은?", "kind": "attribute", "carry": ["디지털허브"], "avoid": ["완공"]},
        {"question": "층수는?", "kind": "attribute", "carry": ["없는말"], "avoid": []},
    ]
    gold = {"document": "허브.txt", "answers": ["92,000㎡"]}
    record = {"id": "x", "split": "dev", "turns": [turn | gold for turn in turns]}
    path = folder / "set.jsonl"
    path.write_text(json.dumps(record), "utf-8")
    index = Index.load(folder / "index")
    retriever = FusedRetriever(index, FakeEmbedder(), candidates=5, dense_weight=0.1, aside_factor=0.6)
    provenance = Provenance("s", "i", "e", "r", "p", 0, ())
    assistant = Assistant(index, retriever, FakeReader(), Limits(5, 0.3, 100), provenance)
    return judge(assistant, load_dialogues(path))


def test_follow_ups_are_judged_and_reported(judged: tuple[Judged, ...]) -> None:
    assert [one.completed for one in judged] == [True, False]
    assert judged[0].found
    assert judged[0].answered
    assert "| 모두 | 2 | 0.500" in to_markdown(judged)
    [wrong] = mistakes(judged)
    assert "층수는?" in wrong


@pytest.mark.parametrize(
    "line", ["{}", '{"id": "a", "split": "train", "turns": [1, 2]}', '{"turns": 3}', "[]"]
)
def test_bad_lines_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(line, "utf-8")
    with pytest.raises(UsageError, match="1번째 줄"):
        load_dialogues(path)
