from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eval.analysis import Analysis, analyse_run, analyse_scores
from eval.case import EvalCase, GoldEvidence
from eval.compare import pair, to_markdown
from eval.page import page
from eval.record import Located, read_run
from eval.report import to_json, write_report
from eval.response import Quote, Response, Shown
from eval.retrieval import Place
from eval.run import run
from eval.score import CaseScore, score_case
from rag import load_settings
from rag.errors import UsageError
from rag.types import Outcome
from tests.test_eval_run import CASES, REPLIES, FakeAssistant

EVIL = '<script>alert("나")</script>&'
VOID = {"meta", "input"}


class Reader(HTMLParser):
    """Collects tags and text; fails on unbalanced tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def scored(question: str, answer: str | None, gold: str = "1925년", name: str = "q") -> CaseScore:
    text = "한빛다리는 1925년에 놓였다. 끝."
    place = Place("d", 0, len(text))
    case = EvalCase(name, question, (gold,), True, (GoldEvidence("d", text[:16]),), "when", "d")
    response = Response(
        text=answer or "",
        answer=answer or "",
        is_sentence=False,
        outcome=Outcome.ANSWERED if answer else Outcome.ABSTAINED,
        confidence=0.5,
        quotes=(Quote("1925년", Place("d", 6, 11)),) if answer else (),
        found=(place,),
        read=1,
        unsupported=0,
        timings={"total": 3.0},
        tokens=None,
        shown=(Shown(place, EVIL, text),),
    )
    return score_case(Located(case, ((Place("d", 0, 16),),)), response)


@pytest.fixture
def analysis(tmp_path: Path) -> Analysis:
    path = tmp_path / "s.jsonl"
    path.write_text("".join(json.dumps(c, ensure_ascii=False) + "\n" for c in CASES), "utf-8")
    settings = load_settings(environment={})
    run(path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))
    return analyse_run(read_run(tmp_path / "run"))


def test_three_files_say_the_same(tmp_path: Path, analysis: Analysis) -> None:
    html, markdown, data = write_report(analysis, tmp_path / "report")
    table = json.loads(data.read_text("utf-8"))
    assert table["funnel"]["misread"] == 1
    assert table["figures"]["right"]["n"] == 6
    assert sum(table["funnel"].values()) == len(table["scores"]) == len(CASES)
    assert "| 잘못 읽음 | 1 |" in markdown.read_text("utf-8")
    assert "−1 잘못 읽음" in html.read_text("utf-8")


def test_the_page_is_whole_and_alone(analysis: Analysis) -> None:
    text = page(analysis)
    reader = Reader(text)
    assert reader.open == []
    for tag, attributes in reader.tags:
        assert tag not in {"link", "img", "iframe", "object"}
        assert not {"src", "href"} & attributes.keys(), tag
    assert "url(" not in text
    assert "@import" not in text
    assert len([tag for tag, _ in reader.tags if tag == "details"]) == len(CASES)


def test_all_text_is_escaped() -> None:
    reader = Reader(page(analyse_scores(EVIL, [scored(EVIL, EVIL, EVIL)])))
    assert [tag for tag, _ in reader.tags].count("script") == 1  # our own
    assert "".join(reader.words).count(EVIL) >= 4  # title, heading, question, answer


def test_citations_and_gold_are_marked_in_the_passage() -> None:
    text = page(analyse_scores("x", [scored("언제?", "1925년")]))
    marked = '<span class="gold">한빛다리는 </span><mark><span class="gold">1925년</span></mark>'
    assert marked in text


def test_failures_are_announced(analysis: Analysis) -> None:
    assert "질문 1개는 채점하지 않았습니다(실패 1, 묻지 않음 0)" in page(analysis)


def test_nothing_scored_still_makes_a_page() -> None:
    text = page(analyse_scores("빈 것", []))
    assert Reader(text).open == []
    assert "<svg" not in text


def test_json_has_no_nan(analysis: Analysis) -> None:
    json.dumps(to_json(analysis), allow_nan=False)


def test_comparison_lists_what_flipped() -> None:
    left = [
        scored("가?", "1925년", name="a"),
        scored("나?", "1800년", name="b"),
        scored("다?", None, name="c"),
    ]
    right = [
        scored("가?", "1800년", name="a"),
        scored("나?", "1925년", name="b"),
        scored("다?", None, name="c"),
    ]
    found = pair(left, right)
    assert found.shared == 3
    assert [(flip.left.case.id, flip.gained) for flip in found.flips] == [("a", False), ("b", True)]
    assert found.figures["right"].difference.value == 0.0
    text = to_markdown(found, "A", "B")
    assert "B에서 좋아진 질문 1개" in text
    assert "A: 1800년 — 잘못 읽음" in text
    assert "B: 1925년 — 맞음" in text


def test_runs_of_other_questions_are_not_compared() -> None:
    with pytest.raises(UsageError, match="질문이 같지 않습니다"):
        pair([scored("가?", "1925년")], [scored("나?", "1925년")])


def test_failures_are_left_out_of_pairs() -> None:
    alone = score_case(scored("가?", None).located, None)
    found = pair([scored("가?", "1925년")], [alone])
    assert (found.shared, found.left_out, found.figures) == (0, 1, {})
