from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eval.case import load_set
from eval.figure import funnel, summary
from eval.metric import Verdict
from eval.record import Located, read_info, read_records, read_run
from eval.response import from_foreign, from_run, read_foreign
from eval.retrieval import Level, Place
from eval.run import run
from eval.score import GOOD, CaseScore, Stage, score_all, score_case
from rag import load_settings
from rag.config import Settings
from rag.errors import ModelError, QuestionError, UsageError
from rag.types import (
    Answer,
    Citation,
    Document,
    Hit,
    Outcome,
    Passage,
    Provenance,
    Route,
    Section,
    Span,
    Timings,
)

BRIDGE = "한빛다리는 1925년에 놓였다. 길이는 1.2km이다. 설계는 김이음이 맡았다."
MARKET = "달빛시장은 매주 토요일에 열린다. 가게는 40곳이다."


def document(name: str, text: str) -> Document:
    return Document(id=name, title=name, text=text, sections=(Section(Span(0, len(text))),))


class FakeAssistant:
    """Answers by table: question to (document, quote, short answer, confidence); else refuses."""

    def __init__(self, settings: Settings, replies: dict[str, tuple[str, str, str | None, float]]) -> None:
        self.provenance = Provenance(
            settings.digest, "index", "embedder", "reader", "prompt", 0, (("x", "1"),)
        )
        self.documents = {d.id: d for d in (document("bridge", BRIDGE), document("market", MARKET))}
        self.replies = replies
        self.asked: list[str] = []

    def document(self, document_id: str) -> Document:
        return self.documents[document_id]

    def find(self, question: str, top_k: int) -> tuple[Hit, ...]:
        order = ["market", "bridge"] if "시장" in question else ["bridge", "market"]
        texts = [self.documents[name] for name in order][:top_k]
        passages = [Passage.cut(d, d.sections[0], d.sections[0].span, d.text) for d in texts]
        return tuple(Hit(p, 1.0 / n, Route.FUSED) for n, p in enumerate(passages, 1))

    def ask(self, question: str) -> Answer:
        self.asked.append(question)
        if "고장" in question:
            raise QuestionError("고장 난 질문입니다.")
        if "멈춤" in question:
            raise ModelError("모델이 없습니다.")
        reply = self.replies.get(question)
        blank = Answer(
            question,
            "",
            None,
            Outcome.ABSTAINED,
            0.2,
            (),
            self.find(question, 1),
            self.provenance,
            Timings(1, 2, 3),
        )
        if reply is None:
            return blank
        name, quote, short, confidence = reply
        at = self.documents[name].text.index(quote)
        citation = Citation(1, name, name, name, Span(at, at + len(quote)), quote, 0.9)
        text = f"{short}입니다. [1]" if short else f"{quote} [1]"
        return replace(
            blank,
            text=text,
            short_answer=short,
            outcome=Outcome.ANSWERED,
            confidence=confidence,
            citations=(citation,),
        )


def case(
    name: str, question: str, answers: list[str], *evidence: tuple[str, str], kind: str = "x"
) -> dict[str, object]:
    return {
        "id": name,
        "question": question,
        "answers": answers,
        "answerable": bool(evidence),
        "evidence": [{"document": d, "quote": q} for d, q in evidence],
        "type": kind,
        "cluster": evidence[0][0] if evidence else "none",
    }


YEAR, LENGTH, DESIGN = BRIDGE.split(". ")
CASES = [
    case("right", "다리가 놓인 해는?", ["1925년"], ("bridge", YEAR)),
    case("misread", "다리 길이는?", ["1.2km"], ("bridge", LENGTH)),
    case("not_selected", "다리 설계자는?", ["김이음"], ("bridge", DESIGN)),
    case("not_retrieved", "가게는 몇 곳?", ["40곳"], ("market", "가게는 40곳이다.")),
    case("wrongly_refused", "다리 설계를 맡은 이는?", ["김이음"], ("bridge", DESIGN)),
    case("not_in_corpus", "다리 색은?", ["붉은색"], ("bridge", "다리는 붉은색이다.")),
    case("wrongly_answered", "다리 공사비는?", []),
    case("rightly_refused", "다리 높이는?", []),
    case("failed", "고장", ["가"], ("bridge", YEAR)),
]
REPLIES: dict[str, tuple[str, str, str | None, float]] = {
    "다리가 놓인 해는?": ("bridge", YEAR, "1925년", 0.9),
    "다리 길이는?": ("bridge", LENGTH, "길이", 0.8),
    "다리 설계자는?": ("bridge", YEAR, "1925년", 0.7),
    "다리 공사비는?": ("bridge", YEAR, "1925년", 0.6),
}


