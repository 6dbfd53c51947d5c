"""Files inside files: letters and zipped folders, honest and hostile."""

import io
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from rag.load import Skipped, load
from rag.types import Document
from tests.makers import make_pdf

MAX_BYTES = 50_000_000


def loaded(path: Path) -> tuple[dict[str, Document], list[Skipped]]:
    items = list(load([path], MAX_BYTES))
    return (
        {one.id: one for one in items if isinstance(one, Document)},
        [one for one in items if isinstance(one, Skipped)],
    )


def letter(body: str = "내일 회의는 3시에 시작합니다.", subject: str = "회의 시각") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "김하늘 <haneul@example.com>"
    message["To"] = "모두 <all@example.com>"
    message["Date"] = "Mon, 03 Mar 2025 23:30:00 +0900"
    message.set_content(body)
    return message


def zipped(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_letter_with_attachments(tmp_path: Path) -> None:
    message = letter()
    message.add_attachment("첨부한 글이다.".encode("cp949"), "text", "plain", filename="붙임 글.txt")
    pdf = make_pdf([[(72, 700, 12, "붙임 문서의 본문이다.")]])
    message.add_attachment(pdf, "application", "pdf", filename="../../계획.pdf")
    message.add_attachment(b"\x89PNG", "image", "png", filename="그림.png")
    message.add_attachment(letter("안에 든 편지다.", "전달"))
    path = tmp_path / "회의.eml"
    path.write_bytes(message.as_bytes())
    documents, skipped = loaded(path)
    assert set(documents) == {
        "회의.eml",
        "회의.eml/붙임 글.txt",
        "회의.eml/계획.pdf",
        "회의.eml/편지-4.eml",
    }
    first = documents["회의.eml"]
    assert first.title == "회의 시각"
    assert first.published == "2025-03-03"
    assert "김하늘" in first.publisher
    assert "보낸 사람: 김하늘" in first.text
    assert "내일 회의는 3시에 시작합니다." in first.text
    assert first.text[first.sections[-1].span.start :].startswith("내일 회의는")
    assert "안에 든 편지다." in documents["회의.eml/편지-4.eml"].text
    assert [item.path for item in skipped] == ["회의.eml"]
    assert "그림.png" in skipped[0].error.message


def test_old_korean_letter_and_html_body(tmp_path: Path) -> None:
    raw = (
        b"From: \xb1\xe8\xc7\xcf\xb4\xc3 <a@example.com>\r\nSubject: =?ks_c_5601-1987?B?yLjAxw==?=\r\n"
        b"Content-Type: text/html; charset=ks_c_5601-1987\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    html = (
        "<html><body><p>회의는 세 시에 연다. 자료는 미리 읽고 온다.</p><script>나쁜()</script></body></html>"
    )
    (tmp_path / "옛.eml").write_bytes(raw + html.encode("cp949"))
    documents, skipped = loaded(tmp_path / "옛.eml")
    assert skipped == []
    assert documents["옛.eml"].title == "회의"
    assert documents["옛.eml"].publisher.startswith("김하늘")
    assert "회의는 세 시에 연다." in documents["옛.eml"].text
    assert "나쁜" not in documents["옛.eml"].text


@pytest.mark.parametrize(
    "data",
    [b"", b"just words", "편지가 아니다".encode(), b"\x00" * 100, b"PK\x03\x04", b"%PDF-1.4"],
    ids=["empty", "words", "korean", "zeros", "zip", "pdf"],
)
def test_no_letter(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.eml").write_bytes(data)
    documents, skipped = loaded(tmp_path / "x.eml")
    assert (documents, len(skipped)) == ({}, 1)


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: =?nonsense?Q?=FF?=",
        b"Subject: " + b"\xff\xfe" * 50,
        b"From: <<<>>>;;;\r\nDate: not a date",
        b"Subject: a\r\nContent-Type: multipart/mixed; boundary=",
        b"Subject: a\r\nContent-Type: text/plain; charset=unknown-8bit",
        b"Subject: a\r\nContent-Transfer-Encoding: base64",
    ],
)
def test_broken_letters_never_stop_the_run(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a.eml").write_bytes(head + b"\r\n\r\n" + "본문이다.".encode())
    (tmp_path / "b.txt").write_text("다른 글이다.", "utf-8")
    documents, _ = loaded(tmp_path)
    assert "b.txt" in documents


def test_zipped_folder(tmp_path: Path) -> None:
    (tmp_path / "묶음.zip").write_bytes(
        zipped(
            {
                "규정/휴가.txt": "휴가는 열닷새다.".encode(),
                "규정/그림.png": b"\x89PNG",
                ".숨김/비밀.txt": "숨긴 글이다.".encode(),
                "__MACOSX/._휴가.txt": b"\x00\x05",
                "안.zip": zipped({"편지.eml": letter().as_bytes(), "글.txt": "안의 글이다.".encode()}),
            }
        )
    )
    documents, skipped = loaded(tmp_path)
    assert set(documents) == {"묶음.zip/규정/휴가.txt", "묶음.zip/안.zip/편지.eml", "묶음.zip/안.zip/글.txt"}
    assert ["그림.png" in item.error.message for item in skipped] == [True]


@pytest.mark.parametrize("encoding", ["cp949", "utf-8"])
def test_names_without_a_flag(tmp_path: Path, encoding: str) -> None:
    data = zipped({"AAAAAAAA.txt": "글이다.".encode()})
    name = "가나다라.txt".encode(encoding)
    stand_in = b"AAAAAAAA.txt" if encoding == "cp949" else None
    if stand_in is None:
        data = zipped({"A" * (len(name) - 4) + ".txt": "글이다.".encode()})
        stand_in = b"A" * (len(name) - 4) + b".txt"
    (tmp_path / "옛.zip").write_bytes(data.replace(stand_in, name))
    documents, _ = loaded(tmp_path)
    assert list(documents) == ["옛.zip/가나다라.txt"]


@pytest.mark.parametrize("name", ["../밖.txt", "/절대.txt", "a/../../밖.txt", "C:/밖.txt", "..\\밖.txt"])
def test_names_that_point_outside_are_refused(tmp_path: Path, name: str) -> None:
    inside = zipped({name: "밖의 글이다.".encode(), "안.txt": "안의 글이다.".encode()})
    (tmp_path / "묶음.zip").write_bytes(inside)
    documents, skipped = loaded(tmp_path)
    assert list(documents) == ["묶음.zip/안.txt"]
    assert "묶음 밖" in skipped[0].error.message


def test_bombs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "많음.zip").write_bytes(zipped({f"{n}.txt": b"" for n in range(10_001)}))
    (tmp_path / "부풂.zip").write_bytes(zipped({"0.txt": b"0" * 50_000_000}))
    deep = zipped({"글.txt": "바닥의 글이다.".encode()})
    for _ in range(6):
        deep = zipped({"안.zip": deep})
    (tmp_path / "깊음.zip").write_bytes(deep)
    documents, skipped = loaded(tmp_path)
    assert documents == {}
    assert {item.path for item in skipped} == {"많음.zip", "부풂.zip", "깊음.zip"}
    assert any("겹을 넘습니다" in item.error.message for item in skipped)
    assert sum("너무 큽니다" in item.error.message for item in skipped) == 2


def test_limits_hold_over_all_levels_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.load.nest.MAX_TOTAL_BYTES", 5_000)
    inner = {f"{n}.txt": "가나다라 ".encode() * 100 for n in range(3)}
    (tmp_path / "묶음.zip").write_bytes(zipped({f"{n}.zip": zipped(inner) for n in range(5)}))
    _, skipped = loaded(tmp_path)
    assert any("5,000바이트" in item.error.message for item in skipped)


def test_locked_truncated_and_misnamed_archives(tmp_path: Path) -> None:
    whole = zipped({"글.txt": "글이다. ".encode() * 500})
    (tmp_path / "잘림.zip").write_bytes(whole[: len(whole) // 2])
    locked = bytearray(zipped({"글.txt": "글이다.".encode()}))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "잠김.zip").write_bytes(bytes(locked))
    (tmp_path / "아님.zip").write_text("묶음이 아니다.", "utf-8")
    spoilt = bytearray(whole)
    spoilt[60] ^= 0xFF
    (tmp_path / "깨짐.zip").write_bytes(bytes(spoilt))
    documents, skipped = loaded(tmp_path)
    assert documents == {}
    assert len(skipped) == 4
    assert any("암호" in item.error.message for item in skipped)
