"""The Makefile: what makes an index old, and that a question reaches the program as it was written."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(*arguments: str) -> str:
    """What make prints, as if no other make had started this one."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, env=alone
    )
    return done.stdout


def test_an_index_is_as_old_as_what_it_is_made_with() -> None:
    rules = make("--print-data-base", "--dry-run", "clean")
    [rule] = [line for line in rules.splitlines() if line.startswith("index/corpus/CURRENT:")]
    needed = set(rule.split())
    for folder in ("load", "embed", "lexical", "dense", "index", "library"):
        assert {str(path.relative_to(ROOT)) for path in (ROOT / "rag" / folder).glob("*.py")} <= needed
    for name in ("embedder", "morphemes"):
        weights = (ROOT / "rag" / "weights" / name).iterdir()
        assert {str(path.relative_to(ROOT)) for path in weights if not path.name.startswith(".")} <= needed


@pytest.mark.parametrize("question", ['"A"는 `id` 뭐야?', "$5는 $(id) 얼마야?", "'가'와 \\나; echo 다"])
def test_a_question_is_data(tmp_path: Path, question: str) -> None:
    program = tmp_path / "rag"
    program.write_text('#!/bin/sh\nprintf %s "$2"\n')
    program.chmod(0o755)
    assert make("--old-file=index/corpus/CURRENT", "ask", f"BIN={tmp_path}", f"Q={question}") == question
