from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from eval.case import load_set
from eval.response import from_foreign
from eval.score import Stage
from eval.sweep import (
    Sweep,
    changed,
    ranked,
    read_grid,
    refuse_below,
    refuse_test_set,
    said,
    to_markdown,
    write_sweep,
)
from rag import load_settings
from rag.config import Settings
from rag.errors import SettingError, UsageError
from rag.types import Outcome
from tests.test_eval_run import CASES, REPLIES, FakeAssistant

SETS = Path(__file__).parents[1] / "eval" / "sets"


@dataclass
class FakeWorkshop:
    built: list[int] = field(default_factory=list)
    opened: list[Settings] = field(default_factory=list)

    def build(self, settings: Settings, folder: Path) -> None:
        self.built.append(settings.chunk_max_chars)
        folder.mkdir(parents=True)
        (folder / "CURRENT").write_text("gen-x\n")

    def open(self, settings: Settings, folder: Path) -> FakeAssistant:
        self.opened.append(settings)
        return FakeAssistant(settings, REPLIES)


@pytest.fixture
def base() -> Settings:
    return load_settings({"abstain_below": 0.35}, environment={})


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    path = tmp_path / "s.jsonl"
    path.write_text("".join(json.dumps(c, ensure_ascii=False) + "\n" for c in CASES), "utf-8")
    (tmp_path / "out").mkdir()
    return Sweep(path, tmp_path / "out", FakeWorkshop())


def workshop(sweep: Sweep) -> FakeWorkshop:
    assert isinstance(sweep.workshop, FakeWorkshop)
    return sweep.workshop


def test_thresholds_share_one_run(sweep: Sweep, base: Settings) -> None:
    changes = [{"abstain_below": value} for value in (0.0, 0.65, 1.0)]
    trials = sweep.trials(base, changes, "refusal_recall")
    assert len(workshop(sweep).opened) == 1
    assert workshop(sweep).opened[0].abstain_below == 0.0
    # Unanswerable questions: one answered with confidence 0.6, one always refused.
    assert [trial.figures["refusal_recall"].value for trial in trials] == [0.5, 0.5, 1.0, 1.0]
    # The right answer has confidence 0.9: only the last threshold refuses it.
    assert [trial.figures["right"].value > 0 for trial in trials] == [True, True, True, False]


def test_only_what_shapes_the_index_builds_another(sweep: Sweep, base: Settings) -> None:
    changes = [{"dense_weight": 0.6}, {"chunk_max_chars": 300}, {"chunk_max_chars": 300, "top_k": 3}]
    sweep.trials(base, changes, "right")
    assert workshop(sweep).built == [base.chunk_max_chars, 300]
    assert len(workshop(sweep).opened) == 4


def test_passages_cut_by_tokens_are_another_index(sweep: Sweep, base: Settings) -> None:
    sweep.trials(base, [{"chunk_max_tokens": 64}, {"chunk_max_tokens": 64, "top_k": 3}], "right")
    assert len(workshop(sweep).built) == 2


def test_a_second_sweep_runs_nothing(sweep: Sweep, base: Settings) -> None:
    sweep.trials(base, [{"top_k": 3}], "right")
    before = len(workshop(sweep).opened)
    sweep.trials(base, [{"top_k": 3}], "char_f1")
    assert len(workshop(sweep).opened) == before


def test_generative_readers_run_for_each_threshold(sweep: Sweep, base: Settings) -> None:
    sweep.trials(replace(base, reader="model.gguf"), [{"abstain_below": 0.9}], "right")
    assert [settings.abstain_below for settings in workshop(sweep).opened] == [0.35, 0.9]


def test_another_set_does_not_share_runs(sweep: Sweep, base: Settings) -> None:
    sweep.trials(base, [{"top_k": 3}], "right")
    sweep.set_path.write_text(sweep.set_path.read_text("utf-8").replace("높이", "너비"), "utf-8")
    with pytest.raises(UsageError, match="다른 집합"):
        sweep.trials(base, [{"top_k": 3}], "right")


