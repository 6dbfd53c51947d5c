"""Bytes to text: UTF-8, UTF-16, CP949; anything else is named for what it is."""

from __future__ import annotations

from rag.errors import DecodeError, SourceError

#: First bytes of files that are not text, and what a person calls them.
_MAGIC = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP 묶음(docx, xlsx, hwpx 등)"),
    (b"\xd0\xcf\x11\xe0", "옛 오피스·한글 문서(doc, hwp 등)"),
    (b"\x89PNG", "PNG 그림"),
    (b"\xff\xd8\xff", "JPEG 그림"),
    (b"GIF8", "GIF 그림"),
    (b"\x1f\x8b", "gzip 묶음"),
    (b"\x7fELF", "실행 파일"),
    (b"GGUF", "GGUF 모델"),
    (b"SQLite format 3", "SQLite 데이터베이스"),
)
_REMEDY = "글로 저장하거나 UTF-8로 바꾸어 주세요."


def decode(data: bytes, name: str) -> str:
    """Text of a file called ``name``, not yet normalised.

    Tried in order: byte order marks, UTF-16 without one, UTF-8, CP949 (a superset of EUC-KR). CP949
    accepts most bytes, so its result must look like Korean.

    Raises:
        SourceError: The file is empty.
        DecodeError: Binary, or in an encoding we do not know.
    """
    if not data.strip():
        raise SourceError(f"{name}: 빈 파일입니다.", "내용이 있는 파일을 주세요.")
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            raise DecodeError(f"{name}: 글이 아니라 {kind} 파일입니다.", _REMEDY)
    for encoding in _candidates(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text and _plausible(text, encoding):
            return text
    raise DecodeError(f"{name}: 글자 부호(인코딩)를 알 수 없거나 글이 아닙니다.", _REMEDY)


def _candidates(data: bytes) -> tuple[str, ...]:
    if data.startswith(b"\xef\xbb\xbf"):
        return ("utf-8-sig",)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    nulls = data[:4096].count(0)
    if nulls > len(data[:4096]) // 10:
        return ("utf-16-le", "utf-16-be")
    return ("utf-8", "cp949")


def _plausible(text: str, encoding: str) -> bool:
    """Whether a legacy or guessed encoding gave text rather than noise."""
    if encoding in {"utf-8", "utf-8-sig", "utf-16"}:
        controls = sum(char < " " and char not in "\t\n\r\f\v" for char in text)
        return controls <= len(text) // 100
    common = sum("가" <= char <= "힣" or char.isascii() for char in text)
    controls = sum(char < " " and char not in "\t\n\r\f\v" for char in text)
    return common >= 0.85 * len(text) and controls == 0
