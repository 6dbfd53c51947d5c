"""Settings: order of sources, and errors that say what to do."""

from pathlib import Path

import pytest

from rag.config import NAMES, load_settings
from rag.errors import SettingError


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("top_k = 7\ncandidates = 9\nseed = 3\n")
    environment = {"RAG_CANDIDATES": "11", "RAG_SEED": "4", "RAG_UNRELATED": "x", "HOME": "y"}
    made = load_settings({"seed": 5, "reader": None}, file, environment)
    assert (made.top_k, made.candidates, made.seed, made.reader) == (7, 11, 5, "embedded")


def test_local_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rag.toml").write_text("top_k = 3\n")
    assert load_settings(environment={}).top_k == 3


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("tpo_k = 3", "tpo_k"),
        ("top_k = 'many'", "top_k"),
        ("top_k = 2.5", "top_k"),
        ("top_k = true", "top_k"),
        ("top_k = 0", "범위"),
        ("dense_weight = 1.5", "범위"),
        ("top_k = = 3", "TOML"),
    ],
)
def test_bad_settings_are_named(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(SettingError, match=word) as caught:
        load_settings(file=file, environment={})
    assert caught.value.exit_code == 2
    assert caught.value.remedy


def test_missing_file() -> None:
    with pytest.raises(SettingError, match="읽을 수 없습니다"):
        load_settings(file=Path("nowhere.toml"), environment={})


def test_digest_follows_every_setting() -> None:
    base = load_settings(environment={})
    changed = {
        "embedder": "x",
        "reader": "none",
        "dense_weight": 0.42,
        "late_weight": 0.2,
        "llm_temperature": 0.7,
    }
    for name in NAMES:
        value = changed.get(name, getattr(base, name) + 1 if name not in changed else None)
        if name in {"aside_factor", "abstain_below"}:
            value = 0.11
        assert load_settings({name: value}, environment={}).digest != base.digest, name


def test_shares_of_fusion_leave_one_for_bm25() -> None:
    with pytest.raises(SettingError, match="1을 넘습니다"):
        load_settings({"dense_weight": 0.6, "late_weight": 0.5}, environment={})
