"""Files and folders to documents: ids, order, manifests, and what becomes of files that cannot be read."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import DecodeError, ManifestError, SourceError
from rag.load import LOADERS, MANIFEST, Skipped, count_files, load
from rag.load.decode import decode, read_text
from rag.text import digest, normalise
from rag.types import Document, Role
from recipes.corpus.__main__ import write_manifest

MAX = 10**6
SENTENCE = "가람시는 올해 안에 수소버스 20대를 더 들여와 도심 3개 노선에 배치한다고 4일 밝혔다."


def documents(*paths: Path) -> list[Document]:
    items = list(load(paths, MAX))
    assert not [item for item in items if isinstance(item, Skipped)]
    return [item for item in items if isinstance(item, Document)]


def skipped(*paths: Path, max_bytes: int = MAX) -> list[Skipped]:
    return [item for item in load(paths, max_bytes) if isinstance(item, Skipped)]


def write(folder: Path, name: str, content: str | bytes = SENTENCE) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def assert_sound(document: Document) -> None:
    """What every loader promises."""
    assert document.text == normalise(document.text)
    assert document.text
    end = 0
    for section in document.sections:
        assert section.span.start >= end
        end = section.span.end
    assert end <= len(document.text)
    covered = [False] * len(document.text)
    for section in document.sections:
        for position in range(section.span.start, section.span.end):
            covered[position] = True
    assert all(held for held, char in zip(covered, document.text, strict=True) if char.isalnum())


# --- folders -------------------------------------------------------------------------------------


def test_folders_are_read_whole_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b/2.txt", "a.txt", "b/1.md", "c.txt", ".hidden.txt", ".git/x.txt"):
        write(tmp_path, name)
    assert [document.id for document in documents(tmp_path)] == ["a.txt", "b/1.md", "b/2.txt", "c.txt"]
    assert count_files([tmp_path]) == 4


def test_a_file_given_itself_is_called_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "deep/글.txt")
    assert [document.id for document in documents(path)] == ["글.txt"]


def test_equal_ids_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    for folder in ("one", "two", "x/two"):
        write(tmp_path, f"{folder}/a.txt", f"{folder}: {SENTENCE}")
    found = documents(*(tmp_path / folder for folder in ("one", "two", "x/two")))
    assert [document.id for document in found] == ["a.txt", "two/a.txt", "two/a.txt#2"]
    files = documents(*(tmp_path / folder / "a.txt" for folder in ("one", "two", "x/two")))
    assert [document.id for document in files] == ["a.txt", "two/a.txt", "two/a.txt#2"]


def test_a_file_reached_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt")
    assert len(documents(tmp_path, path, tmp_path)) == 1


def test_decomposed_names_become_nfc(tmp_path: Path) -> None:
    write(tmp_path, unicodedata.normalize("NFD", "한글.txt"))
    assert [document.id for document in documents(tmp_path)] == ["한글.txt"]


def test_names_that_are_no_unicode_can_be_encoded(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"\xff.txt"), "wb") as stream:
        stream.write(SENTENCE.encode())
    assert documents(tmp_path)[0].id.encode()


def test_documents_carry_digest_and_source(tmp_path: Path) -> None:
    document = documents(write(tmp_path, "a.txt"))[0]
    assert document.sha256 == digest(document.text)
    assert document.source == "a.txt"


# --- files that cannot be read -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.txt", b"", "빈 파일"),
        ("a.txt", b" \r\n\t", "빈 파일"),
        ("a.txt", "\ufeff\u200b".encode(), "빈 파일"),
        ("a.md", b"%PDF-1.7 ...", "PDF"),
        ("a.txt", b"PK\x03\x04aaaa", "ZIP"),
        ("a.txt", b"\x89PNG\r\n\x1a\n", "PNG"),
        ("a.txt", bytes(range(256)) * 8, "인코딩"),
        ("a.txt", b"\x00" * 100, "인코딩"),
        ("a.exe", b"MZ", "읽을 수 없는 형식"),
        ("a.html", "<html><script>x</script></html>", "글이 없는"),
        ("a.txt", "가" * 400_000, "너무 큽니다(최대 1,000,000바이트)"),
    ],
)
def test_a_bad_file_is_reported_and_the_rest_is_read(
    tmp_path: Path, name: str, content: str | bytes, word: str
) -> None:
    write(tmp_path, f"bad/{name}", content)
    write(tmp_path, "good.txt")
    bad, good = load([tmp_path], MAX)
    assert isinstance(bad, Skipped)
    assert bad.path == f"bad/{name}"
    assert word in bad.error.message
    assert bad.error.remedy
    assert isinstance(good, Document)


def test_missing_paths_and_pipes_are_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    found = skipped(tmp_path / "none.txt", tmp_path / "pipe.txt")
    assert [item.path for item in found] == ["none.txt", "pipe.txt"]


def test_a_parser_that_fails_stops_only_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        suffixes = (".broken",)

        def load(self, data: bytes, name: str) -> None:
            raise KeyError("a bug")

    monkeypatch.setitem(LOADERS, ".broken", Broken())
    write(tmp_path, "a.broken")
    write(tmp_path, "b.txt")
    bad, good = load([tmp_path], MAX)
    assert isinstance(bad, Skipped)
    assert "KeyError" in bad.error.message
    assert isinstance(good, Document)


# --- manifests -----------------------------------------------------------------------------------


def corpus(folder: Path) -> Path:
    write(folder, "a.md", f"# 첫 글\n\n발행: 2025-07-14 · 가람일보\n\n{SENTENCE}")
    write(folder, "sub/b.txt", f"둘째 글\n\n{SENTENCE}")
    write(folder, "README.md", "# 설명")
    assert write_manifest(folder, "CC0-1.0") == 2
    return folder


def test_a_manifest_and_its_readme_are_no_articles(tmp_path: Path) -> None:
    found = documents(corpus(tmp_path))
    assert [(item.id, item.title, item.published, item.publisher, item.licence) for item in found] == [
        ("a.md", "첫 글", "2025-07-14", "가람일보", "CC0-1.0"),
        ("sub/b.txt", "둘째 글", "", "", "CC0-1.0"),
    ]
    assert count_files([tmp_path]) == 2


def test_without_a_manifest_a_readme_is_an_article(tmp_path: Path) -> None:
    write(tmp_path, "README.md", "# 설명\n\n글")
    assert [document.id for document in documents(tmp_path)] == ["README.md"]


def test_the_manifest_wins_over_the_file(tmp_path: Path) -> None:
    manifest = corpus(tmp_path) / MANIFEST
    rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    rows[0] |= {"title": "다른 제목", "published": "2020-01-01"}
    manifest.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    assert (documents(tmp_path)[0].title, documents(tmp_path)[0].published) == ("다른 제목", "2020-01-01")


@pytest.mark.parametrize("case", ["changed", "missing", "unlisted", "broken", "no id", "binary"])
def test_a_manifest_that_does_not_hold_is_refused(tmp_path: Path, case: str) -> None:
    folder = corpus(tmp_path)
    if case == "changed":
        write(folder, "a.md", "# 다른 글\n\n내용")
    elif case == "missing":
        (folder / "a.md").unlink()
    elif case == "unlisted":
        write(folder, "c.txt")
    else:
        write(folder, MANIFEST, {"broken": b"{", "no id": b"{}", "binary": b"\xff\xfe\xff"}[case])
    with pytest.raises(ManifestError) as caught:
        list(load([folder], MAX))
    assert caught.value.remedy


# --- encodings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp949", "euc-kr"]
)
def test_korean_encodings(encoding: str) -> None:
    text = f"{SENTENCE}\r\n둘째 줄 (2025년)"
    assert read_text(text.encode(encoding), "a.txt") == f"{SENTENCE}\n둘째 줄 (2025년)"


def test_syllables_beyond_euc_kr() -> None:
    text = f"똠방각하와 펲시콜라 이야기. {SENTENCE}"
    assert decode(text.encode("cp949"), "a.txt") == text


def test_a_stray_byte_is_mended_and_noise_is_not() -> None:
    data = (SENTENCE * 30).encode()
    assert "\ufffd" in decode(data[:100] + b"\xff" + data[100:], "a.txt")
    assert decode(data[:-1], "a.txt").startswith(SENTENCE)
    with pytest.raises(DecodeError):
        decode("日本語のテキストです。これは韓国語ではありません。".encode("shift-jis"), "a.txt")


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_give_text_or_a_source_error(data: bytes) -> None:
    for name in ("a.txt", "a.md", "a.jsonl"):
        try:
            found = list(LOADERS[Path(name).suffix].load(data, name))
        except SourceError:
            continue
        for item in found:
            if isinstance(item, Document):
                assert_sound(item)


@given(st.text(max_size=300), st.sampled_from(["utf-8", "utf-16", "cp949"]))
@settings(deadline=None)
def test_any_text_in_any_loader(text: str, encoding: str) -> None:
    data = text.encode(encoding, "ignore")
    for suffix in (".txt", ".md"):
        try:
            found = list(LOADERS[suffix].load(data, f"a{suffix}"))
        except SourceError:
            continue
        assert_sound(found[0])


# --- JSON Lines ----------------------------------------------------------------------------------


def test_records_keep_their_facts_and_bad_lines_their_number(tmp_path: Path) -> None:
    good = {
        "id": "가-1",
        "title": "제목",
        "text": SENTENCE,
        "date": "2025.03.04 09:00",
        "url": "https://a.example/1",
        "publisher": "가람일보",
        "licence": "CC0-1.0",
    }
    lines = [json.dumps(good), "{", "[1]", '{"text": 3}', '{"text": " "}', "", json.dumps({"text": "둘째"})]
    path = write(tmp_path, "a.jsonl", "\ufeff" + "\r\n".join(lines))
    items = list(load([path], MAX))
    first, last = items[0], items[-1]
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    facts = (first.id, first.title, first.published, first.source, first.publisher, first.licence)
    assert facts == ("가-1", "제목", "2025-03-04", "https://a.example/1", "가람일보", "CC0-1.0")
    assert (last.id, last.title) == ("a-7", "a-7")
    numbers = [item.error.message.split(": ")[1][:2] for item in items if isinstance(item, Skipped)]
    assert numbers == ["2번", "3번", "4번", "5번"]


def test_equal_record_ids_are_kept_apart(tmp_path: Path) -> None:
    path = write(tmp_path, "k/a.jsonl", "\n".join(json.dumps({"id": "x", "text": t}) for t in "가나다"))
    assert [document.id for document in documents(path)] == ["x", "k/x", "k/x#2"]


def test_line_separators_inside_strings_are_no_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"id": 7, "text": "가\u2028나\x85다"}')
    assert [(document.id, document.text) for document in documents(path)] == [("7", "가\n나\n다")]


# --- Markdown ------------------------------------------------------------------------------------

MARKDOWN = f"""---
title: "머리 제목"
date: 2024-02-29
publisher: 가람일보
licence: CC-BY-4.0
---
# 본문 제목

