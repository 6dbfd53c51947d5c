"""The artefact: what is built is what is read; damage, age and strangers are refused; kills do no harm."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag.errors import (
    EmptyCorpusError,
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexVersionError,
)
from rag.index import CURRENT, Index, Progress, build, writing
from rag.index import opened as opened_module
from rag.types import Document
from tests.fakes import FakeEmbedder, document

TEXTS = {
    "카카오.txt": "카카오는 남양주 왕숙에 디지털 허브를 짓는다.\n완공은 2029년이다.",
    "포항.txt": "애플은 포항에 개발자 아카데미를 연다. 교육은 9개월 동안 이어진다.",
}


def documents() -> list[Document]:
    return [document(name, text) for name, text in TEXTS.items()]


def built(folder: Path, made: list[Document] | None = None) -> Path:
    build(folder, documents() if made is None else made, FakeEmbedder(), chunk_max_chars=60)
    return folder


def generation(folder: Path) -> Path:
    return folder / (folder / CURRENT).read_text().strip()


def test_round_trip(tmp_path: Path) -> None:
    index = Index.load(built(tmp_path), FakeEmbedder())
    assert index.store.document_count == 2
    for row in range(index.store.passage_count):
        passage = index.store.passage(row)
        text = TEXTS[passage.document_id]
        assert text[passage.span.start : passage.span.end] == passage.text
    assert {doc.id for doc in index.store.outlines()} == set(TEXTS)
    assert index.store.document("포항.txt").text == TEXTS["포항.txt"]


def test_same_input_same_generation(tmp_path: Path) -> None:
    one, two = built(tmp_path / "a"), built(tmp_path / "b")
    assert (one / CURRENT).read_text() == (two / CURRENT).read_text()
    before = generation(one).stat().st_ino
    assert generation(built(one)).stat().st_ino == before  # rebuilt in place, still readable


def test_rebuild_replaces_and_old_readers_keep_reading(tmp_path: Path) -> None:
    old = Index.load(built(tmp_path))
    built(tmp_path, [document("새.txt", "새 글이다.")])
    assert old.store.passage(0).text
    assert [doc.id for doc in Index.load(tmp_path).store.outlines()] == ["새.txt"]
    assert len(list(tmp_path.glob("gen-*"))) == 1


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match="색인이 없습니다") as caught:
        Index.load(tmp_path / "nowhere")
    assert "rag index" in caught.value.remedy


def test_empty_corpus_keeps_the_old_index(tmp_path: Path) -> None:
    built(tmp_path)
    with pytest.raises(EmptyCorpusError):
        built(tmp_path, [])
    assert Index.load(tmp_path).store.document_count == 2


def test_other_embedder_is_refused(tmp_path: Path) -> None:
    class Other(FakeEmbedder):
        fingerprint = "other"

    with pytest.raises(IndexMismatchError, match="other"):
        Index.load(built(tmp_path), Other())


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    folder = generation(built(tmp_path))
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        every = range(0, len(data), 7) if path.name == "manifest.json" else ()
        for position in {0, len(data) // 2, len(data) - 1, *every}:
            path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
            with pytest.raises((IndexDamagedError, IndexVersionError)):
                Index.load(tmp_path)
        path.write_bytes(data)
    Index.load(tmp_path)


@pytest.mark.parametrize(
    "name", ["text.utf8", "passages.npy", "vectors/vectors.npy", "bm25/data.csc.index.npy", "bm25/terms.npy"]
)
def test_missing_file_is_noticed(tmp_path: Path, name: str) -> None:
    (generation(built(tmp_path)) / name).unlink()
    with pytest.raises(IndexDamagedError, match="손상"):
        Index.load(tmp_path)


def test_other_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built(tmp_path)
    monkeypatch.setattr(opened_module, "INDEX_VERSION", 999)
    with pytest.raises(IndexVersionError, match="999"):
        Index.load(tmp_path)


def test_only_what_was_written_here_is_swept(tmp_path: Path) -> None:
    built(tmp_path)
    own = ["gen-2 보고서", "gen-notes.txt", ".building-plan", ".CURRENT-사본", "gen-0123456789abcdef.bak"]
    for name in own:
        (tmp_path / name).mkdir()
        (tmp_path / name / "글.txt").write_text("사람의 글", "utf-8")
    remains = ["gen-0123456789abcdef", ".building-77", ".building-77-damaged", ".CURRENT-77"]
    for name in remains:
        (tmp_path / name).mkdir()
    built(tmp_path, [document("새.txt", "새 글이다.")])
    assert all((tmp_path / name / "글.txt").is_file() for name in own)
    assert not any((tmp_path / name).exists() for name in remains)


def _hold(folder: str, ready: "multiprocessing.synchronize.Event") -> None:
    with writing(Path(folder)):
        ready.set()
        time.sleep(60)


def test_second_writer_is_refused(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(str(tmp_path), ready))
    holder.start()
    try:
        assert ready.wait(30)
        with pytest.raises(IndexBusyError):
            built(tmp_path)
    finally:
        holder.kill()
        holder.join()
    built(tmp_path)


SLOW_BUILD = """
import sys, time
from pathlib import Path
from rag.index import build
from tests.fakes import FakeEmbedder, document

def documents():
    for number in range(400):
        yield document(f"{number}.txt", f"문서 {number}의 본문이다. 완공은 {number}년이다.")
        print(number, flush=True)

build(Path(sys.argv[1]), documents(), FakeEmbedder(), chunk_max_chars=60, batch_size=4)
print("done", flush=True)
"""


@pytest.mark.parametrize("line", ["0", "57", "399"])
def test_kill_leaves_the_old_index(tmp_path: Path, line: str) -> None:
    built(tmp_path)
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", SLOW_BUILD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        assert any(out.strip() == line for out in process.stdout)
        os.kill(process.pid, signal.SIGKILL)
    count = Index.load(tmp_path).store.document_count
    assert count in {2, 400}  # the old one whole, or the new one whole
    built(tmp_path)
    assert not list(tmp_path.glob(".building-*"))


def test_progress_goes_on_after_the_last_document(tmp_path: Path) -> None:
    told: list[Progress] = []
    build(tmp_path, documents(), FakeEmbedder(), chunk_max_chars=60, report=told.append)
    shares = [progress.finished for progress in told]
    last = sum(share == 0.0 for share in shares)
    assert last == len(list(documents()))
    assert shares[last:] == sorted(shares[last:])
    assert shares[-1] == pytest.approx(1.0)
    assert {progress.documents for progress in told[last:]} == {last}
