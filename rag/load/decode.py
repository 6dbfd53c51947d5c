"""Bytes to text: UTF-8, UTF-16, UTF-32, CP949; anything else is named for what it is."""

from __future__ import annotations

import codecs
import logging

from rag.errors import DecodeError, SourceError
from rag.text import normalise

_log = logging.getLogger(__name__)

#: First bytes of files that are not text, and what a person calls them.
_MAGIC = (
    (b"%PDF", "PDF 문서"),
    (b"PK\x03\x04", "ZIP 묶음(docx, xlsx, hwpx 등)"),
    (b"PK\x05\x06", "빈 ZIP 묶음"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "옛 오피스·한글 문서(doc, xls, hwp 등)"),
    (b"HWP Document File", "한글 3.0 이하 문서"),
    (b"{\\rtf", "RTF 문서"),
    (b"\x89PNG", "PNG 그림"),
    (b"\xff\xd8\xff", "JPEG 그림"),
    (b"GIF8", "GIF 그림"),
    (b"II*\x00", "TIFF 그림"),
    (b"MM\x00*", "TIFF 그림"),
    (b"\x1f\x8b", "gzip 묶음"),
    (b"BZh", "bzip2 묶음"),
    (b"\xfd7zXZ\x00", "xz 묶음"),
    (b"7z\xbc\xaf\x27\x1c", "7z 묶음"),
    (b"Rar!\x1a", "RAR 묶음"),
    (b"\x28\xb5\x2f\xfd", "zstd 묶음"),
    (b"\x7fELF", "실행 파일"),
    (b"GGUF", "GGUF 모델"),
    (b"SQLite format 3", "SQLite 데이터베이스"),
    (b"PAR1", "Parquet 표"),
    (b"ID3\x03", "MP3 소리"),
    (b"ID3\x04", "MP3 소리"),
)
_TEXT_REMEDY = "글로 저장하거나 UTF-8로 바꾸어 주세요."
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 65_536
_LAYOUT = frozenset("\t\n\r\f\v")


def kind_of(data: bytes) -> str:
    """What a person calls a file that begins so; empty for text and for what we do not know."""
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "")


def read_text(data: bytes, name: str, declared: str = "") -> str:
    """Normalised text of a file called ``name``.

    Args:
        data: The whole file.
        name: For messages.
        declared: An encoding that the file itself states; tried first.

    Raises:
        SourceError: The file is empty or blank.
        DecodeError: Binary, or in an encoding we do not know.
    """
    text = normalise(decode(data, name, declared))
    if not text:
        raise _empty(name)
    return text


def decode(data: bytes, name: str, declared: str = "") -> str:
    """As :func:`read_text`, not normalised.

    Tried in order: byte order marks, the declared encoding, UTF-16 without a mark, UTF-8, CP949 (a
    superset of EUC-KR), UTF-8 with a broken byte in a thousand. Guessed encodings must give text that
    looks like Korean.
    """
    if not data.strip():
        raise _empty(name)
    kind = kind_of(data)
    if kind:
        raise DecodeError(f"{name}: 글이 아니라 {kind} 파일입니다.", _TEXT_REMEDY)
    for encoding in _candidates(data, declared):
        try:
            text = data.decode(encoding)
        except (ValueError, LookupError):  # UnicodeError is a ValueError
            continue
        if "\x00" not in text and _plausible(text, encoding):
            return text
    return _mended(data, name)


def _empty(name: str) -> SourceError:
    return SourceError(f"{name}: 빈 파일입니다.", "내용이 있는 파일을 주세요.")


def _candidates(data: bytes, declared: str) -> tuple[str, ...]:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return (encoding,)
    stated = _ALIASES.get(declared.lower(), declared.lower())
    if 0 in data[:_SAMPLE]:
        return ("utf-16-le", "utf-16-be")
    if not stated or stated.startswith(("utf-16", "utf-32")):  # no mark, no zero byte: it is neither
        return ("utf-8", "cp949")
    if stated in _WESTERN:  # accepts all bytes, and is stated by default
        return ("utf-8", "cp949", stated)
    return (stated, "utf-8", "cp949")


_WESTERN = {"iso-8859-1", "latin-1", "latin1", "windows-1252", "cp1252", "us-ascii", "ascii"}
_ALIASES = dict.fromkeys(("euc-kr", "euckr", "ks_c_5601-1987", "ksc5601", "korean", "x-windows-949"), "cp949")


def _plausible(text: str, encoding: str) -> bool:
    """Whether an encoding gave text rather than noise; a guessed one must give mostly Korean letters."""
    sample = text[:_SAMPLE]
    controls = sum(char < " " and char not in _LAYOUT for char in sample)
    if encoding not in {"utf-16-le", "utf-16-be", "cp949"}:
        return controls * 100 <= len(sample)
    other = [char for char in sample if not char.isascii()]
    common = sum(_is_common(char) for char in other)
    return controls == 0 and common >= 0.7 * len(other)


def _is_common(char: str) -> bool:
    """One of the 2,350 syllables of KS X 1001, a jamo, or punctuation of Korean texts."""
    if "가" <= char <= "힣":
        try:
            return len(char.encode("euc-kr")) == 2
        except UnicodeEncodeError:
            return False
    return (
        "ㄱ" <= char <= "ㅣ"
        or char in "·…‘’“”「」『』《》〈〉【】―–—○●△▲▽▼□■◇◆※→←↑↓℃㎡㎢㎞㎏㎝㎜％～①②③④⑤⑥⑦⑧⑨\u3000\xa0\ufeff"
    )


def _mended(data: bytes, name: str) -> str:
    """UTF-8 with at most one broken byte in a thousand characters: a cut-off end, a stray byte."""
    if 0 not in data[:_SAMPLE]:
        text = data.decode("utf-8", "replace")
        broken = text.count("\ufffd")
        if broken * 1000 <= len(text) + 1000 and broken < len(text) // 10 and _plausible(text, "utf-8"):
            _log.warning("%s: %d broken bytes", name, broken)
            return text
    raise DecodeError(f"{name}: 글자 부호(인코딩)를 알 수 없거나 글이 아닙니다.", _TEXT_REMEDY)
