"""Incremental updates: equal to a rebuild, nothing computed twice, duplicates once, the rest untouched."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from rag import manifest
from rag.assemble import stale_sources
from rag.config import LibrarySettings, load_library_settings, load_settings
from rag.embed import EmbeddedEmbedder
from rag.errors import (
    EmptyCorpusError,
    IndexBusyError,
    IndexVersionError,
    SettingError,
    SourceError,
    UnknownSourceError,
)
from rag.index import CURRENT, Index
from rag.korean import Analysis
from rag.library import (
    Ledger,
    Update,
    follow,
    index_status,
    remove_documents,
    update_index,
)
from rag.library.duplicate import print_of
from rag.protocols import Vectors
from rag.retrieve import LexicalRetriever

SETTINGS = load_settings({"chunk_max_chars": 80}, environment={})
TEXTS = {
    "가.txt": "카카오는 남양주 왕숙에 디지털 허브를 짓는다.\n완공은 2029년이다.",
    "나.txt": "애플은 포항에 개발자 아카데미를 연다. 교육은 9개월 동안 이어진다.",
    "다/라.txt": "새벽강도서관의 연체료는 하루에 100원이다. 책은 다섯 권까지 빌린다.",
}
NOTICE = (
    "방문 차량은 하루 전까지 관리사무소에 예약해야 하며 예약하지 않은 차량은 들어올 수 없습니다. "
    "주차 시간은 네 시간을 넘길 수 없고 넘기면 요금을 냅니다. 장애인 차량은 예약 없이 들어올 수 있으며 "
    "이삿짐 차량은 따로 신청합니다. 어린이 보호 구역에서는 천천히 달려 주시고 지정된 자리에만 세워 주세요. "
    "궁금한 것은 관리사무소로 전화해 주시면 친절히 안내해 드리겠습니다. 늘 협조해 주셔서 고맙습니다. "
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in TEXTS.items():
        put(tmp_path / "글" / name, text)
    return tmp_path / "글"


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def update(sources: Sequence[str | Path], index: Path, **options: object) -> Update:
    return update_index(SETTINGS, sources, index, **options)  # type: ignore[arg-type]


def names(index: Path) -> list[str]:
    return [outline.id for outline in Index.load(index).store.outlines()]


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is embedded from here on."""
    seen: list[str] = []
    real = EmbeddedEmbedder.embed_analyses

    def noted(self: EmbeddedEmbedder, analyses: Sequence[Analysis]) -> Vectors:
        seen.extend(one.text for one in analyses)
        return real(self, analyses)

    monkeypatch.setattr(EmbeddedEmbedder, "embed_analyses", noted)
    return seen