들머리 글이다.

## 요금

| 구분 | 값 |
|---|---|
| 어른 | 6,000원 |

### 할인 [안내](https://a.example)

```sh
# 이것은 제목이 아니다
```

둘째 부분
---

{SENTENCE}
"""


def test_markdown_is_stored_as_written_under_its_headings(tmp_path: Path) -> None:
    document = documents(write(tmp_path, "a.md", MARKDOWN))[0]
    assert document.text == MARKDOWN.strip()
    assert (document.title, document.published) == ("머리 제목", "2024-02-29")
    assert (document.publisher, document.licence) == ("가람일보", "CC-BY-4.0")
    assert [(section.role, section.heading) for section in document.sections] == [
        (Role.ASIDE, ""),
        (Role.BODY, ""),
        (Role.BODY, "요금"),
        (Role.BODY, "요금 > 할인 안내"),
        (Role.BODY, "둘째 부분"),
    ]
    assert_sound(document)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("# 글\n\n발행: 2025-07-14 · 가람일보\n\n본문", ("글", "2025-07-14", "가람일보")),
        ("# 글\n\n**작성일: 2025년 7월 14일**\n\n본문", ("글", "2025-07-14", "")),
        ("글\n===\n\n본문", ("글", "", "")),
        ("## 작은 제목뿐\n\n본문", ("작은 제목뿐", "", "")),
        ("본문뿐이다.", ("a", "", "")),
    ],
)
def test_markdown_facts(tmp_path: Path, text: str, facts: tuple[str, str, str]) -> None:
    document = documents(write(tmp_path, "a.md", text))[0]
    assert (document.title, document.published, document.publisher) == facts


# --- HTML ----------------------------------------------------------------------------------------

HTML = f"""<html><head><meta charset="CHARSET"><title>가람시 소식 | 가람일보</title>
<meta property="og:site_name" content="가람일보">
<meta property="article:published_time" content="2025-03-04T10:00:00+09:00"><style>x</style></head><body>
<nav><a>홈</a><a>정치</a></nav><article><h1>가람시 소식</h1><p>{SENTENCE}</p>
<p>차량 구입비는 모두 126억 원이다.</p>
<h2>요금표</h2><table><tr><th>구분</th><th>요금</th></tr><tr><td>어른</td><td>1,400원</td></tr></table>
<ul><li>첫째 일</li></ul><p>시는 2월부터 충전소 한 곳을 시험 운영하고 있다.</p></article>
<aside><h3>많이 본 뉴스</h3><h4>해솔항 여객선, 봄부터 네 번</h4>
<p>해솔항과 가온도를 잇는 여객선이 4월부터 하루 네 번 다닌다. 운임은 어른 8,400원으로 지난해와 같다.</p>
</aside>
<footer>저작권자 © 가람일보 무단전재 및 재배포 금지</footer></body></html>"""


@pytest.mark.parametrize("charset", ["utf-8", "euc-kr", "iso-8859-1", "utf-16"])
def test_html_article_in_order_and_the_rest_as_asides(tmp_path: Path, charset: str) -> None:
    stored = "cp949" if charset in {"euc-kr", "iso-8859-1"} else "utf-8"
    data = HTML.replace("CHARSET", charset).encode(stored, "xmlcharrefreplace")
    document = documents(write(tmp_path, "a.html", data))[0]
    assert_sound(document)
    facts = (document.title, document.published, document.publisher)
    assert facts == ("가람시 소식", "2025-03-04", "가람일보")
    parts = {
        section.heading: document.text[section.span.start : section.span.end] for section in document.sections
    }
    assert "구분: 어른, 요금: 1,400원\n\n- 첫째 일\n\n시는 2월부터" in parts["요금표"]
    item = next(section for section in document.sections if section.heading.startswith("해솔항"))
    assert (item.role, item.own_title) == (Role.ASIDE, True)
    assert "하루 네 번" in parts[item.heading]
    assert document.text.count(SENTENCE) == 1


@given(st.text(alphabet="<>/ap=\"' h1tdr!-&;가나다.\n", max_size=200))
@settings(deadline=None, max_examples=60)
def test_malformed_html_gives_text_or_a_source_error(text: str) -> None:
    try:
        found = list(LOADERS[".html"].load(text.encode(), "a.html"))
    except SourceError:
        return
    assert_sound(found[0])  # type: ignore[arg-type]


def test_deep_html_survives(tmp_path: Path) -> None:
    page = "<div>" * 5000 + f"<p>{SENTENCE}" + "</div>" * 5000
    assert SENTENCE in documents(write(tmp_path, "a.html", page))[0].text
