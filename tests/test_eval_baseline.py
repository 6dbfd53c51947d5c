"""The smoke set, asked with the models that ship with the package, against the kept baseline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import rag
from eval import baseline
from eval.analysis import Analysis, analyse_run
from eval.case import load_set
from eval.record import read_run
from eval.response import from_run
from eval.run import run
from eval.score import score_all
from eval.stats import Estimate
from eval.sweep import refuse_below
from rag.errors import UsageError
from tests.test_eval_run import CASES, REPLIES, FakeAssistant

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / "eval" / "sets" / "smoke.jsonl"
MODELS = ("embedder", "reader")

needs_models = pytest.mark.skipif(
    not all((ROOT / "rag" / "weights" / name / "manifest.json").is_file() for name in MODELS),
    reason="들어 있는 모델(rag/weights/embedder, reader)이 아직 없음",
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smoke") / "index"
    settings = rag.load_settings(environment={})
    skipped: list[object] = []
    rag.build_index(settings, [ROOT / "corpus"], folder, skip=skipped.append)
    assert not skipped
    return folder


@needs_models
def test_smoke_set_holds_its_baseline(index: Path, tmp_path: Path) -> None:
    settings = rag.load_settings(environment={})
    run(SMOKE, tmp_path / "run", settings, rag.load_assistant(settings, index))
    analysis = analyse_run(read_run(tmp_path / "run"))
    assert analysis.info is not None
    assert [score.response.error for score in analysis.scores if score.response.error] == []
    kept = baseline.read(baseline.FOLDER / "smoke.json")
    assert baseline.falls(kept, analysis.figures, analysis.info) == []


@needs_models
def test_a_threshold_applied_afterwards_is_the_threshold(index: Path, tmp_path: Path) -> None:
    """What a sweep saves by sharing runs must not change what it finds."""
    stages = []
    for threshold, after in ((0.6, 0.0), (0.0, 0.6)):
        settings = rag.load_settings({"abstain_below": threshold}, environment={})
        out = tmp_path / f"{threshold}"
        run(SMOKE, out, settings, rag.load_assistant(settings, index))
        done = read_run(out)
        responses = {name: refuse_below(one, after) for name, one in from_run(done).items()}
        stages.append([score.stage for score in score_all(done.cases, responses)])
    assert stages[0] == stages[1]
    assert len(set(stages[0])) > 1


def test_smoke_set_is_small_and_valid() -> None:
    assert 10 <= len(load_set(SMOKE)) <= 30


@pytest.fixture
def analysis(tmp_path: Path) -> Analysis:
    path = tmp_path / "s.jsonl"
    kept = [c for c in CASES if c["id"] != "failed"]
    path.write_text("".join(json.dumps(c, ensure_ascii=False) + "\n" for c in kept), "utf-8")
    settings = rag.load_settings(environment={})
    run(path, tmp_path / "run", settings, FakeAssistant(settings, REPLIES))
    return analyse_run(read_run(tmp_path / "run"))


def test_a_baseline_survives_the_file(tmp_path: Path, analysis: Analysis) -> None:
    made = baseline.baseline_of(analysis)
    baseline.write(made, tmp_path / "b.json")
    assert baseline.read(tmp_path / "b.json") == made
    assert "| 좋은 끝" in baseline.to_markdown(made)


def test_only_falling_below_the_interval_fails(analysis: Analysis) -> None:
    assert analysis.info is not None
    made = baseline.baseline_of(analysis)
    assert baseline.falls(made, analysis.figures, analysis.info) == []
    held = made.figures["right"]
    worse = {**analysis.figures, "right": replace(held, value=held.low - 0.01)}
    assert [p.split(":")[0] for p in baseline.falls(made, worse, analysis.info)] == [
        "맞음(답 있는 질문 가운데)"
    ]
    better = {**analysis.figures, "right": Estimate(1.0, 1.0, 1.0, 6, 2)}
    assert baseline.falls(made, better, analysis.info) == []
    gone = {name: figure for name, figure in analysis.figures.items() if name != "right"}
    assert len(baseline.falls(made, gone, analysis.info)) == 1


def test_another_set_is_no_fall(analysis: Analysis) -> None:
    assert analysis.info is not None
    made = replace(baseline.baseline_of(analysis), set_digest="other")
    with pytest.raises(UsageError, match="평가 집합이 바뀌었습니다"):
        baseline.falls(made, analysis.figures, analysis.info)


def test_failures_make_no_baseline(analysis: Analysis) -> None:
    assert analysis.info is not None
    with pytest.raises(UsageError, match="기준이 될 수 없습니다"):
        baseline.baseline_of(replace(analysis, info=replace(analysis.info, finished="")))
