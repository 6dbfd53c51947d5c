"""Small real files of other formats, for loader tests."""

from __future__ import annotations


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
