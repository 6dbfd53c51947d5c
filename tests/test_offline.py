"""Both embedded models load and answer with the network cut off: any socket is an error."""

import json
import subprocess
import sys
from pathlib import Path

CUT = """
import sys

def refuse(event, arguments):
    if event.startswith("socket."):
        raise OSError(f"the network is cut off: {event}")

sys.addaudithook(refuse)
"""
INDEX_AND_ASK = """
from rag.cli import main

sys.argv = ["rag", *sys.argv[1:]]
main()
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CUT + code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_cut_is_real() -> None:
    assert "the network is cut off" in run("import socket; socket.socket()").stderr


def test_embedder_and_reader_answer_without_network(tmp_path: Path) -> None:
    article, index = tmp_path / "도서관.txt", str(tmp_path / "index")
    article.write_text("해솔도서관은 2019년에 문을 열었다. 연면적은 3,200㎡이다.\n", "utf-8")
    made = run(INDEX_AND_ASK, "index", str(article), "--index", index)
    assert made.returncode == 0, made.stderr
    asked = run(INDEX_AND_ASK, "ask", "해솔도서관 연면적은?", "--index", index, "--json")
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    assert answer["outcome"] == "answered"
    assert "3,200㎡" in answer["citations"][0]["quote"]


def test_the_sentence_transformers_folder_loads_without_network() -> None:
    code = (
        "from sentence_transformers import SentenceTransformer\n"
        "model = SentenceTransformer(sys.argv[1], device='cpu', trust_remote_code=True)\n"
        "print(model.encode(['완공 시점']).shape)\n"
    )
    folder = Path(__file__).parents[1] / "rag" / "weights" / "embedder"
    done = run(code, str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(1, ")
