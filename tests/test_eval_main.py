from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

import rag
from eval.__main__ import main
from eval.case import load_set
from eval.draft import read
from eval.run import run
from tests.test_eval_draft import TEXT
from tests.test_eval_run import BRIDGE, CASES, MARKET, REPLIES, FakeAssistant


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of ``python -m eval …``."""
    monkeypatch.setattr(sys, "argv", ["eval", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def set_path(tmp_path: Path) -> Path:
    path = tmp_path / "s.jsonl"
    path.write_text("".join(json.dumps(c, ensure_ascii=False) + "\n" for c in CASES), "utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, set_path: Path) -> Path:
    settings = rag.load_settings(environment={})
    run(set_path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))
    return tmp_path / "run"


Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def test_score_and_report(monkeypatch: Patch, capsys: Capture, folder: Path) -> None:
    assert call(monkeypatch, "score", folder, "--json") == 0
    assert json.loads(capsys.readouterr().out)["funnel"]["right"] == 1
    assert call(monkeypatch, "report", folder) == 0
    assert (folder / "report.html").is_file()


def test_score_of_other_systems(monkeypatch: Patch, capsys: Capture, tmp_path: Path, set_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": "right", "answer": "1925년", "quotes": ["1925년에 놓였다"]}\n', "utf-8")
    code = call(monkeypatch, "score", "--answers", answers, "--set", set_path, "--out", tmp_path / "r")
    assert code == 0
    assert "| 맞음 | 1 |" in capsys.readouterr().out
    assert (tmp_path / "r" / "report.html").is_file()


def test_compare(monkeypatch: Patch, capsys: Capture, folder: Path) -> None:
    assert call(monkeypatch, "compare", folder, folder) == 0
    assert "B에서 좋아진 질문 0개" in capsys.readouterr().out


def test_validate(monkeypatch: Patch, capsys: Capture, tmp_path: Path, set_path: Path) -> None:
    corpus = tmp_path / "c.jsonl"
    records = [{"id": "bridge", "text": BRIDGE}, {"id": "market", "text": MARKET}]
    corpus.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")
    assert call(monkeypatch, "validate", "--set", set_path, "--corpus", corpus) == 2
    assert "not_in_corpus: 근거 “다리는 붉은색이다.…”" in capsys.readouterr().err
    kept = [c for c in CASES if c["id"] != "not_in_corpus"]
    set_path.write_text("".join(json.dumps(c, ensure_ascii=False) + "\n" for c in kept), "utf-8")
    assert call(monkeypatch, "validate", "--set", set_path, "--corpus", corpus) == 0


def test_a_review_that_is_broken_off_keeps_what_was_decided(
    monkeypatch: Patch, capsys: Capture, tmp_path: Path
) -> None:
    corpus, drafts, out = (tmp_path / f"{name}.jsonl" for name in ("corpus", "drafts", "set"))
    corpus.write_text(json.dumps({"id": "bridge", "text": TEXT}, ensure_ascii=False) + "\n", "utf-8")
    assert call(monkeypatch, "make", "--from", corpus, "--out", drafts) == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))  # and then its end, as after Ctrl-D
    assert call(monkeypatch, "review", drafts, "--out", out) == 0
    assert "1개를 더함, 0개 버림, 2개 남음" in capsys.readouterr().out
    assert [case.answers for case in load_set(out)] == [("1925년",)]
    assert [one.case.answers for one in read(drafts)] == [("4,200억 원",), ("300명",)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["score"], 2),
        (["score", "--nope"], 2),
        (["nope"], 2),
        (["score", "--answers", "a.jsonl"], 2),
        (["report", "absent"], 2),
        (["run", "--set", "absent.jsonl", "--index", "i", "--out", "o"], 2),
        (["run", "--set", "SET", "--index", "i", "--out", "o", "--set-option", "top_k"], 2),
        (["run", "--set", "SET", "--index", "i", "--out", "o", "--set-option", "topk=3"], 2),
    ],
)
def test_mistakes_are_explained(
    monkeypatch: Patch, capsys: Capture, set_path: Path, arguments: list[str], code: int
) -> None:
    given = [str(set_path) if word == "SET" else word for word in arguments]
    assert call(monkeypatch, *given) == code
    assert capsys.readouterr().err.startswith("오류: ")


def test_unexpected_errors_are_told_and_debug_shows_where(
    monkeypatch: Patch, capsys: Capture, folder: Path
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("뜻밖의 일")

    monkeypatch.setattr("eval.__main__.read_run", broken)
    assert call(monkeypatch, "score", folder) == 1
    assert "RuntimeError: 뜻밖의 일" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="뜻밖"):
        call(monkeypatch, "score", folder, "--debug")