def test_refuse_below() -> None:
    sure = from_foreign({"answer": "가", "confidence": 0.5})
    assert refuse_below(sure, 0.5) is sure
    assert refuse_below(sure, 0.51).outcome is Outcome.ABSTAINED
    unknown = from_foreign({"answer": "가"})
    assert refuse_below(unknown, 1.0) is unknown


def test_results_are_written(sweep: Sweep, base: Settings) -> None:
    trials = sweep.trials(base, [{"abstain_below": 1.0}, {"abstain_below": 0.65}], "good_end")
    assert [said(trial.change) for trial in ranked(trials, "good_end")] == [
        "abstain_below=0.65",
        "(바탕)",
        "abstain_below=1.0",
    ]
    best = write_sweep(trials, "good_end", sweep)
    assert tomllib.loads(best.read_text("utf-8")) == {"abstain_below": 0.65}
    assert len(json.loads((sweep.folder / "sweep.json").read_text("utf-8"))) == 3
    lines = to_markdown(trials, "good_end", sweep.set_path).splitlines()
    assert lines[4].startswith("| abstain_below=0.65 | 0.375 (")
    assert "+0.125" in lines[4]


def test_the_test_set_is_never_swept(sweep: Sweep, base: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="시험 집합"):
        refuse_test_set(SETS / "test.jsonl")
    copy = tmp_path / "innocent.jsonl"
    copy.write_bytes((SETS / "test.jsonl").read_bytes())
    with pytest.raises(UsageError, match="시험 집합"):
        replace(sweep, set_path=copy).trials(base, [{"top_k": 3}], "right")
    refuse_test_set(SETS / "dev.jsonl")


def test_dev_and_test_share_no_article() -> None:
    dev, test = load_set(SETS / "dev.jsonl"), load_set(SETS / "test.jsonl")
    assert not {case.cluster for case in dev} & {case.cluster for case in test}
    for cases in (dev, test):
        assert sum(not case.answerable for case in cases) / len(cases) == pytest.approx(0.2, abs=0.03)


def test_nothing_measurable_is_an_error(sweep: Sweep, base: Settings) -> None:
    sweep.set_path.write_text(json.dumps(CASES[-1], ensure_ascii=False) + "\n", "utf-8")
    assert CASES[-1]["id"] == Stage.FAILED.value
    with pytest.raises(UsageError, match="고장 난 질문"):
        sweep.trials(base, [{"top_k": 3}], "right")


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("[grid]\ntop_k = [3, 5]\nseed = [0, 1]\n", 4),
        ("[[try]]\ntop_k = 3\n[[try]]\nseed = 1\n", 2),
        ("[grid]\ntop_k = [3]\n[[try]]\nseed = 1\n", 2),
    ],
)
def test_grid(tmp_path: Path, text: str, changes: int) -> None:
    path = tmp_path / "g.toml"
    path.write_text(text, "utf-8")
    assert len(read_grid(path)) == changes


@pytest.mark.parametrize(
    "text", ["", "top_k = 3\n", "[grid]\ntop_k = 3\n", "[[[", "[grid]\nseed = [1]\n[x]\n"]
)
def test_bad_grids(tmp_path: Path, text: str) -> None:
    path = tmp_path / "g.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError):
        read_grid(path)


def test_bad_settings_stop_before_anything_runs(sweep: Sweep, base: Settings) -> None:
    with pytest.raises(SettingError):
        sweep.trials(base, [{"topk": 3}], "right")
    with pytest.raises(UsageError, match="모르는 지표"):
        sweep.trials(base, [{"top_k": 3}], "rigth")
    assert workshop(sweep).opened == []


def test_changed_ignores_the_environment(base: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TOP_K", "9")
    assert changed(base, {"seed": 1}).top_k == base.top_k
