from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval import jsonl
from eval.case import MULTI, check_evidence, load_set, read_corpus
from eval.importer import Format, Imported, load, write
from rag.errors import UsageError

CONTEXT = "한빛다리는 1925년에 놓였다. 길이는 120m이다. 1925년은 을축년 홍수가 난 해이기도 하다."


def saved(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    return path


def answer(text: str, context: str = CONTEXT, last: bool = False) -> dict[str, object]:
    return {"text": text, "answer_start": context.rindex(text) if last else context.index(text)}


def round_trip(made: Imported, folder: Path) -> None:
    """Whatever was imported is a valid set on its corpus."""
    corpus, cases = write(made, folder)
    check_evidence(cases, load_set(cases), read_corpus([corpus]))
    assert load_set(cases) == tuple(made.cases)


def squad(*qas: dict[str, object]) -> dict[str, object]:
    return {
        "version": "x",
        "data": [{"title": "한빛다리", "paragraphs": [{"context": CONTEXT, "qas": list(qas)}]}],
    }


def test_korquad1(tmp_path: Path) -> None:
    qa = {"id": "1-0", "question": "언제 놓였나?", "answers": [answer("1925년")]}
    late = {"id": "1-1", "question": "홍수가 난 해는?", "answers": [answer("1925년", last=True)]}
    made = load(Format.KORQUAD1, saved(tmp_path / "k.json", squad(qa, late)))
    first, second = made.cases
    assert (first.id, first.answers, first.cluster) == ("1-0", ("1925년",), "한빛다리")
    assert first.evidence[0].quote == "한빛다리는 1925년에 놓였다."
    assert second.evidence[0].quote.startswith("1925년은 을축년")  # the place that was meant
    assert made.titles == {"한빛다리#1": "한빛다리"}
    round_trip(made, tmp_path / "out")


def test_klue_and_squad2_know_the_impossible(tmp_path: Path) -> None:
    possible = {"guid": "k-0", "question": "길이는?", "answers": [answer("120m")], "is_impossible": False}
    not_so = {"guid": "k-1", "question": "높이는?", "answers": [], "is_impossible": True}
    lured = {**not_so, "guid": "k-2", "plausible_answers": [answer("120m")]}
    path = saved(tmp_path / "k.json", squad(possible, not_so, lured))
    for kind in (Format.KLUE_MRC, Format.SQUAD2):
        made = load(kind, path)
        assert [(c.id, c.answerable, c.type) for c in made.cases] == [
            ("k-0", True, "other"),
            ("k-1", False, "none"),
            ("k-2", False, "none"),
        ]
        assert made.cases[1].cluster == "한빛다리"
    round_trip(made, tmp_path / "out")


def test_answers_that_are_not_there_are_skipped(tmp_path: Path) -> None:
    bad = {"id": "b", "question": "색은?", "answers": [{"text": "붉은색", "answer_start": 0}]}
    good = {"id": "g", "question": "길이는?", "answers": [answer("120m")]}
    made = load(Format.KORQUAD1, saved(tmp_path / "k.json", squad(bad, good)))
    assert [case.id for case in made.cases] == ["g"]
    assert made.skipped == ["b: 답 ['붉은색']이(가) 글에 없음"]


def test_paragraphs_of_one_title_stay_apart(tmp_path: Path) -> None:
    two = squad({"id": "1", "question": "길이는?", "answers": [answer("120m")]})
    other = {"title": "한빛다리", "paragraphs": [{"context": "딴 글이다.", "qas": []}]}
    two["data"] = [*two["data"], other]  # type: ignore[misc]
    made = load(Format.KORQUAD1, saved(tmp_path / "k.json", two))
    assert list(made.texts) == ["한빛다리#1", "한빛다리#1-2"]


def test_korquad2_pages_lose_their_tags(tmp_path: Path) -> None:
    table = "<table><tr><td>길이</td><td>120m</td></tr></table>"
    context = f"<h1>한빛다리</h1><p>한빛다리는 <b>1925년</b>에 놓였다.</p>{table}"
    qas = [
        {"id": "p-0", "question": "언제?", "answer": answer("1925년", context)},
        {"id": "p-1", "question": "제원은?", "answer": answer("<td>길이</td><td>120m</td>", context)},
    ]
    page = {"title": "한빛다리", "url": "u", "context": context, "raw_html": context, "qas": qas}
    made = load(Format.KORQUAD2, saved(tmp_path / "k.json", {"version": "KorQuAD_2.1", "data": [page]}))
    assert made.texts["한빛다리"] == "한빛다리\n한빛다리는 1925년에 놓였다.\n길이 120m"
    assert [case.answers for case in made.cases] == [("1925년",), ("길이 120m",)]
    assert made.cases[0].evidence[0].quote == "한빛다리는 1925년에 놓였다."
    round_trip(made, tmp_path / "out")


def test_less_than_is_no_tag(tmp_path: Path) -> None:
    page = {"title": "t", "context": "a < b 이고 c > d 이다.", "qas": []}
    qas = [{"id": "1", "question": "무엇?", "answer": {"text": "a < b", "answer_start": 0}}]
    made = load(Format.KORQUAD2, saved(tmp_path / "k.json", {"data": [{**page, "qas": qas}]}))
    assert made.texts["t"] == "a < b 이고 c > d 이다."


@pytest.mark.parametrize("place", ["qrels.tsv", "qrels/test.tsv"])
def test_beir(tmp_path: Path, place: str) -> None:
    jsonl.write(
        tmp_path / "corpus.jsonl",
        [{"_id": "d1", "title": "다리", "text": CONTEXT}, {"_id": "d2", "text": "딴 글"}],
    )
    jsonl.write(
        tmp_path / "queries.jsonl", [{"_id": "q1", "text": "다리 길이"}, {"_id": "q2", "text": "버려진 질문"}]
    )
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\n", "utf-8")
    made = load(Format.BEIR, tmp_path)
    (case,) = made.cases
    assert (case.id, case.answers, case.answerable) == ("q1", (), True)
    assert [item.document for item in case.evidence] == ["d1"]
    round_trip(made, tmp_path / "out")


def test_autorag(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow가 없어 parquet을 시험하지 않음")
    parquet = pytest.importorskip("pyarrow.parquet")
    corpus = {"doc_id": ["d1", "d2", "d3"], "contents": [CONTEXT, "둘째 글이다.", "셋째 글이다."]}
    qa = {
        "qid": ["q1", "q2", "q3"],
        "query": ["길이는?", "둘 다 있어야 하는 것은?", "사라진 글은?"],
        "retrieval_gt": [[["d1", "d2"]], [["d2"], ["d3"]], [["d9"]]],
        "generation_gt": [["120m"], ["둘"], ["없음"]],
    }
    parquet.write_table(pyarrow.table(corpus), tmp_path / "corpus.parquet")
    parquet.write_table(pyarrow.table(qa), tmp_path / "qa.parquet")
    made = load(Format.AUTORAG, tmp_path)
    assert [(c.id, c.type, [e.document for e in c.evidence]) for c in made.cases] == [
        ("q1", "other", ["d1", "d2"]),
        ("q2", MULTI, ["d2", "d3"]),
    ]
    assert made.skipped == ["q3: 문서 'd9'이(가) 없음"]
    round_trip(made, tmp_path / "out")


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Format.KORQUAD1, {"data": 3}), (Format.SQUAD2, []), (Format.KORQUAD2, {"data": [{"qas": [1]}]})],
)
def test_other_forms_are_refused(tmp_path: Path, kind: Format, value: object) -> None:
    with pytest.raises(UsageError, match="형식이 아닙니다"):
        load(kind, saved(tmp_path / "x.json", value))


def test_absent_and_empty(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="읽을 수 없습니다"):
        load(Format.KORQUAD1, tmp_path / "absent.json")
    with pytest.raises(UsageError, match="하나도"):
        load(Format.KORQUAD1, saved(tmp_path / "x.json", {"data": []}))
