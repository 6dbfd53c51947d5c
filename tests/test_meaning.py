"""What the sentence encoder says of kept sentences, and of words in them."""

import numpy as np
import pytest

from rag.encoder import SentenceEncoder
from rag.evidence import Place, ask, matched
from rag.extract.meaning import NAMES, Meaning, meaning
from tests.test_extract import OTHER, TEXT, evidence

QUESTION = "해솔도서관 연면적은 얼마인가?"


@pytest.fixture(scope="module")
def meant() -> Meaning:
    asked = ask(QUESTION)
    pages = matched(asked, evidence(TEXT, OTHER))
    kept = [Place(p, n, *b) for p, page in enumerate(pages) for n, b in enumerate(page.seen.analysis.bounds)]
    return meaning(asked, pages, kept, SentenceEncoder.load())


def column(meant: Meaning, name: str) -> np.ndarray:
    return meant.table[:, NAMES.index(name)]


def test_the_sentence_that_answers_is_nearest(meant: Meaning) -> None:
    assert meant.table.shape == (len(meant.said), len(NAMES))
    assert np.isfinite(meant.table).all()
    best = int(column(meant, "late_titled").argmax())
    assert best == 1, "of the library the second sentence says how large it is"
    assert column(meant, "late_titled_rank")[best] == 0
    for gap in ("cosine_titled_gap", "late_titled_gap", "late_around_gap"):
        assert column(meant, gap).max() == 0
        assert column(meant, gap).min() < 0


def test_more_text_only_adds(meant: Meaning) -> None:
    assert (column(meant, "late") <= column(meant, "late_titled") + 1e-6).all()
    assert (column(meant, "late_titled") <= column(meant, "late_around") + 1e-6).all()
    assert (column(meant, "second_lack") <= column(meant, "lack") + 1e-6).all()
    assert (column(meant, "lack") >= -1e-6).all()


def test_a_word_is_near_to_itself(meant: Meaning) -> None:
    sentence = "이 건물은 연면적 약 3,200㎡ 규모로, 공사비 45억 원이 들었다."
    said, asked = sentence.index("연면적"), QUESTION.index("연면적")
    spots = [said, sentence.index("공사비")]
    text = np.array(spots), np.array(spots) + 3
    question = np.array([asked, 0]), np.array([asked + 3, 5])
    near = meant.near(1, text, question)
    assert near.shape == (2, 2)
    assert ((near >= 0) & (near <= 1.001)).all()
    assert near[0, 0] == near.max()
    assert near[0, 0] > near[1, 0]
    nowhere = np.zeros(0, np.int64), np.zeros(0, np.int64)
    assert meant.near(0, nowhere, question).shape == (0, 2)
    assert meant.near(0, text, nowhere).shape == (2, 0)


@pytest.mark.parametrize("question", ["", "𝄞", "?"])
def test_a_question_without_words_is_held_against_sentences(question: str) -> None:
    asked = ask(question)
    pages = matched(asked, evidence(TEXT))
    kept = [Place(0, n, *b) for n, b in enumerate(pages[0].seen.analysis.bounds)]
    table = meaning(asked, pages, kept, SentenceEncoder.load()).table
    assert np.isfinite(table).all()
    assert question or not table[:, NAMES.index("late")].any()
