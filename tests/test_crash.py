"""Never half an index: kills, full disks, flipped bytes, several writers and readers at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rag.config import load_settings
from rag.errors import IndexDamagedError, IndexWriteError
from rag.index import CURRENT, Index, generation, writing
from rag.index import opened as opened_module
from rag.library import update_index

ROOT = Path(__file__).parents[1]
SETTINGS = load_settings({}, environment={})


UPDATE = """
import resource, sys
from pathlib import Path
from rag.config import load_settings
from rag.library import update_index

def read(progress):
    print(progress.documents, flush=True)

limit = int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
settings = load_settings({}, environment={})
update_index(settings, [Path(sys.argv[1])], Path(sys.argv[2]), prune=True, report=read)
print("done", flush=True)
"""


def start(texts: Path, index: Path, limit_bytes: int = 0) -> "subprocess.Popen[str]":
    """An update in another process; ``limit_bytes`` is the largest file that it may write."""
    command = [sys.executable, "-c", UPDATE, str(texts), str(index), str(limit_bytes)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def written(folder: Path, count: int, word: str) -> Path:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for number in range(count):
        (folder / f"{number}.txt").write_text(
            f"{number}번째 {word}의 본문이다. 완공은 {number}년이다.", "utf-8"
        )
    return folder


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.8, 0.9, 0.97, 1.0])
def test_a_kill_at_any_moment_leaves_the_old_index_or_the_new_one(
    tmp_path: Path, share: float, duration: float
) -> None:
    texts, index = written(tmp_path / "글", 12, "옛글"), tmp_path / "색인"
    update_index(SETTINGS, [texts], index)
    old = (index / CURRENT).read_text()
    written(texts, 60, "새글")
    with start(texts, index) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the first document is in: loading is over
        time.sleep(share * duration)
        os.kill(process.pid, signal.SIGKILL)
    opened = Index.load(index, deep=True)
    whole = {12: "옛글", 60: "새글"}[opened.store.document_count]
    for outline in opened.store.outlines():
        assert whole in opened.store.document(outline.id).text
    assert ((index / CURRENT).read_text() == old) == (whole == "옛글")
    update_index(SETTINGS, [texts], index, prune=True)  # the dead writer's lock is no obstacle
    assert Index.load(index, deep=True).store.document_count == 60
    assert not [path for path in index.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def duration(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds that such an update takes here, from its first document on."""
    folder = tmp_path_factory.mktemp("duration")
    with start(written(folder / "글", 60, "새글"), folder / "색인") as process:
        assert process.stdout is not None
        process.stdout.readline()
        started = time.perf_counter()
        process.wait()
    return time.perf_counter() - started


@pytest.mark.parametrize("limit_bytes", [100, 20_000, 200_000])
def test_a_disk_that_refuses_leaves_the_old_index(tmp_path: Path, limit_bytes: int) -> None:
    """A limit on the size of a file stands in for a full disk: the system refuses the write half-way."""
    texts, index = written(tmp_path / "글", 12, "옛글"), tmp_path / "색인"
    update_index(SETTINGS, [texts], index)
    old = (index / CURRENT).read_text()
    written(texts, 60, "새글")
    with start(texts, index, limit_bytes) as process:
        _, errors = process.communicate()
    assert process.returncode != 0
    assert "IndexWriteError" in errors
    assert (index / CURRENT).read_text() == old
    assert Index.load(index, deep=True).store.document_count == 12
    assert not [path for path in index.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting asks for root")
def test_a_full_disk_leaves_the_old_index(tmp_path: Path) -> None:
    """A file system of one megabyte, filled by the second index."""
    disk = tmp_path / "디스크"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        index = disk / "색인"
        update_index(SETTINGS, [written(tmp_path / "글", 12, "옛글")], index)
        old = (index / CURRENT).read_text()
        many = written(tmp_path / "글", 400, "새글")
        with pytest.raises(IndexWriteError, match="쓸 수 없습니다") as caught:
            update_index(SETTINGS, [many], index)
        assert "이전 색인은 그대로" in caught.value.remedy
        assert (index / CURRENT).read_text() == old
        assert Index.load(index, deep=True).store.document_count == 12
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_readers_keep_working_while_writers_replace_the_index(tmp_path: Path) -> None:
    texts, index = written(tmp_path / "글", 3, "옛글"), tmp_path / "색인"
    update_index(SETTINGS, [texts], index)
    stop = threading.Event()
    failures: list[Exception] = []
    loads = 0

    def read() -> None:
        nonlocal loads
        while not stop.is_set():
            try:
                opened = Index.load(index)
                assert all(opened.store.document(one.id).text for one in opened.store.outlines())
                loads += 1
            except Exception as error:
                failures.append(error)
                return

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(15):
        (texts / f"새{number}.txt").write_text(f"{number}번째로 더한 글이다.", "utf-8")
        update_index(SETTINGS, [texts], index)
    stop.set()
    reader.join()
    assert failures == []
    assert loads > 0


def test_a_name_read_before_its_generation_was_swept_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, index = written(tmp_path / "글", 2, "옛글"), tmp_path / "색인"
    update_index(SETTINGS, [texts], index)
    real = generation.current
    names = iter(["gen-swept"])
    monkeypatch.setattr(generation, "current", lambda folder: next(names, None) or real(folder))
    assert generation.live(index).name == real(index)
    monkeypatch.setattr(generation, "current", lambda folder: "gen-swept")
    with pytest.raises(IndexDamagedError, match="gen-swept"):
        generation.live(index)


def test_a_second_writer_waits(tmp_path: Path) -> None:
    texts, index = written(tmp_path / "글", 3, "옛글"), tmp_path / "색인"
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with writing(index):
            held.set()
            time.sleep(0.5)
            done.set()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    update_index(SETTINGS, [texts], index)
    assert done.is_set()
    holder.join()


def test_flipped_bytes_in_a_large_index_are_found_by_the_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_module, "DEEP_CHECK_BYTES", 0)
    index = tmp_path / "색인"
    update_index(SETTINGS, [written(tmp_path / "글", 5, "옛글")], index)
    generation = index / (index / CURRENT).read_text().strip()
    for path in sorted(p for p in generation.rglob("*") if p.is_file()):
        data = path.read_bytes()
        for position in {0, len(data) // 2, len(data) - 1} if data else set():
            path.write_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
            with pytest.raises(IndexDamagedError, match=path.name):
                Index.load(index, deep=True)
        path.write_bytes(data)
    Index.load(index, deep=True)


def test_an_interrupted_update_cleans_up(tmp_path: Path) -> None:
    texts, index = written(tmp_path / "글", 6, "옛글"), tmp_path / "색인"
    update_index(SETTINGS, [texts], index)
    old = (index / CURRENT).read_text()
    (texts / "새.txt").write_text("새 글이다.", "utf-8")

    def interrupt(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update_index(SETTINGS, [texts], index, report=interrupt)
    assert (index / CURRENT).read_text() == old
    assert not [path for path in index.iterdir() if path.name.startswith(".")]
    assert update_index(SETTINGS, [texts], index).added == 1