def test_unchanged_is_neither_read_nor_embedded_nor_written(
    folder: Path, tmp_path: Path, embedded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "색인"
    assert update([folder], index).added == 3
    before = (index / CURRENT).stat().st_mtime_ns
    embedded.clear()
    monkeypatch.setattr("rag.library.run.read", lambda *_: pytest.fail("a file was read again"))
    os.utime(folder / "가.txt")  # another time, the same bytes
    done = update([folder], index)
    assert (done.written, done.kept, done.added, done.replaced) == (False, 3, 0, 0)
    assert embedded == []
    assert (index / CURRENT).stat().st_mtime_ns == before


def test_only_what_changed_is_embedded_and_the_result_is_that_of_a_rebuild(
    folder: Path, tmp_path: Path, embedded: list[str]
) -> None:
    index = tmp_path / "색인"
    update([folder], index)
    put(folder / "나.txt", "애플은 포항에서 개발자를 기른다. 교육은 10개월이다.")
    put(folder / "나/새.txt", "등대호는 아침 7시에 떠난다.")
    embedded.clear()
    done = update([folder], index)
    assert (done.added, done.replaced, done.kept) == (1, 1, 2)
    assert all("애플" in text or "등대호" in text for text in embedded)
    assert embedded
    fresh = tmp_path / "처음부터"
    update([folder], fresh)
    assert (index / CURRENT).read_text() == (fresh / CURRENT).read_text()  # byte for byte the same files


def test_deleted_files_stay_until_pruned(folder: Path, tmp_path: Path, embedded: list[str]) -> None:
    index = tmp_path / "색인"
    update([folder], index)
    (folder / "가.txt").unlink()
    embedded.clear()
    done = update([folder], index)
    assert (done.missing, done.written) == (1, False)
    assert "가.txt" in names(index)
    done = update([folder], index, prune=True)
    assert (done.pruned, done.kept) == (1, 2)
    assert names(index) == ["나.txt", "다/라.txt"]
    assert embedded == []
    assert LexicalRetriever(Index.load(index)).retrieve("디지털 허브", 3) == ()


def test_pruning_one_folder_leaves_the_others(folder: Path, tmp_path: Path) -> None:
    index, other = tmp_path / "색인", tmp_path / "글모음"  # begins as the first folder's name does
    put(other / "마.txt", "다른 폴더의 글이다.")
    update([folder, other], index)
    shutil.rmtree(other)
    update([folder], index, prune=True)
    assert "마.txt" in names(index)


def test_a_folder_that_cannot_be_read_is_not_a_deleted_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, listed = tmp_path / "색인", os.scandir
    update([folder], index)

    def refusing(path: object) -> object:
        if str(path) == str(folder / "다"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refusing)
    (folder / "가.txt").unlink()
    done = update([folder], index, prune=True)
    assert (done.pruned, [item.path for item in done.skipped]) == (1, [str(folder / "다")])
    assert names(index) == ["나.txt", "다/라.txt"]


def test_a_file_that_cannot_be_read_keeps_what_was_read_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "색인"
    update([folder], index)
    monkeypatch.setattr("rag.load.file.file_sha256", lambda path: "")
    for options in ({"prune": True}, {"rebuild": True}):
        done = update([folder], index, **options)
        assert {item.path for item in done.skipped} == set(TEXTS)
        assert all("그대로" in item.error.message for item in done.skipped)
    assert names(index) == sorted(TEXTS)


def test_a_deleted_root_is_missed_and_can_be_pruned(folder: Path, tmp_path: Path) -> None:
    index, other = tmp_path / "색인", tmp_path / "둘째"
    put(other / "마.txt", "둘째 폴더의 글이다.")
    update([folder, other], index)
    shutil.rmtree(other)
    done = update([], index)
    assert (done.missing, done.written) == (1, False)
    assert update([], index, prune=True).pruned == 1
    assert names(index) == sorted(TEXTS)
    assert index_status(index).roots == (str(folder),)


def test_a_second_folder_is_added_beside_the_first(folder: Path, tmp_path: Path) -> None:
    index, other = tmp_path / "색인", tmp_path / "둘째"
    put(other / "가.txt", "이름이 같은 다른 글이다.")
    update([folder], index)
    update([other], index)
    assert sorted(names(index)) == ["가.txt", "나.txt", "다/라.txt", "둘째/가.txt"]
    assert index_status(index).roots == (str(folder), str(other))
    put(other / "가.txt", "이름이 같은 다른 글이 바뀌었다.")
    assert update([], index).replaced == 1  # no paths: all that was ever given
    assert sorted(names(index))[-1] == "둘째/가.txt"


def test_one_changed_record_of_many_is_embedded_alone(tmp_path: Path, embedded: list[str]) -> None:
    path, index = tmp_path / "기록.jsonl", tmp_path / "색인"
    rows = [{"id": f"r{n}", "text": f"{n}번 기록은 {n * 7}원짜리 영수증이다."} for n in range(20)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    update([path], index)
    rows[7]["text"] = "일곱 번째 기록만 바뀌었다."
    path.write_text("\n".join(json.dumps(row) for row in rows))
    embedded.clear()
    assert update([path], index).replaced == 1
    assert len(embedded) == 1
    assert Index.load(index).store.document("r7").text == "일곱 번째 기록만 바뀌었다."


def test_equal_and_nearly_equal_texts_are_stored_once_and_listed(tmp_path: Path) -> None:
    folder, index = tmp_path / "글", tmp_path / "색인"
    put(folder / "1.txt", NOTICE + "문의 전화는 02-123-4567입니다.")
    put(folder / "2.txt", NOTICE + "문의 전화는 02-123-4567입니다.")
    put(folder / "3.txt", NOTICE + "문의 전화는 02-123-4567입니다. 끝.")
    put(folder / "4.txt", NOTICE + "문의 전화는 02-123-9999입니다.")  # another number is another fact
    put(folder / "5.txt", "전혀 다른 글이다.")
    library = LibrarySettings(**{**vars_of(load_library_settings()), "near_duplicate": 0.9})
    done = update([folder], index, library=library)
    assert {(one.id, one.of) for one in done.duplicates} == {("2.txt", "1.txt"), ("3.txt", "1.txt")}
    assert [one.likeness == 1.0 for one in done.duplicates] == [True, False]
    assert names(index) == ["1.txt", "4.txt", "5.txt"]
    assert len(index_status(index).duplicates) == 2
    assert not update([folder], index, library=library).written
    (folder / "1.txt").unlink()  # what stood for them is gone: the next takes its place
    update([folder], index, library=library, prune=True)
    assert names(index) == ["2.txt", "4.txt", "5.txt"]


def vars_of(settings: LibrarySettings) -> dict[str, float]:
    return {name: getattr(settings, name) for name in LibrarySettings.__dataclass_fields__}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("어른은 3,000원, 아이는 5,000원을 냅니다.", "어른은 5,000원, 아이는 3,000원을 냅니다."),
        ("벌금은 삼백만 원입니다.", "벌금은 오백만 원입니다."),
        ("위원은 열두 명입니다.", "위원은 열세 명입니다."),
    ],
)
def test_other_sums_are_other_texts(tmp_path: Path, one: str, other: str) -> None:
    for number, end in enumerate((one, other, f"{one} 끝.")):
        put(tmp_path / "글" / f"{number}.txt", NOTICE * 2 + end)
    library = LibrarySettings(**{**vars_of(load_library_settings()), "near_duplicate": 0.8})
    done = update([tmp_path / "글"], tmp_path / "색인", library=library)
    assert [(one.id, one.of) for one in done.duplicates] == [("2.txt", "0.txt")]


