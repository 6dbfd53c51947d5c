"""The command line in real processes: answers on stdout, errors in Korean with their own exit code."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import NoReturn, cast

import pytest

from rag.assistant import Assistant
from rag.cli.answer import _answer_all
from rag.types import Filter

ROOT = Path(__file__).parents[1]
QUESTION = "카카오 디지털 허브 완공 시점은?"


def process(*arguments: str, stdin: str | bytes = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAG_")}
    return subprocess.run(
        [sys.executable, "-m", "rag", *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        cwd=cwd,
        env=environment | {"PYTHONPATH": str(ROOT)},
        check=False,
    )


def rag(*arguments: str, stdin: str | bytes = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    done = process(*arguments, stdin=stdin, cwd=cwd)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("index")
    done = rag("index", "corpus", "--index", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["documents"] >= 30
    return str(folder)


def test_ask_prints_answer_proof_and_outcome(index: str) -> None:
    done = rag("ask", QUESTION, "--index", index)
    assert done.returncode == 0, done.stderr
    assert "2029년" in done.stdout.splitlines()[0]
    assert "kakao-digital-hub.md:" in done.stdout
    assert "결과: 답함" in done.stdout


def test_json_contract_and_verbatim_quote(index: str) -> None:
    record = json.loads(rag("ask", QUESTION, "--index", index, "--json").stdout)
    assert record["short_answer"] == "2029년"
    citation = record["citations"][0]
    text = unicodedata.normalize("NFC", (ROOT / "corpus" / citation["document"]).read_text("utf-8"))
    assert text[citation["start"] : citation["end"]] == citation["quote"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_question_from_stdin(index: str, form: str) -> None:
    asked = unicodedata.normalize(form, QUESTION) + "\n"  # type: ignore[arg-type]
    record = json.loads(rag("ask", "--json", "--index", index, stdin=asked).stdout)
    assert (record["question"], record["short_answer"]) == (QUESTION, "2029년")


def test_questions_in_the_encodings_of_korean_windows(index: str, tmp_path: Path) -> None:
    lines = f'{{"id": 1, "question": "{QUESTION}"}}\n{{"id": "b", "question": "{QUESTION}"}}\n'
    for encoding in ("utf-8-sig", "cp949"):
        path = tmp_path / f"{encoding}.jsonl"
        path.write_bytes(lines.encode(encoding))
        done = rag("ask", "--batch", str(path), "--index", index)
        assert done.returncode == 0, done.stdout
        records = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(r["id"], r["question"]) for r in records] == [("1", QUESTION), ("b", QUESTION)]
        piped = rag("ask", "--json", "--index", index, stdin=QUESTION.encode(encoding))
        assert json.loads(piped.stdout)["question"] == QUESTION


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "a", "question": null}',
        '{"id": "a", "question": ["왜?"]}',
        '{"id": "a"}',
        '{"id": null, "question": "왜?"}',
        '{"id": true, "question": "왜?"}',
        '["a", "왜?"]',
        "[" * 100_000,
        b'{"id": "a", "question": "\xff\xfe\x80\x81"}',
    ],
)
def test_what_is_no_question_is_not_answered(line: str | bytes) -> None:
    data = line.encode() if isinstance(line, str) else line

    class Silent:
        def ask(self, *_: object, **__: object) -> NoReturn:
            raise AssertionError("asked")

    assert _answer_all(cast(Assistant, Silent()), [data], Filter()) == 1


def test_bytes_that_are_no_text_are_a_usage_error() -> None:
    done = rag("ask", "--index", "/nowhere", stdin=bytes(range(128, 256)))
    assert (done.returncode, "글자 부호" in done.stderr) == (2, True), done.stderr


def test_refusal_is_no_error(index: str) -> None:
    done = rag("ask", "화성 탐사 로봇의 바퀴는 몇 개입니까?", "--index", index, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["outcome"] == "abstained"


def test_batch_streams_answers_and_reports_bad_lines(index: str, tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": "a", "question": QUESTION}),
        "깨진 줄",
        json.dumps({"id": "c", "question": " "}),
        "",
        json.dumps({"id": "d", "question": "애플 개발자 아카데미 과정은 몇 개월이야?"}),
    ]
    (tmp_path / "q.jsonl").write_text("\n".join(lines), "utf-8")
    done = rag("ask", "--batch", str(tmp_path / "q.jsonl"), "--index", index)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["id"] for record in records] == ["a", None, "c", "d"]
    assert records[0]["short_answer"] == "2029년"
    assert records[1]["error"]["line"] == 2
    assert records[2]["error"]["remedy"]
    assert done.returncode == 2


def test_show_marks_the_citation(index: str) -> None:
    citation = json.loads(rag("ask", QUESTION, "--index", index, "--json").stdout)["citations"][0]
    done = rag("show", f"{citation['document']}:{citation['start']}-{citation['end']}", "--index", index)
    assert f"【{citation['quote']}】" in done.stdout
    assert rag("show", citation["document"], "--index", index).stdout.count("【") == 0


def test_a_place_that_is_no_place_is_said(index: str) -> None:
    for positions in ("²-3", "3-²", "0-" + "9" * 5000):
        done = rag("show", f"kakao-digital-hub.md:{positions}", "--index", index)
        assert (done.returncode, "문서가 없습니다" in done.stderr) == (6, True), done.stderr
    assert "비슷한 문서: kakao-digital-hub.md" in rag("show", "kakao-digital", "--index", index).stderr


def test_debug_goes_with_every_command() -> None:
    assert "--debug" in rag("--help").stdout
    for words in (["status", "--debug"], ["show", "x", "--debug"], ["--debug", "doctor"]):
        done = process(*words, "--index", "/nowhere")
        assert (done.returncode, b"Traceback" in done.stderr) == (1, True), done.stderr
    assert rag("status", "--index", "/nowhere", "--", "--debug").returncode == 2  # after --, it is a word


def test_nothing_asked_for_is_help() -> None:
    for words in ([], ["eval"]):
        done = rag(*words)
        assert (done.returncode, "오류" in done.stderr, "--help" in done.stdout) == (0, False, True)


def test_doctor(index: str) -> None:
    done = rag("doctor", "--index", index, "--deep")
    assert done.returncode == 0, done.stdout
    for word in ("kiwipiepy", "SHA-256 일치", "색인", "추천"):
        assert word in done.stdout
    assert rag("doctor", "--index", "/nowhere").returncode == 1


def broken(index: str, tmp_path: Path) -> str:
    copy = tmp_path / "broken"
    subprocess.run(["cp", "-r", index, str(copy)], check=True)
    text = next(copy.glob("gen-*")) / "text.utf8"
    text.write_bytes(text.read_bytes()[:-10])
    return str(copy)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["ask", "질문은?", "--index", "/nowhere"], 4, "색인이 없습니다"),
        (["ask", "", "--index", "/nowhere"], 2, "비어 있습니다"),
        (["ask", "???", "--index", "{index}"], 2, "비어 있습니다"),
        (["ask", "가" * 2000, "--index", "{index}"], 2, "너무 깁니다"),
        (["ask", "질문은?", "--index", "{index}", "--reader", "none.gguf"], 5, "없습니다"),
        (
            ["ask", "질문은?", "--index", "{index}", "--reader", "corpus/manifest.jsonl"],
            5,
            "GGUF 파일이 아닙니다",
        ),
        (["ask", "질문은?", "--index", "{index}", "--embedder", "./nowhere"], 5, "없습니다"),
        (["ask", "질문은?", "--index", "{index}", "--set", "top_k=0"], 2, "범위"),
        (["ask", "질문은?", "--index", "{index}", "--set", "nonsense"], 2, "등호"),
        (["ask", "질문은?", "--index", "{index}", "--config", "/nowhere.toml"], 2, "읽을 수 없습니다"),
        (["ask", "--batch", "/nowhere.jsonl", "--index", "{index}"], 2, "열 수 없습니다"),
        (["index", "/nowhere", "--index", "{tmp}/x"], 3, "없는 경로"),
        (["index", "{tmp}/empty", "--index", "{tmp}/x"], 3, "하나도 없습니다"),
        (["index", "{tmp}/binary", "--index", "{tmp}/x"], 3, "PNG"),
        (["show", "없는글.md", "--index", "{index}"], 6, "문서가 없습니다"),
        (["show", "kakao-digital-hub.md:5-999999", "--index", "{index}"], 6, "가리킵니다"),
    ],
)
def test_errors_say_what_to_do(
    index: str, tmp_path: Path, arguments: list[str], code: int, word: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary").mkdir()
    (tmp_path / "binary" / "a.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    filled = [argument.format(index=index, tmp=tmp_path) for argument in arguments]
    done = rag(*filled)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert word in done.stderr
    assert "→" in done.stderr


def test_damaged_index(index: str, tmp_path: Path) -> None:
    done = rag("ask", QUESTION, "--index", broken(index, tmp_path))
    assert done.returncode == 4
    assert "손상" in done.stderr


def test_index_of_another_embedder(index: str, tmp_path: Path) -> None:
    copy = tmp_path / "other"
    subprocess.run(["cp", "-r", index, str(copy)], check=True)
    generation = next(copy.glob("gen-*"))
    manifest = generation / "manifest.json"
    facts = json.loads(manifest.read_text("utf-8")) | {"embedder": "someone-else"}
    manifest.write_text(json.dumps(facts), "utf-8")
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    generation.rename(copy / f"gen-{digest[:16]}")  # its name vouches for its manifest
    (copy / "CURRENT").write_text(f"gen-{digest[:16]}\n", "utf-8")
    done = rag("ask", QUESTION, "--index", str(copy))
    assert done.returncode == 4
    assert "someone-else" in done.stderr


def test_changed_sources_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "글").mkdir()
    (tmp_path / "글" / "a.txt").write_text("다리는 2030년에 놓인다.", "utf-8")
    assert rag("index", str(tmp_path / "글"), "--index", str(tmp_path / "ix")).returncode == 0
    later = (tmp_path / "ix" / "CURRENT").stat().st_mtime + 100
    os.utime(tmp_path / "글" / "a.txt", (later, later))
    done = rag("ask", "다리는 언제 놓이나?", "--index", str(tmp_path / "ix"), "--json")
    assert "바뀌었습니다" in done.stderr
    assert json.loads(done.stdout)["question"]


def test_one_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "글"
    folder.mkdir()
    (folder / "good.txt").write_bytes("도서관은 월요일에 쉰다. 문은 아홉 시에 연다.".encode("cp949"))
    (folder / "bad.txt").write_bytes(bytes(range(256)) * 8)
    (folder / "empty.txt").write_bytes(b"")
    done = rag("index", str(folder), "--index", str(tmp_path / "ix"), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["skipped"] == 2
    assert "bad.txt" in done.stderr
    assert "empty.txt" in done.stderr
    shown = rag("show", "good.txt", "--index", str(tmp_path / "ix"))
    assert "도서관은 월요일에 쉰다." in shown.stdout


@pytest.mark.parametrize("command", ["serve", "chat"])
def test_a_port_in_use_is_said_before_anything_is_loaded(command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        done = rag(command, "--index", "/nowhere", "--port", str(holder.getsockname()[1]))
    assert (done.returncode, "포트를 이미" in done.stderr) == (2, True), done.stderr


def test_eval_is_the_door_of_evaluation(index: str) -> None:
    done = rag("eval", "validate", "--set", "eval/sets/smoke.jsonl", "--index", index)
    assert (done.returncode, "30개" in done.stdout) == (0, True), done.stderr
    assert rag("eval", "nonsense").returncode == 2


def test_index_grows_shrinks_and_tells(tmp_path: Path) -> None:
    folder, index = tmp_path / "글", str(tmp_path / "ix")
    folder.mkdir()
    (folder / "가.md").write_text("---\ndate: 2023-05-01\ntags: 옛것\n---\n연체료는 하루 100원이다.", "utf-8")
    (folder / "나.md").write_text("---\ndate: 2025-05-01\n---\n연체료는 하루 500원이다.", "utf-8")
    first = json.loads(rag("index", str(folder), "--index", index, "--json", "--quiet").stdout)
    assert (first["added"], first["written"]) == (2, True)
    (folder / "나 사본.md").write_bytes((folder / "나.md").read_bytes())
    (folder / "그림.png").write_bytes(b"\x89PNG")
    done = rag("index", str(folder), "--index", index, "--json", "--tag", "새것")
    second = json.loads(done.stdout)
    assert (second["replaced"], second["added"]) == (2, 2)
    assert second["duplicates"][0]["of"] == "나 사본.md"
    assert second["skipped_files"][0]["path"] == "그림.png"
    assert "건너뜀: 그림.png" in done.stderr
    assert "겹침: 나.md = 나 사본.md" in done.stderr
    status = json.loads(rag("status", "--index", index, "--json").stdout)
    assert (status["documents"], status["files"], len(status["duplicates"])) == (2, 4, 1)
    assert "2개 (파일 4개" in rag("status", "--index", index).stdout
    (folder / "가.md").unlink()
    assert "바뀐 것이 없습니다" in rag("index", "--index", index, "--quiet").stdout
    assert json.loads(rag("index", "--index", index, "--json", "--prune").stdout)["pruned"] == 1
    assert rag("status", "--index", "/nowhere").returncode == 4


def test_filters_of_ask(tmp_path: Path) -> None:
    folder, index = tmp_path / "글", str(tmp_path / "ix")
    folder.mkdir()
    (folder / "가.md").write_text("---\ndate: 2023-05-01\ntags: 옛것\n---\n연체료는 하루 100원이다.", "utf-8")
    (folder / "나.md").write_text("---\ndate: 2025-05-01\n---\n연체료는 하루 500원이다.", "utf-8")
    assert rag("index", str(folder), "--index", index, "--quiet").returncode == 0
    for options, name in (
        (["--since", "2024"], "나.md"),
        (["--until", "2024-12"], "가.md"),
        (["--source", "나."], "나.md"),
        (["--tag", "옛것"], "가.md"),
    ):
        record = json.loads(rag("ask", "연체료는 하루 얼마?", "--index", index, "--json", *options).stdout)
        assert {hit["document"] for hit in record["hits"]} == {name}, options
    assert rag("ask", "연체료는?", "--index", index, "--since", "어제").returncode == 2
