from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.case import Purpose, check_evidence, load_set, missing_evidence, read_card, read_corpus
from rag.errors import UsageError

GOOD = {
    "id": "q1",
    "question": "다리는 언제 놓였나?",
    "answers": ["1925년"],
    "answerable": True,
    "evidence": [{"document": "d1", "quote": "다리는 1925년에 놓였다."}],
    "type": "when",
    "cluster": "d1",
}


def written(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")
    return path


def test_a_case_survives_the_round_trip(tmp_path: Path) -> None:
    (case,) = load_set(written(tmp_path / "s.jsonl", GOOD))
    assert case.to_json() == GOOD


def test_cluster_falls_back_to_the_document(tmp_path: Path) -> None:
    (case,) = load_set(written(tmp_path / "s.jsonl", {**GOOD, "cluster": ""}))
    assert case.cluster == "d1"


def test_questions_are_normalised(tmp_path: Path) -> None:
    (case,) = load_set(written(tmp_path / "s.jsonl", {**GOOD, "question": "다리 "}))
    assert case.question == "다리"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"question": " "}, "question"),
        ({"answers": "1925년"}, "answers"),
        ({"answers": [""]}, "answers"),
        ({"answerable": "yes"}, "answerable"),
        ({"evidence": []}, "evidence가 없습니다"),
        ({"evidence": ["다리는"]}, "evidence"),
        ({"answerable": False}, "answerable이 false"),
        ({"anwsers": []}, "anwsers"),
    ],
)
def test_a_bad_case_is_refused_with_its_line(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    path = written(tmp_path / "s.jsonl", GOOD, {**GOOD, "id": "q2", **change})
    with pytest.raises(UsageError, match="2번째 줄") as caught:
        load_set(path)
    assert complaint in str(caught.value)


def test_repeated_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="앞에도 있습니다"):
        load_set(written(tmp_path / "s.jsonl", GOOD, GOOD))


def test_every_problem_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="잘못이 2가지"):
        load_set(written(tmp_path / "s.jsonl", {**GOOD, "id": ""}, {**GOOD, "question": ""}))


def test_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text("[1]\n", "utf-8")
    with pytest.raises(UsageError, match="1번째 줄은 JSON 객체가 아닙니다"):
        load_set(path)
    with pytest.raises(UsageError, match="읽을 수 없습니다"):
        load_set(tmp_path / "absent.jsonl")


def test_evidence_must_stand_in_the_corpus(tmp_path: Path) -> None:
    path = written(tmp_path / "s.jsonl", GOOD)
    cases = load_set(path)
    check_evidence(path, cases, {"d1": "옛 다리는 1925년에 놓였다. 끝."})
    assert "문서 'd1'이(가) 코퍼스에" in next(missing_evidence(cases, {}))
    with pytest.raises(UsageError, match="근거 “다리는 1925년에"):
        check_evidence(path, cases, {"d1": "다리는 1926년에 놓였다."})


def test_corpus_ids_are_unique(tmp_path: Path) -> None:
    path = written(tmp_path / "c.jsonl", {"id": "a", "text": "가"}, {"id": "a", "text": "나"})
    with pytest.raises(UsageError, match="두 번"):
        read_corpus([path])


def test_card(tmp_path: Path) -> None:
    assert read_card(tmp_path / "dev.jsonl") is None
    card = tmp_path / "dev.card.toml"
    card.write_text('purpose = "dev"\ncorpora = ["c.jsonl"]\nlicence = "x"\ndescription = "y"\n', "utf-8")
    read = read_card(tmp_path / "dev.jsonl")
    assert read is not None
    assert (read.purpose, read.corpora) == (Purpose.DEV, (tmp_path / "c.jsonl",))
    card.write_text('purpose = "exam"\n', "utf-8")
    with pytest.raises(UsageError, match="데이터 카드"):
        read_card(tmp_path / "dev.jsonl")