def test_prints_of_an_older_version_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "색인"
    library = LibrarySettings(**{**vars_of(load_library_settings()), "near_duplicate": 0.8})
    put(tmp_path / "글" / "1.txt", NOTICE)
    with monkeypatch.context() as before:
        before.setattr("rag.library.run.PRINT_VERSION", 1)
        before.setattr("rag.library.run.print_of", lambda text: np.zeros_like(print_of(text)))
        update([tmp_path / "글"], index, library=library)
    put(tmp_path / "글" / "2.txt", NOTICE + "끝.")
    assert [one.of for one in update([tmp_path / "글"], index, library=library).duplicates] == ["1.txt"]


def test_near_duplicates_can_be_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "글"
    put(folder / "1.txt", NOTICE)
    put(folder / "2.txt", NOTICE + "끝.")
    library = LibrarySettings(**{**vars_of(load_library_settings()), "near_duplicate": 1.0})
    assert update([folder], tmp_path / "색인", library=library).duplicates == ()


def test_bad_files_are_listed_every_time_and_stop_nothing(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "색인"
    (folder / "그림.png").write_bytes(b"\x89PNG")
    (folder / "깨짐.docx").write_bytes(b"PK\x03\x04 nothing")
    (folder / "큰.txt").write_bytes("가".encode() * 1000)
    small = load_settings({"chunk_max_chars": 80, "max_file_bytes": 500}, environment={})
    for _ in range(2):
        done = update_index(small, [folder], index)
        assert {item.path for item in done.skipped} == {"그림.png", "깨짐.docx", "큰.txt"}
        assert all(item.error.remedy for item in done.skipped)
    assert not done.written
    assert len(index_status(index).skipped) == 3


def test_a_named_pipe_is_listed_and_not_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "관.txt")
    done = update([folder], tmp_path / "색인")
    assert [(item.path, "보통 파일이 아닙니다" in item.error.message) for item in done.skipped] == [
        ("관.txt", True)
    ]
    assert done.added == 4


