"""Hangul documents, HWP 5 and HWPX: real files made here, and hostile ones."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import SourceError
from rag.load import LOADERS
from rag.types import Document, Role
from tests.makers import (
    hwp_cell,
    hwp_control,
    hwp_paragraph,
    hwpx_cell,
    hwpx_paragraph,
    make_hwp,
    make_hwpx,
    make_ole,
    record,
)
from tests.test_load import assert_sound

LONG = "가람시는 내년에 정수장을 새로 짓기로 했다. 하루 9만 톤을 거르는 크기이며 값은 410억 원이다."
TABLE = (("구분", "금액", "비고"), ("토목", "210억 원", "국비"), ("", "20억 원", "시비"))


def load(data: bytes, suffix: str) -> Document:
    (found,) = LOADERS[suffix].load(data, f"a{suffix}")
    assert isinstance(found, Document)
    assert_sound(found)
    return found


def hwp() -> bytes:
    cells = [
        hwp_cell(row, column, text, rows=2 if text == "토목" else 1)
        for row, texts in enumerate(TABLE)
        for column, text in enumerate(texts)
        if text
    ]
    box = record(76, 2) + record(72, 3, b"\0" * 8) + hwp_paragraph("글상자 안의 글이다.", 3)
    first = (
        hwp_paragraph("가람시 물 계획", controls=(2, 2))
        + hwp_control("secd")
        + hwp_control("head")
        + record(72, 2, b"\0" * 8)
        + hwp_paragraph("가람시 기획과", 2)
        + hwp_paragraph("등록일: 2025. 3. 4.")
        + hwp_paragraph("예산", style=1)
        + hwp_paragraph(LONG, controls=(17,))
        + hwp_control("fn  ")
        + record(72, 2, b"\0" * 8)
        + hwp_paragraph("값은 어림이다.", 2)
        + hwp_paragraph("", controls=(11,))
        + hwp_control("tbl ")
        + record(77, 2, struct.pack("<IHH", 0, 3, 3))
        + b"".join(cells)
        + hwp_paragraph("", controls=(11,))
        + hwp_control("gso ")
        + box
    )
    return make_hwp(first, hwp_paragraph("둘째 구역의 글이다." + "물" * 3000))


def hwpx() -> bytes:
    rows = "".join(
        "<hp:tr>"
        + "".join(
            hwpx_cell(row, column, text, rows=2 if text == "토목" else 1)
            for column, text in enumerate(texts)
            if text
        )
        + "</hp:tr>"
        for row, texts in enumerate(TABLE)
    )
    note, head = (
        f"<hp:ctrl><hp:{kind}><hp:subList>{hwpx_paragraph(text)}</hp:subList></hp:{kind}></hp:ctrl>"
        for kind, text in (("footNote", "값은 어림이다."), ("header", "가람시 기획과"))
    )
    inner = hwpx_paragraph("글상자 안의 글이다.")
    box = f"<hp:rect><hp:drawText><hp:subList>{inner}</hp:subList></hp:drawText></hp:rect>"
    return make_hwpx(
        hwpx_paragraph("가람시 물 계획", hanging=head)
        + hwpx_paragraph("등록일: 2025. 3. 4.")
        + hwpx_paragraph("예산", style=1)
        + hwpx_paragraph(LONG.replace(" 하루", "<hp:nbSpace/>하루"), hanging=note)
        + hwpx_paragraph("", hanging=f"<hp:tbl>{rows}</hp:tbl>")
        + hwpx_paragraph("", hanging=box)
        + hwpx_paragraph("둘째 구역의 글이다." + "물" * 3000)
    )


MADE = {".hwp": hwp(), ".hwpx": hwpx()}


@pytest.mark.parametrize("suffix", [".hwp", ".hwpx"])
def test_paragraphs_tables_notes_boxes_and_margins(suffix: str) -> None:
    found = load(MADE[suffix], suffix)
    assert (found.title, found.published) == ("가람시 물 계획", "2025-03-04")
    parts = [(s.role, s.heading, found.text[s.span.start : s.span.end]) for s in found.sections]
    roles = [(role, heading) for role, heading, _ in parts]
    body = parts[1][2]
    assert roles[:2] == [(Role.BODY, ""), (Role.BODY, "예산")]
    assert body.split("\n\n")[1:4] == [
        LONG,
        "구분: 토목, 금액: 210억 원, 비고: 국비\n구분: 토목, 금액: 20억 원, 비고: 시비",
        "글상자 안의 글이다.",
    ]
    assert body.endswith("둘째 구역의 글이다." + "물" * 3000)
    assert (Role.BODY, "각주", "값은 어림이다.") in parts
    assert [text for role, _, text in parts if role is Role.ASIDE] == ["가람시 기획과"]


def test_without_styles_headings_are_found_by_their_looks() -> None:
    texts = ("□ 추진 배경", LONG, "□ 추진 일정", LONG.replace("9만", "8만"))
    found = load(make_hwp(b"".join(hwp_paragraph(text) for text in texts)), ".hwp")
    assert [section.heading for section in found.sections] == ["추진 배경", "추진 일정"]


def test_stored_without_compression() -> None:
    assert "정수장" in load(make_hwp(hwp_paragraph(LONG), flags=0), ".hwp").text


def test_characters_beyond_the_first_plane_and_tabs() -> None:
    tab = struct.pack("<8H", 9, *[0] * 6, 9).decode("utf-16-le")
    found = load(make_hwp(hwp_paragraph(f"글자 𠀀{tab}끝이다.")), ".hwp")
    assert found.text == "글자 𠀀 끝이다."


def deep() -> bytes:
    return make_hwp(b"".join(record(71, level, b" osg") for level in range(1000)) + hwp_paragraph("글이다."))


def bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(b"\0" * 300_000_000) + packer.flush()
    header = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0, 1)
    return make_ole({"FileHeader": header, "BodyText/Section0": data})


@pytest.mark.parametrize(
    ("data", "suffix", "word"),
    [
        (make_hwp(hwp_paragraph("글"), flags=3), ".hwp", "암호"),
        (make_hwp(hwp_paragraph("글"), flags=5), ".hwp", "배포용"),
        (make_hwp(), ".hwp", "글이 없는"),
        (make_ole({"WordDocument": b"x"}), ".hwp", "깨졌거나"),
        (make_ole({"FileHeader": b"x"}), ".hwp", "깨졌거나"),
        (b"HWP Document File V3.00 \x1a\x01", ".hwp", r"3\.0"),
        (b"PK\x03\x04", ".hwp", "ZIP"),
        (hwp()[:700], ".hwp", "깨졌거나"),
        (bomb(), ".hwp", "너무 큽니다"),
        (make_hwp(*[record(99, 0, b"\0" * 25_000_000)] * 3), ".hwp", "너무 큽니다"),
        (make_hwp(*[record(99, 0) * 600_000] * 2), ".hwp", "1,000,000개"),
        (make_hwpx("", {"META-INF/manifest.xml": "<encryption-data/>"}), ".hwpx", "암호"),
        (make_hwpx(""), ".hwpx", "글이 없는"),
        (make_hwpx("<hp:p>"), ".hwpx", "깨졌거나"),
        (hwpx()[:300], ".hwpx", "깨졌거나"),
        (hwp(), ".hwpx", "한글 문서"),
    ],
)
def test_hostile_documents_are_named(data: bytes, suffix: str, word: str) -> None:
    with pytest.raises(SourceError, match=word) as caught:
        load(data, suffix)
    assert caught.value.remedy


def test_deep_nesting_ends() -> None:
    with suppress(SourceError):
        load(deep(), ".hwp")


def test_entities_of_hwpx_are_not_expanded() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(
            "Contents/section0.xml",
            '<!DOCTYPE a [<!ENTITY b "' + "가" * 100 + '">]><sec><p><run><t>글이다. &b;</t></run></p></sec>',
        )
    assert "가가" not in load(stream.getvalue(), ".hwpx").text


@given(st.sampled_from([".hwp", ".hwpx"]), st.integers(0, 100_000), st.binary(min_size=1, max_size=12))
@settings(deadline=None, max_examples=150)
def test_damaged_documents_give_text_or_a_source_error(suffix: str, place: int, noise: bytes) -> None:
    data = MADE[suffix]
    place %= len(data)
    with suppress(SourceError):
        load(data[:place] + noise + data[place + len(noise) :], suffix)


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=150)
def test_any_records_give_text_or_a_source_error(noise: bytes) -> None:
    with suppress(SourceError):
        load(make_hwp(hwp_paragraph(LONG) + noise + hwp_paragraph(LONG), flags=0), ".hwp")
