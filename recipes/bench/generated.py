"""Korean text without end, from a seed: words follow each other as they do in the project's own articles.

The vocabulary and the order of words are natural (a chain of word pairs over ``corpus/``); names and
numbers are made up, so that passages differ. The text means nothing: it is for speed and size only.
"""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from rag.text import normalise
from rag.types import Document, Section, Span

_FIRST = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보소오조초코토포호"
_KINDS = ("시", "구", "초등학교", "도서관", "전자", "연구원", "은행", "공원", "축제", "재단")
SENTENCES = 4  # of a passage
PASSAGES = 8  # of a document


def words_of(folder: Path) -> list[list[str]]:
    """Words of every sentence of a folder's texts, roughly."""
    texts = [normalise(path.read_text("utf-8")) for path in sorted(folder.rglob("*.md"))]
    lines = [line for text in texts for line in text.replace(". ", ".\n").split("\n")]
    return [
        words for words in (line.split() for line in lines) if len(words) > 4 and words[-1].endswith("다.")
    ]


class Writer:
    """Writes documents.

    Args:
        sentences: Whose words follow whose.
        seed: Equal seeds write equal documents.
    """

    def __init__(self, sentences: list[list[str]], seed: int) -> None:
        self._random = random.Random(seed)
        self._follow: dict[str, list[str]] = {}
        for sentence in sentences:
            for word, after in pairwise(sentence):
                self._follow.setdefault(word, []).append(after)
        self._starts = [sentence[0] for sentence in sentences]
        self._all = sorted(self._follow)

    def name(self) -> str:
        return "".join(self._random.choices(_FIRST, k=3)) + self._random.choice(_KINDS)

    def sentence(self, name: str) -> str:
        words = [f"{name}의", self._random.choice(self._starts)]
        while len(words) < 14 and not words[-1].endswith("."):
            # a step elsewhere now and then keeps sentences from repeating the source
            leap = self._random.random() < 0.25 or words[-1] not in self._follow
            words.append(self._random.choice(self._all if leap else self._follow[words[-1]]))
        return f"{' '.join(words).rstrip('.')} {self._random.randint(1, 99_999):,}건이다."

    def documents(self, passages: int) -> Iterator[Document]:
        """Documents of about so many passages together; sections keep passages apart."""
        for number in range(-(-passages // PASSAGES)):
            count = min(PASSAGES, passages - number * PASSAGES)
            names = [self.name() for _ in range(count)]
            parts = [" ".join(self.sentence(name) for _ in range(SENTENCES)) for name in names]
            sections, start = [], 0
            for part in parts:
                sections.append(Section(Span(start, start + len(part))))
                start += len(part) + 1
            title = f"{names[0]} 소식"
            yield Document(f"{number}", title, "\n".join(parts), sections=tuple(sections))
