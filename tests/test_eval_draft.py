from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval import jsonl
from eval.case import load_set, missing_evidence
from eval.draft import Draft, as_question, make, read, review
from rag.errors import UsageError

TEXT = (
    "한빛다리는 1925년에 놓였다. 공사에는 약 4,200억 원을 들였다. 해마다 사람 300명이 다리를 고친다. "
    "길이는 1.2km이고 폭은 20m이다. 이 다리는 1960년에 헐렸다. 다리는 아름답다. "
    "시장은 “다리를 2030년에 다시 놓겠다”고 말했다. 이름은 1930년에 바뀐 것이라 한다네."
)


def drafts(per_document: int = 9) -> list[Draft]:
    return list(make({"bridge": TEXT}, per_document))


def test_drafts_by_hand() -> None:
    assert [(d.case.question, d.case.answers) for d in drafts()] == [
        ("한빛다리는 언제 놓였나요?", ("1925년",)),
        ("공사에는 얼마를 들였나요?", ("4,200억 원",)),
        ("해마다 사람 몇 명이 다리를 고치나요?", ("300명",)),
    ]


def test_evidence_is_verbatim_and_bounded_by_document() -> None:
    assert list(missing_evidence([d.case for d in drafts()], {"bridge": TEXT})) == []
    assert len(drafts(2)) == 2


@pytest.mark.parametrize(
    ("statement", "question"),
    [
        ("값은 얼마이다", "값은 얼마인가요?"),
        ("몇 명을 뽑는다", "몇 명을 뽑나요?"),
        ("언제 문을 연다", "언제 문을 여나요?"),
        ("몇 곳이 있다", "몇 곳이 있나요?"),
        ("참 곱다", None),
        ("", None),
    ],
)
def test_as_question(statement: str, question: str | None) -> None:
    assert as_question(statement) == question


def test_a_model_drafts_beside_the_rules() -> None:
    asked: list[str] = []

    def writer(text: str) -> tuple[str, str] | None:
        asked.append(text)
        return ("다리는 왜 헐렸나?", "1960년") if len(asked) == 1 else None

    long = TEXT + "\n\n짧은 글.\n" + "가" * 70
    found = list(make({"bridge": long}, 2, writer))
    assert [d.case.answers for d in found] == [("1925년",), ("4,200억 원",), ("1960년",)]
    assert found[2].case.evidence[0].quote == "이 다리는 1960년에 헐렸다."
    assert asked == [TEXT, "가" * 70]


def test_a_set_refuses_drafts(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    jsonl.write(path, (d.to_json() for d in drafts()))
    with pytest.raises(UsageError, match="검토하지 않은 초안"):
        load_set(path)
    assert read(path) == drafts()


def test_a_case_is_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps(drafts()[0].case.to_json()) + "\n", "utf-8")
    with pytest.raises(UsageError, match="초안이 아닙니다"):
        read(path)


def test_review() -> None:
    replies = iter(["n", "다리를 짓는 데 얼마 들었어?", "q"])
    lines: list[str] = []
    done = review(drafts(), lines.append, lambda words: next(replies))
    assert [case.question for case in done.accepted] == ["다리를 짓는 데 얼마 들었어?"]
    assert (done.rejected, [d.case.answers for d in done.left]) == (1, [("300명",)])
    assert any("근거(bridge): 한빛다리는 1925년에 놓였다." in line for line in lines)


def test_accepted_drafts_are_a_set(tmp_path: Path) -> None:
    done = review(drafts(), lambda words: None, lambda words: "y")
    jsonl.write(tmp_path / "s.jsonl", (case.to_json() for case in done.accepted))
    assert load_set(tmp_path / "s.jsonl") == tuple(d.case for d in drafts())