def test_tags_of_a_run_and_of_documents(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "색인"
    put(folder / "표.md", "---\ntitle: 표\ntags: [규정, 2024년]\n---\n# 표\n규정의 글이다.")
    update([folder], index, tags=["사내"])
    assert Index.load(index).store.document("표.md").tags == ("규정", "2024년", "사내")
    assert dict(index_status(index).tags)["사내"] == 4
    assert not update([folder], index).written  # no tags given: those of before stay
    assert update([folder], index, tags=["공개"]).replaced == 4


def test_removed_documents_are_gone_and_unknown_ones_named(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "색인"
    update([folder], index)
    remove_documents(SETTINGS, ["나.txt"], index)
    assert names(index) == ["가.txt", "다/라.txt"]
    with pytest.raises(UnknownSourceError, match="없는"):
        remove_documents(SETTINGS, ["없는.txt"], index)
    with pytest.raises(EmptyCorpusError):
        remove_documents(SETTINGS, names(index), index)
    assert names(index) == ["가.txt", "다/라.txt"]


def test_another_passage_length_computes_everything_again_and_loses_nothing(
    folder: Path, tmp_path: Path
) -> None:
    index = tmp_path / "색인"
    update([folder], index)
    (folder / "가.txt").unlink()
    longer = load_settings({"chunk_max_chars": 200}, environment={})
    update_index(longer, [folder], index)
    opened = Index.load(index)
    assert opened.facts["chunk_max_chars"] == 200
    assert opened.store.document("가.txt").text == TEXTS["가.txt"]  # its file is gone, its text is not


def test_an_older_format_is_refused_with_the_command_that_mends_it(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "색인"
    update([folder], index)
    path = index / (index / CURRENT).read_text().strip() / manifest.NAME
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"version": 2}))
    with pytest.raises(IndexVersionError) as caught:
        Index.load(index)
    assert str(folder) in caught.value.remedy
    assert str(index) in caught.value.remedy
    update([], index)  # what the command does: from the recorded paths
    assert sorted(names(index)) == sorted(TEXTS)


