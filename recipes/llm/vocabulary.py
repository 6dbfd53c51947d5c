"""Which morphemes and characters become tokens, and the vectors that they begin with."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from rag.korean import VECTOR_COUNT, analyse_many
from rag.llm.morpheme import BYTES, CONTROLS, by_characters, spelled
from rag.text import normalise
from rag.vector import FIRST_WORD
from recipes.morphemes.__main__ import full_vectors

#: Plain texts in which frequency is counted, and how many records of each.
TEXTS = (
    ("kobest_boolq_wiki_paragraphs", 5748),
    ("UD_Korean-GSD", 400),
    ("kr_laws", 200),
    ("ms_learn_ko", 50),
)
#: Kiwi gives these ids to the second form of a particle or ending (는 for 은); they have no vector.
_GRAMMAR = ("J", "E", "V", "X")


def plain(folder: Path) -> Iterator[str]:
    """The texts of :data:`TEXTS`, shortened."""
    for name, count in TEXTS:
        with lzma.open(folder / "text" / f"{name}.jsonl.xz", "rt", encoding="utf-8") as lines:
            for line, _ in zip(lines, range(count), strict=False):
                yield normalise(json.loads(line)["text"])[:1500]


def choose(texts: Iterable[str], morphemes: int, characters: int) -> tuple[list[str], np.ndarray]:
    """Spellings of all tokens, and ``(n,)`` the Kiwi id whose vector each begins with; -1 for none.

    Args:
        texts: Where frequency is counted.
        morphemes: How many of the most frequent morphemes become tokens.
        characters: How many of the most frequent characters of all that is spelled by characters.
    """
    words: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    rows: dict[str, int] = {}
    for analysis in analyse_many(texts):
        for m in analysis.morphemes:
            has_vector = FIRST_WORD <= m.id < VECTOR_COUNT
            if not by_characters(m) and (has_vector or (m.id >= VECTOR_COUNT and m.tag.startswith(_GRAMMAR))):
                words[spelled(m)] += 1
                rows[spelled(m)] = m.id if has_vector else -1
            else:
                letters.update(m.form)
    # All of ASCII, and syllables met only inside rare morphemes, can be spelled too.
    letters.update(chr(code) for code in range(33, 127))
    chosen = [word for word, _ in _ordered(words)[:morphemes]]
    rest = Counter(char for word in words.keys() - set(chosen) for char in word.rpartition("/")[0])
    kept = [char for char, _ in _ordered(letters + rest)[:characters] if not char.isspace()]
    tokens = [*CONTROLS, *BYTES, *kept, *chosen]
    return tokens, np.array([rows.get(token, -1) for token in tokens], np.int32)


def _ordered(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def first_vectors(rows: np.ndarray) -> np.ndarray:
    """``(n, 256)`` float16 unit rows of Kiwi's vectors, centred; zero rows where ``rows`` is -1."""
    full = full_vectors()
    full = full - full[200:40000].mean(0)
    full /= np.linalg.norm(full, axis=1, keepdims=True) + 1e-9
    return np.where(rows[:, None] >= 0, full[np.maximum(rows, 0)], 0.0).astype(np.float16)