@pytest.fixture
def settings() -> Settings:
    return load_settings(environment={})


@pytest.fixture
def set_path(tmp_path: Path) -> Path:
    path = tmp_path / "s.jsonl"
    path.write_text("".join(json.dumps(c, ensure_ascii=False) + "\n" for c in CASES), "utf-8")
    return path


@pytest.fixture
def scores(tmp_path: Path, set_path: Path, settings: Settings) -> tuple[CaseScore, ...]:
    run(set_path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))
    done = read_run(tmp_path / "run")
    return score_all(done.cases, from_run(done))


def test_each_case_ends_in_its_stage(scores: tuple[CaseScore, ...]) -> None:
    assert {score.case.id: score.stage.value for score in scores} == {str(c["id"]): c["id"] for c in CASES}
    assert funnel(scores)[Stage.RIGHT] == 1
    assert sum(funnel(scores).values()) == len(CASES)


def test_summary_by_hand(scores: tuple[CaseScore, ...]) -> None:
    found = {name: (e.value, e.n) for name, e in summary(scores).items()}
    assert found["good_end"] == (pytest.approx(2 / 8), 8)  # the failure is not scored
    assert found["right"] == (pytest.approx(1 / 6), 6)
    assert found["exact_match"] == (pytest.approx(1 / 6), 6)
    assert found["right_of_answered"] == (pytest.approx(1 / 4), 4)
    assert found["citation_precision"] == (pytest.approx(2 / 4), 4)
    assert found["citation_recall"] == (pytest.approx(2 / 3), 3)
    assert found["refusal_precision"] == (pytest.approx(1 / 4), 4)
    assert found["refusal_recall"] == (pytest.approx(1 / 2), 2)
    assert found["refusal_f1"] == (pytest.approx(2 / 6), 5)
    assert found["passage_recall@1"] == (pytest.approx(4 / 5), 5)  # not_in_corpus has no place
    assert found["passage_recall@3"] == (1.0, 5)


def test_multi_needs_all_evidence(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "s.jsonl"
    both = case(
        "both", "다리와 가게는?", ["둘"], ("bridge", YEAR), ("market", "가게는 40곳이다."), kind="multi"
    )
    path.write_text(json.dumps(both, ensure_ascii=False) + "\n", "utf-8")
    run(path, tmp_path / "run", settings, FakeAssistant(settings, {}))
    done = read_run(tmp_path / "run")
    (score,) = score_all(done.cases, from_run(done))
    assert score.stage is Stage.NOT_RETRIEVED
    assert score.ranks[Level.PASSAGE] == (1, 2)


def test_a_run_resumes_where_it_was_cut(tmp_path: Path, set_path: Path, settings: Settings) -> None:
    out = tmp_path / "run"
    run(set_path, out, settings, FakeAssistant(settings, REPLIES))
    whole = (out / "records.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    (out / "records.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:40])  # killed while writing
    again = FakeAssistant(settings, REPLIES)
    run(set_path, out, settings, again)
    assert again.asked == [str(c["question"]) for c in CASES[3:]]
    assert (out / "records.jsonl").read_bytes() == whole


def test_other_settings_do_not_resume(tmp_path: Path, set_path: Path, settings: Settings) -> None:
    run(set_path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))
    other = replace(settings, top_k=9)
    with pytest.raises(UsageError, match=f"top_k: {settings.top_k} ≠ 9"):
        run(set_path, tmp_path / "run", other, FakeAssistant(other, REPLIES))


def test_another_set_does_not_resume(tmp_path: Path, set_path: Path, settings: Settings) -> None:
    run(set_path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))
    set_path.write_text(set_path.read_text("utf-8").replace("다리 높이", "다리의 높이"), "utf-8")
    with pytest.raises(UsageError, match="set_digest"):
        run(set_path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))


def test_settings_must_be_those_of_the_assistant(tmp_path: Path, set_path: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match="지문이 다릅니다"):
        run(set_path, tmp_path / "run", replace(settings, top_k=9), FakeAssistant(settings, {}))


