"""Small real files of other formats, for loader tests."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib


def make_pdf(pages: list[list[tuple[int, int, int, str]]], title: str = "", encrypt: bool = False) -> bytes:
    """A PDF with Korean text: each page is a list of ``(x, y, size, line)``; no font is embedded."""
    glyphs = sorted({char for page in pages for *_, line in page for char in line})
    cids = {char: row + 1 for row, char in enumerate(glyphs)}
    pairs = "\n".join(f"<{cid:04X}> <{char.encode('utf-16-be').hex()}>" for char, cid in cids.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        f"{len(cids)} beginbfchar\n{pairs}\nendbfchar endcmap end end"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H"
        b" /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>",
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo"
        b" << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 1000 /FontDescriptor 6 0 R >>",
        _stream(cmap.encode()),
        b"<< /Type /FontDescriptor /FontName /X /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0"
        b" /Ascent 900 /Descent -200 /CapHeight 700 /StemV 80 >>",
        b"<< /Title <" + ("\ufeff" + title).encode("utf-16-be").hex().encode() + b"> >>",
    ]
    kids = []
    for page in pages:
        drawn = "".join(
            f"BT /F1 {size} Tf {x} {y} Td <{''.join(f'{cids[char]:04X}' for char in line)}> Tj ET\n"
            for x, y, size, line in page
        )
        objects.append(_stream(drawn.encode()))
        kids.append(len(objects) + 1)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >>"
            f" /Contents {len(objects)} 0 R >>".encode()
        )
    objects[1] = (
        f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{k} 0 R' for k in kids)}] >>".encode()
    )
    return _pdf(objects, encrypt)


def _stream(data: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%b\nendstream" % (len(data), data)


def _pdf(objects: list[bytes], encrypt: bool) -> bytes:
    made = b"%PDF-1.4\n"
    places = []
    if encrypt:
        lock = b"00" * 32
        objects = [*objects, b"<< /Filter /Standard /V 1 /R 2 /O <%b> /U <%b> /P -4 >>" % (lock, lock)]
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    lock_entry = b" /Encrypt %d 0 R /ID [<00> <00>]" % len(objects) if encrypt else b""
    return made + b"trailer << /Size %d /Root 1 0 R /Info 7 0 R%b >>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        lock_entry,
        start,
    )


def make_ole(streams: dict[str, bytes]) -> bytes:
    """A compound file with the given streams ("Storage/Name"), padded to whole sectors of 512 bytes."""
    nodes = _ole_nodes(streams)
    body, fat = b"", []
    starts: dict[int, int] = {}
    for row, (_, kind, _, data) in enumerate(nodes):
        if kind == 2:
            starts[row] = len(fat)
            count = max(8, -(-len(data) // 512))  # 4,096 bytes: nothing goes into the mini stream
            fat += [*range(len(fat) + 1, len(fat) + count), 0xFFFFFFFE]
            body += data.ljust(count * 512, b"\0")
    directory = b""
    for row, (name, kind, child, data) in enumerate(nodes):
        raw = name.encode("utf-16-le") + b"\0\0"
        sibling = row + 1 if _is_sibling(nodes, row) else 0xFFFFFFFF
        directory += raw.ljust(64, b"\0") + struct.pack("<HBB", len(raw), kind, 1)
        directory += struct.pack("<III", 0xFFFFFFFF, sibling, child) + b"\0" * 36
        directory += struct.pack("<IQ", starts.get(row, 0xFFFFFFFE), max(4096, len(data)) if kind == 2 else 0)
    directory += b"\0" * (-len(directory) % 512)
    directory_start = len(fat)
    count = len(directory) // 512
    fat += [*range(len(fat) + 1, len(fat) + count), 0xFFFFFFFE]
    fat_sectors = -(-(len(fat) + 1) // 127)
    fat_start = len(fat)
    fat += [0xFFFFFFFD] * fat_sectors
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(fat_sectors * 512, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    head += b"\0" * 6 + struct.pack(
        "<IIIIIIIII", 0, fat_sectors, directory_start, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0
    )
    places = [fat_start + row for row in range(fat_sectors)]
    head += struct.pack(f"<{len(places)}I", *places)
    return head.ljust(512, b"\xff") + body + directory + table


def _ole_nodes(streams: dict[str, bytes]) -> list[tuple[str, int, int, bytes]]:
    """``(name, kind, first child, data)``: the root, then its children, then those of each storage."""
    top: dict[str, dict[str, bytes] | bytes] = {}
    for path, data in streams.items():
        storage, _, name = path.rpartition("/")
        if storage:
            inner = top.setdefault(storage, {})
            assert isinstance(inner, dict)
            inner[name] = data
        else:
            top[name] = data
    nodes: list[tuple[str, int, int, bytes]] = [("Root Entry", 5, 1, b"")]
    after = 1 + len(top)
    for name, content in top.items():
        if isinstance(content, dict):
            nodes.append((name, 1, after, b""))
            after += len(content)
        else:
            nodes.append((name, 2, 0xFFFFFFFF, content))
    for content in top.values():
        if isinstance(content, dict):
            nodes += [(name, 2, 0xFFFFFFFF, data) for name, data in content.items()]
    return nodes


def _is_sibling(nodes: list[tuple[str, int, int, bytes]], row: int) -> bool:
    """Whether the next node stands in the same storage."""
    firsts = {child for _, kind, child, _ in nodes if kind in {1, 5}}
    return 0 < row < len(nodes) - 1 and row + 1 not in firsts


def record(tag: int, level: int, data: bytes = b"") -> bytes:
    """A record of HWP 5."""
    size = len(data)
    if size < 0xFFF:
        return struct.pack("<I", tag | level << 10 | size << 20) + data
    return struct.pack("<II", tag | level << 10 | 0xFFF << 20, size) + data


def hwp_paragraph(text: str, level: int = 0, style: int = 0, controls: tuple[int, ...] = ()) -> bytes:
    """Header and text; each control is the character that stands for it."""
    units = b"".join(struct.pack("<8H", code, *[0x20] * 6, code) for code in controls)
    data = units + text.encode("utf-16-le") + b"\r\0"
    head = struct.pack("<IIHBB", len(data) // 2, 0, 0, style, 0) + b"\0" * 10
    return record(66, level, head) + record(67, level + 1, data)


def hwp_control(kind: str, level: int = 1) -> bytes:
    return record(71, level, kind.encode()[::-1] + b"\0" * 20)


def hwp_cell(row: int, column: int, text: str, rows: int = 1, level: int = 2) -> bytes:
    place = struct.pack("<HHIHHHH", 1, 0, 0, column, row, 1, rows) + b"\0" * 24
    return record(72, level, place) + hwp_paragraph(text, level)


def make_hwp(*sections: bytes, styles: tuple[str, ...] = ("바탕글", "개요 1"), flags: int = 1) -> bytes:
    """A Hangul 5 document of raw record sections."""

    def packed(data: bytes) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(data) + packer.flush() if flags & 1 else data

    header = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05000300, flags) + b"\0" * 216
    names = b"".join(
        record(26, 0, struct.pack("<H", len(name)) + name.encode("utf-16-le") + b"\0\0") for name in styles
    )
    streams = {"FileHeader": header, "DocInfo": packed(names)}
    streams |= {f"BodyText/Section{row}": packed(section) for row, section in enumerate(sections)}
    return make_ole(streams)


HP = 'xmlns:hp="http://www.hancom.co.kr/hwpml/2011/paragraph" xmlns:hs="http://www.hancom.co.kr/hwpml/2011/section"'


def make_hwpx(section: str, extra: dict[str, str] | None = None) -> bytes:
    """An HWPX document of the given paragraphs."""
    stream = io.BytesIO()
    head = '<hh:head xmlns:hh="h"><hh:style id="0" name="바탕글"/><hh:style id="1" name="개요 1"/></hh:head>'
    parts = {
        "mimetype": "application/hwp+zip",
        "Contents/header.xml": head,
        "Contents/section0.xml": f"<hs:sec {HP}>{section}</hs:sec>",
        "Contents/content.hpf": '<opf:package xmlns:opf="o"><opf:title>틀 제목</opf:title></opf:package>',
        **(extra or {}),
    }
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return stream.getvalue()


def hwpx_paragraph(text: str, style: int = 0, hanging: str = "") -> str:
    return f'<hp:p styleIDRef="{style}"><hp:run><hp:t>{text}</hp:t>{hanging}</hp:run></hp:p>'


def hwpx_cell(row: int, column: int, text: str, rows: int = 1) -> str:
    return (
        f"<hp:tc><hp:subList>{hwpx_paragraph(text)}</hp:subList>"
        f'<hp:cellAddr colAddr="{column}" rowAddr="{row}"/>'
        f'<hp:cellSpan colSpan="1" rowSpan="{rows}"/></hp:tc>'
    )