@pytest.mark.parametrize("age", ["settings", "format"])
def test_a_new_folder_joins_an_index_of_before(
    folder: Path, tmp_path: Path, age: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, other = tmp_path / "색인", tmp_path / "둘째"
    put(other / "마.txt", "둘째 폴더의 글이다.")
    update([folder], index)
    place = "rag.library.base.LOAD_VERSION" if age == "settings" else "rag.index.opened.INDEX_VERSION"
    monkeypatch.setattr(place, 999)
    if age == "format":
        monkeypatch.setattr("rag.index.building.INDEX_VERSION", 999)
    update([other], index)
    assert sorted(names(index)) == sorted([*TEXTS, "마.txt"])


def test_a_damaged_index_is_made_anew(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "색인"
    update([folder], index)
    generation = index / (index / CURRENT).read_text().strip()
    (generation / "text.utf8").write_bytes(b"x")
    update([folder], index)
    assert sorted(names(index)) == sorted(TEXTS)


def test_missing_paths_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="없는 경로"):
        update([tmp_path / "nowhere"], tmp_path / "색인")
    with pytest.raises(SourceError, match="무엇을"):
        update([], tmp_path / "색인")


def test_names_that_are_no_unicode_survive(tmp_path: Path) -> None:
    folder, index = tmp_path / os.fsdecode(b"\xb1\xdb"), tmp_path / "색인"
    put(folder / os.fsdecode(b"\xc6\xc4.txt"), "이름이 CP949로 적힌 글이다.")
    update([folder], index, tags=[os.fsdecode(b"\xb0\xa1"), "가".encode().decode(), "\u1100\u1161"])
    done = update([], index)
    assert (done.kept, done.written) == (1, False)
    status = index_status(index)
    assert status.roots == (str(folder),)
    assert dict(status.tags) == {"\ufffd\ufffd": 1, "가": 1}
    assert stale_sources(Index.load(index)) == []


def test_ledger_round_trip(folder: Path, tmp_path: Path) -> None:
    update([folder], tmp_path / "색인", tags=["가"])
    generation = Index.load(tmp_path / "색인").folder
    ledger = Ledger.read(generation)
    ledger.write(tmp_path)
    assert Ledger.read(tmp_path).entries == ledger.entries
    assert [entry.name for entry in ledger.entries.values()] == sorted(TEXTS)


def test_kept_vectors_are_those_of_before(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "색인"
    update([folder], index)
    before = np.array(Index.load(index).dense.vectors)
    put(folder / "하.txt", "맨 뒤에 오는 글이다.")
    update([folder], index)
    after = Index.load(index).dense.vectors
    assert np.array_equal(after[: len(before)], before)
    assert len(after) > len(before)


@contextmanager
def following(sources: list[Path], again: Callable[[], None], index: Path) -> Iterator[list[str]]:
    """A watch in a thread, with the messages of what failed."""
    stop, told = threading.Event(), list[str]()
    options = {"stop": stop, "settled_ms": 100, "failed": lambda error: told.append(error.message)}
    watcher = threading.Thread(target=follow, args=(sources, again, index), kwargs=options)
    watcher.start()
    try:
        yield told
    finally:
        stop.set()
        watcher.join(20)
    assert not watcher.is_alive()


def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(300):
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_following_a_folder_that_holds_the_index(folder: Path) -> None:
    index, runs = folder / "색인", list[Update]()
    with following([folder], lambda: runs.append(update([folder], index)), index):
        assert eventually(lambda: len(runs) == 1)  # at once, with no change
        for number in range(2):
            put(folder / f"새{number}.txt", f"{number}번째 새 글이다.")
            assert eventually(lambda: len(names(index)) == 4 + number)  # noqa: B023  # called here only
        time.sleep(2.5)  # long enough for the index's own files to be taken for changes
        assert len(runs) <= 5
    assert not runs[-1].written or runs[-1].added == 1


def test_a_change_during_the_first_update_is_seen(folder: Path, tmp_path: Path) -> None:
    index, runs = tmp_path / "색인", list[Update]()

    def again() -> None:
        runs.append(update([folder], index))
        if len(runs) == 1:
            put(folder / "그사이.txt", "색인하는 사이에 온 글이다.")

    with following([folder], again, index):
        assert eventually(lambda: len(runs) > 1)
    assert "그사이.txt" in names(index)


def test_a_watch_outlives_what_fails_for_a_moment(folder: Path, tmp_path: Path) -> None:
    index, errors = tmp_path / "색인", [IndexBusyError("바쁨"), IndexBusyError("바쁨"), SourceError("없음")]
    runs = list[Update]()

    def again() -> None:
        if errors:
            raise errors.pop(0)
        runs.append(update([folder], index))

    with following([folder], again, index) as told:
        assert eventually(lambda: bool(runs))
    assert told == ["바쁨", "없음"]
    with pytest.raises(SourceError, match="지켜볼"):
        follow(["https://example.com"], again, index)


def test_status_tells_age_and_size(folder: Path, tmp_path: Path) -> None:
    update([folder], tmp_path / "색인")
    status = index_status(tmp_path / "색인")
    assert (status.documents, status.files, status.is_exact) == (3, 3, True)
    assert status.chars == sum(map(len, TEXTS.values()))
    assert abs(time.time() - status.built) < 600
    files = (tmp_path / "색인").glob("gen-*/**/*")
    assert status.bytes == sum(path.stat().st_size for path in files if path.is_file())


def test_wrong_library_settings_are_named(tmp_path: Path) -> None:
    for line in ("near_duplicate = 0.1", "unknown = 1", 'near_duplicate = "x"', "url_max_redirects = 1.5"):
        put(tmp_path / "rag.toml", f"[library]\n{line}\n")
        with pytest.raises(SettingError, match="library"):
            load_library_settings(tmp_path / "rag.toml")
    put(tmp_path / "rag.toml", "top_k = 3\n[library]\nnear_duplicate = 1\n")
    assert load_library_settings(tmp_path / "rag.toml").near_duplicate == 1.0
    assert load_settings({}, tmp_path / "rag.toml", {}).top_k == 3


def test_an_index_among_its_sources_is_no_source(folder: Path) -> None:
    index = folder / "색인"
    first = update([folder], index)
    assert (first.added, first.skipped) == (3, ())
    again = update([folder], index)
    assert (again.written, again.skipped) == (False, ())
    put(folder / "마.txt", "마지막 글이다.")
    assert update([folder], index).added == 1
    assert index_status(index).documents == 4
    assert stale_sources(Index.load(index)) == []


def test_what_is_stale(folder: Path, tmp_path: Path) -> None:
    update([folder], tmp_path / "색인")
    index = Index.load(tmp_path / "색인")
    (folder / "끊김.txt").symlink_to(tmp_path / "없음")
    later = time.time() + 60
    for name in (".git/HEAD", ".숨김"):
        put(folder / name, "문서가 아니다.")
        os.utime(folder / name, (later, later))
    index.facts["sources"] = [str(folder), "https://example.com/글"]
    assert stale_sources(index) == []
    os.utime(folder / "가.txt", (later, later))
    index.facts["sources"] = [str(folder), str(tmp_path / "지운 폴더")]
    assert stale_sources(index) == [str(folder / "가.txt"), str(tmp_path / "지운 폴더")]