def test_a_strange_folder_is_left_alone(tmp_path: Path, set_path: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match="비어 있지 않고"):
        run(set_path, tmp_path, settings, FakeAssistant(settings, {}))


def test_failures_are_recorded(tmp_path: Path, set_path: Path, settings: Settings) -> None:
    run(set_path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))
    record = read_records(tmp_path / "run")["failed"]
    assert record["answer"] is None
    assert record["error"] == {"kind": "QuestionError", "message": "고장 난 질문입니다."}


def test_failures_are_asked_again_on_request(tmp_path: Path, set_path: Path, settings: Settings) -> None:
    run(set_path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))
    again = FakeAssistant(settings, REPLIES)
    run(set_path, tmp_path / "run", settings, again)
    assert again.asked == []
    run(set_path, tmp_path / "run", settings, again, retry=True)
    assert again.asked == ["고장"]
    assert len(read_records(tmp_path / "run")) == len(CASES)


def test_a_missing_model_ends_the_run(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps(case("a", "멈춤", [])) + "\n", "utf-8")
    with pytest.raises(ModelError):
        run(path, tmp_path / "run", settings, FakeAssistant(settings, {}))
    info = read_info(tmp_path / "run")
    assert info is not None
    assert info.finished == ""


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("records.jsonl", '"index": "index"', '"index": "other"', "index이\\(가\\) 다름"),
        ("run.json", '"top_k": 8', '"top_k": 7', "지문이 다름"),
        ("records.jsonl", '"id": "right"', '"id": "unknown"', "집합에 없는"),
    ],
)
def test_a_run_that_lies_is_refused(
    tmp_path: Path, set_path: Path, settings: Settings, name: str, old: str, new: str, complaint: str
) -> None:
    run(set_path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))
    path = tmp_path / "run" / name
    changed = path.read_text("utf-8").replace(old, new, 1)
    assert changed != path.read_text("utf-8")
    path.write_text(changed, "utf-8")
    with pytest.raises(UsageError, match=complaint):
        read_run(tmp_path / "run")


@pytest.fixture
def located(set_path: Path) -> list[Located]:
    cases = load_set(set_path)
    return [Located(c, tuple(() for _ in c.evidence)) for c in cases]


def test_answers_of_other_systems(tmp_path: Path, located: list[Located]) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        {"id": "right", "answer": "한빛다리는 1925년에 놓였습니다.", "quotes": [YEAR], "confidence": 0.5},
        {"id": "misread", "answer": "800m", "quotes": [{"quote": LENGTH}]},
        {"id": "rightly_refused", "answer": None},
        {"id": "wrongly_refused", "answer": ""},
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    scores = {s.case.id: s for s in score_all(located, read_foreign(path, located))}
    for name in ("right", "misread", "rightly_refused", "wrongly_refused"):
        assert scores[name].stage.value == name
    assert scores["failed"].stage is Stage.UNANSWERED
    found = summary(list(scores.values()))
    assert found["good_end"].n == 4
    assert "passage_mrr" not in found


@pytest.mark.parametrize(
    "record",
    [{"answer": 3}, {"answer": "a", "quotes": "q"}, {"answer": "a", "confidence": 2}, {"quotes": [3]}],
)
def test_malformed_foreign_answers(record: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"어야|여야"):
        from_foreign(record)


def test_foreign_ids_are_checked(tmp_path: Path, located: list[Located]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "zzz", "answer": "a"}\n', "utf-8")
    with pytest.raises(UsageError, match="1번째 줄: 집합에 없는"):
        read_foreign(path, located)


def test_answer_from_elsewhere_is_still_right(located: list[Located]) -> None:
    right = next(item for item in located if item.case.id == "right")
    response = from_foreign({"answer": "1925년", "quotes": ["딴 곳의 1925년"]})
    score = score_case(right, response)
    assert score.verdict == Verdict(exact=True, f1=1.0, quantity=True, right=True)
    assert score.stage in GOOD
    assert score.good_quotes == (True,)
    assert score.proved == 0


def test_positions_decide_where_known(located: list[Located]) -> None:
    item = next(item for item in located if item.case.id == "misread")
    at = Located(item.case, ((Place("bridge", 20, 30),),))
    near = {"quote": LENGTH, "document": "bridge", "start": 100}
    assert score_case(at, from_foreign({"answer": "긴", "quotes": [near]})).proved == 0
    assert score_case(item, from_foreign({"answer": "긴", "quotes": [near]})).proved == 1
