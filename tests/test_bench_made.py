"""Made text: as many passages as asked for, the same for the same seed, with words of its own."""

from pathlib import Path

import pytest

from rag.chunk import chunk
from recipes.bench.made import Maker, questions

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def maker() -> Maker:
    return Maker.of([ROOT / "eval" / "corpora"], seed=3)


@pytest.mark.parametrize("count", [1, 8, 29])
def test_as_many_passages_as_asked_for(maker: Maker, count: int) -> None:
    documents = list(maker.documents(count))
    passages = [passage for document in documents for passage in chunk(document, 400)]
    assert len(passages) == count
    assert len({document.id for document in documents}) == len(documents)
    assert all(40 <= len(passage.text) <= 130 for passage in passages)


def test_equal_seeds_make_equal_text(maker: Maker) -> None:
    few, many = list(maker.documents(16)), list(maker.documents(160))
    assert many[:2] == few
    other = next(iter(Maker(maker.words, maker.endings, 4, maker.passage_chars).documents(8)))
    assert other.text != few[0].text


def test_questions_share_words_with_some_document(maker: Maker) -> None:
    documents = [set(f"{one.title} {one.text}".replace(".", "").split()) for one in maker.documents(80)]
    for question in questions(maker, 80, 20):
        words = question.rstrip("?").split()
        assert max(sum(word in held for word in words) for held in documents) >= len(words) - 1


def test_vocabulary_grows_with_the_text(maker: Maker) -> None:
    words = [set(" ".join(one.text for one in maker.documents(size)).split()) for size in (400, 1600)]
    assert len(words[1]) > 1.5 * len(words[0])
