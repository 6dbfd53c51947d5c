"""Word, PowerPoint, Excel and CSV: real files made here, and hostile ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import SourceError
from rag.load import LOADERS
from rag.load.container import OLE_MAGIC
from rag.types import Document, Role
from tests.test_load import assert_sound


def load(data: bytes, suffix: str) -> Document:
    (found,) = LOADERS[suffix].load(data, f"a{suffix}")
    assert isinstance(found, Document)
    assert_sound(found)
    return found


def parts(document: Document) -> list[tuple[str, str]]:
    return [(s.heading, document.text[s.span.start : s.span.end]) for s in document.sections]


# --- Word ----------------------------------------------------------------------------------------


def make_docx() -> bytes:
    import docx
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    word = docx.Document()
    word.add_heading("가람시 물 계획", 0)
    word.add_paragraph("발행: 2025-03-04")
    word.add_heading("예산", 1)
    word.add_paragraph("모두 410억 원이다.")
    table = word.add_table(2, 3)
    for row, texts in enumerate((("구분", "금액", "비고"), ("토목", "210억 원", "국비"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    word.add_heading("세부", 2)
    word.add_paragraph("첫째 일", style="List Bullet")
    changed = word.add_paragraph("길이는 ")
    ns = nsdecls("w")
    changed._p.append(parse_xml(f"<w:del {ns}><w:r><w:delText>9</w:delText></w:r></w:del>"))
    changed._p.append(parse_xml(f"<w:ins {ns}><w:r><w:t>31km이다.</w:t></w:r></w:ins>"))
    word.element.body.insert(
        -1,
        parse_xml(
            f"<w:sdt {ns}><w:sdtContent><w:p><w:r><w:t>틀 안의 글.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        ),
    )
    word.sections[0].footer.paragraphs[0].text = "가람시 기획과"
    return saved(word.save)


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    save(stream)
    return stream.getvalue()


def test_docx() -> None:
    found = load(make_docx(), ".docx")
    assert (found.title, found.published) == ("가람시 물 계획", "2025-03-04")
    assert parts(found) == [
        ("", "가람시 물 계획\n\n발행: 2025-03-04"),
        ("예산", "예산\n\n모두 410억 원이다.\n\n구분: 토목, 금액: 210억 원, 비고: 국비"),
        ("예산 > 세부", "세부\n\n첫째 일\n\n길이는 31km이다.\n\n틀 안의 글."),
        ("예산 > 세부", "가람시 기획과"),
    ]
    assert found.sections[-1].role is Role.ASIDE


# --- PowerPoint ----------------------------------------------------------------------------------


def make_pptx() -> bytes:
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text = "물 계획"
    first.placeholders[1].text = "정수장을 짓는다\n2027년에 연다"
    first.notes_slide.notes_text_frame.text = "값을 꼭 말할 것"
    second = show.slides.add_slide(show.slide_layouts[6])
    table = second.shapes.add_table(2, 2, 0, 0, Inches(3), Inches(1)).table
    for row, texts in enumerate((("구분", "요금"), ("어른", "1,400원"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    data = CategoryChartData()
    data.categories = ["2024", "2025"]
    data.add_series("물값", (10, 12))
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, Inches(4), Inches(3), Inches(2), data)
    return saved(show.save)


def test_pptx() -> None:
    found = load(make_pptx(), ".pptx")
    assert found.title == "물 계획"
    assert parts(found) == [
        ("슬라이드 1 > 물 계획", "물 계획\n\n정수장을 짓는다\n2027년에 연다\n\n발표 메모: 값을 꼭 말할 것"),
        ("슬라이드 2", "구분: 어른, 요금: 1,400원\n\n물값 — 2024: 10.0, 2025: 12.0"),
    ]


# --- Excel and CSV -------------------------------------------------------------------------------


def make_xlsx() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "요금"
    rows = [["2025년 수영장 요금"], [], ["구분", "요금", "시행일"], ["어른", 6000, datetime(2025, 7, 1)]]
    for row in [*rows, ["청소년", 4000.5, None]]:
        sheet.append(row)
    other = book.create_sheet("연락처")
    other.append(["담당", "김보람"])
    other.append(["전화", "02-555-0142"])
    book.create_sheet("빈 시트")
    return saved(book.save)


def test_xlsx() -> None:
    assert parts(load(make_xlsx(), ".xlsx")) == [
        (
            "요금",
            "2025년 수영장 요금\n구분: 어른, 요금: 6000, 시행일: 2025-07-01\n구분: 청소년, 요금: 4000.5",
        ),
        ("연락처", "담당: 김보람\n전화: 02-555-0142"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949"])
@pytest.mark.parametrize(("suffix", "mark"), [(".csv", ","), (".csv", ";"), (".tsv", "\t")])
def test_csv(encoding: str, suffix: str, mark: str) -> None:
    rows = [["이름", "값", "비고"], ["어른", "6000", '"쉬는 날\n월요일"'], ["청소년", "4000", ""]]
    text = "\r\n".join(mark.join(row) for row in rows)
    found = load(text.encode(encoding), suffix)
    assert found.text == "이름: 어른, 값: 6000, 비고: 쉬는 날 월요일\n이름: 청소년, 값: 4000"


# --- hostile files -------------------------------------------------------------------------------


def bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * 20_000_000)
    return stream.getvalue()


def locked() -> bytes:
    data = bytearray(make_docx())
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + 8] |= 1
        place = data.find(b"PK\x01\x02", place + 4)
    return bytes(data)


SUFFIXES = [".docx", ".pptx", ".xlsx"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("data", "word"),
    [
        (bomb(), "너무 큽니다"),
        (locked(), "암호"),
        (b"", "깨졌거나"),
        (make_docx()[:3000], "깨졌거나"),
        (b"%PDF-1.4", "깨졌거나"),
        (OLE_MAGIC + b"\0" * 2000, "깨졌거나"),
    ],
)
def test_hostile_office_files_are_named(suffix: str, data: bytes, word: str) -> None:
    with pytest.raises(SourceError, match=word) as caught:
        load(data, suffix)
    assert caught.value.remedy


def test_a_document_under_another_suffix_is_refused() -> None:
    with pytest.raises(SourceError):
        load(make_docx(), ".pptx")


def test_empty_documents_are_named() -> None:
    import docx
    import openpyxl
    import pptx

    for made, suffix in (
        (docx.Document(), ".docx"),
        (pptx.Presentation(), ".pptx"),
        (openpyxl.Workbook(), ".xlsx"),
    ):
        with pytest.raises(SourceError, match=r"없는|빈 표"):
            load(saved(made.save), suffix)


def test_entities_are_not_expanded() -> None:
    bad = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(make_docx())) as old, zipfile.ZipFile(stream, "w") as new:
        for entry in old.namelist():
            data = old.read(entry)
            if entry == "word/document.xml":
                data = (
                    bad + data.decode().split("?>", 1)[1].replace("모두 410억", "&b; 모두 410억")
                ).encode()
            new.writestr(entry, data)
    with suppress(SourceError):
        assert "root:" not in load(stream.getvalue(), ".docx").text


@given(st.sampled_from(SUFFIXES), st.integers(0, 40_000), st.binary(min_size=1, max_size=12))
@settings(max_examples=40)
def test_damaged_office_files_give_text_or_a_source_error(suffix: str, place: int, noise: bytes) -> None:
    data = MADE[suffix]
    place %= len(data)
    with suppress(SourceError):
        load(data[:place] + noise + data[place + len(noise) :], suffix)


MADE = {".docx": make_docx(), ".pptx": make_pptx(), ".xlsx": make_xlsx()}
