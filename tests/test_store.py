"""Documents and passages on disk: what went in comes out, by id and by row, and damage is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag import lexicon
from rag.chunk import chunk
from rag.store import Store, StoreWriter
from rag.types import Document, Filter, Role, Section, Span


def written(folder: Path, documents: list[Document]) -> Store:
    writer = StoreWriter(folder)
    for one in documents:
        writer.add(one, list(chunk(one, 60)))
    writer.close()
    return Store.load(folder)


def made(count: int) -> list[Document]:
    page = "완공은 2029년이다.\n관련 기사 제목이다."
    aside = (Section(Span(0, 11)), Section(Span(12, len(page)), Role.ASIDE, "관련", own_title=True))
    return [
        Document(
            f"{n * 7919 % 1000:03}.txt", f"글 {n}", page if n % 3 else "", f"src{n}", f"{2000 + n}-01-02"
        )
        if n % 2
        else Document(f"{n * 7919 % 1000:03}.txt", f"글 {n}", page, sections=aside, tags=("가", f"t{n}"))
        for n in range(count)
    ]


def test_everything_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "RUN_STRINGS", 7)  # so that the ids are merged from six runs
    documents = made(40)
    store = written(tmp_path, documents)
    assert store.document_count == 40
    assert list(store.outlines()) == [replace(one, text="", sections=()) for one in documents]
    assert [store.outline(one.id) for one in documents] == list(store.outlines())
    row = 0
    for one in documents:
        passages = list(chunk(one, 60))
        assert store.document(one.id) == one
        assert one.id in store
        assert store.rows(one.id) == range(row, row + len(passages))
        for passage in passages:
            assert store.passage(row) == passage
            assert store.roles()[row] == (passage.role is Role.ASIDE)
            row += 1
    assert store.passage_count == row
    assert "없다.txt" not in store
    with pytest.raises(KeyError):
        store.document("없다.txt")


def test_filters(tmp_path: Path) -> None:
    documents = made(20)
    store = written(tmp_path, documents)
    chosen = Filter(since="2005", until="2011")
    allowed = store.admitted(chosen)
    expected = [chosen.admits(one) for one in documents for _ in chunk(one, 60)]
    assert allowed.tolist() == expected
    assert 0 < sum(expected) < len(expected)
    with pytest.raises(ValueError, match="read-only"):
        allowed[0] = True  # it is kept for the next question


def test_empty(tmp_path: Path) -> None:
    store = written(tmp_path, [])
    assert (store.document_count, store.passage_count, list(store.outlines())) == (0, 0, [])
    assert store.admitted(Filter(tags=("가",))).shape == (0,)


@pytest.mark.parametrize("name", ["documents.npy", "aside.npy", "id_rows.npy", "passages.npy"])
def test_files_that_do_not_fit_are_refused(tmp_path: Path, name: str) -> None:
    written(tmp_path, made(6))
    array = np.load(tmp_path / name)
    np.save(tmp_path / name, array[:-1])
    with pytest.raises(ValueError, match="fit"):
        Store.load(tmp_path)


def test_two_documents_of_one_id_are_refused_before_anything_is_published(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    for _ in range(2):
        writer.add(Document("가.txt", "글", "글이다."), [])
    with pytest.raises(ValueError, match="same id"):
        writer.close()
