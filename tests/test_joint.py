"""Question and sentences read together: how they are laid out, and what is said of each."""

import numpy as np
import pytest

from rag.crossencoder import BEGIN, END, LONGEST, SENTENCE, TITLE, CrossEncoder, Said
from rag.evidence import Place, ask, matched
from rag.extract.companion import accompanied
from rag.extract.joint import NAMES, READ, UNREAD, Joint, Shown, lay, read_jointly, said_of
from rag.pieces import Pieces
from rag.types import Evidence, Hit, Passage, Route, Span
from recipes.crossencoder.train import bounds_of
from tests.test_extract import OTHER, TEXT, evidence

QUESTION = "해솔도서관 연면적은 얼마인가?"


def pieces(*ids: int) -> Pieces:
    return Pieces(np.array(ids, np.int64), np.stack([np.arange(len(ids)), np.arange(len(ids)) + 1], axis=1))


def shown(document: str, start: int, *ids: int) -> Shown:
    return Shown(document, start, pieces(50), pieces(*ids))


def test_sentences_stand_in_the_order_of_the_text_under_their_title() -> None:
    laid = lay(pieces(10, 11), [shown("b", 9, 20), shown("a", 5, 30), shown("b", 2, 21, 22)])
    expected = [BEGIN, 10, 11, END, TITLE, 50, SENTENCE, 21, 22, SENTENCE, 20, TITLE, 50, SENTENCE, 30]
    assert laid.ids.tolist() == expected
    assert laid.parts.tolist() == [0] * 4 + [1] * 2 + [2] * 5 + [1] * 2 + [2] * 2
    assert laid.marks.tolist() == [9, 13, 6]


def test_what_finds_no_room_is_not_read() -> None:
    many = [shown(str(n), 0, *range(10, 100)) for n in range(8)]
    laid = lay(pieces(10), many)
    assert len(laid.ids) <= LONGEST
    assert (laid.marks >= 0).tolist() == [True] * 4 + [False] * 4
    late = lay(pieces(10), [shown("a", 90 - n, *range(10, 100)) for n in range(8)])
    assert (late.marks >= 0).tolist() == [True] * 4 + [False] * 4, "the best are read, wherever they stand"
    assert late.marks[0] == late.marks.max()
    logits = Said(np.zeros(len(laid.ids), np.float32), 0.0, np.zeros((len(laid.ids), 2), np.float32))
    found = said_of(laid, many, logits, np.arange(8))
    assert np.allclose(found.sentences[:4], -np.log(5))
    assert (found.sentences[4:] == UNREAD).all()
    assert [len(one) for one in found.places] == [90] * 4 + [0] * 4
    assert found.row(7, 0, 3).tolist() == pytest.approx([UNREAD, UNREAD + np.log(5), 4, -np.log(5), -24, -24])


def test_a_span_is_weighed_by_its_bounds() -> None:
    one = [shown("a", 0, 20, 21, 22, 23)]
    laid = lay(pieces(10), one)
    spans = np.zeros((len(laid.ids), 2), np.float32)
    first = int(laid.marks[0]) + 1
    spans[first + 1, 0], spans[first + 2, 1] = 5.0, 5.0
    found = said_of(laid, one, Said(np.zeros(len(laid.ids), np.float32), 0.0, spans), np.array([0]))
    right, beside = found.row(0, 1, 3), found.row(0, 0, 3)
    at = NAMES.index("joint_span")
    assert right[at] > beside[at] + 4
    assert right[at + 1] == pytest.approx(0)
    assert beside[at + 1] == pytest.approx(-5, abs=0.1)
    assert np.isfinite(found.row(0, 3, 1)).all()
    beyond = found.row(0, 3, 9)
    assert beyond[at:].tolist() == [2 * UNREAD, 2 * UNREAD], "what was not read is no likely span"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("쿠팡은 컸다.", 0, 2), ("3은 작다.", 0, 1), ("도서관은 ㈜쿠팡", 5, 8), ("가 나 다", 2, 3)],
)
def test_bounds_are_read_where_they_were_taught(text: str, start: int, end: int) -> None:
    (cut,) = CrossEncoder.load().cut([text])
    first, last = bounds_of(cut, start, end)
    bounds = np.full((len(cut.ids), 2), -5, np.float32)
    bounds[first, 0], bounds[last, 1] = -1, -2
    found = Joint(np.array([0]), np.array([-0.1], np.float32), -4.0, (cut.places,), (bounds,))
    assert found.row(0, start, end)[NAMES.index("joint_span")] == pytest.approx(-3)


def test_a_sentence_that_two_passages_share_is_no_rival_of_itself() -> None:
    empty = (np.zeros((0, 2), np.int64),) * 3, (np.zeros((0, 2), np.float32),) * 3
    found = Joint(np.array([0, 0, 1]), np.array([-0.1, -0.1, -3], np.float32), -4.0, *empty)
    assert found.row(0, 0, 1)[1] == pytest.approx(2.9)
    assert found.row(2, 0, 1)[:3].tolist() == pytest.approx([-3, -2.9, 1])


def read(question: str) -> tuple[Joint, list[Place]]:
    asked = ask(question)
    own = evidence(TEXT, OTHER)
    pages = matched(asked, accompanied(own))
    kept = [Place(p, n, *b) for p, page in enumerate(pages) for n, b in enumerate(page.seen.analysis.bounds)]
    found = read_jointly(asked, pages, kept, CrossEncoder.load(), len(own))
    return found, kept


def test_the_sentence_that_answers_is_found() -> None:
    found, kept = read(QUESTION)
    assert found.sentences.argmax() == 1, "of the library the second sentence says how large it is"
    assert np.exp(found.sentences[1]) > 0.5 > np.exp(found.none)
    assert (found.owner >= 0).sum() <= READ
    assert (found.owner[[n for n, place in enumerate(kept) if place.passage >= 2]] == -1).all()
    total = np.exp(np.append(found.sentences[found.owner >= 0], found.none)).sum()
    assert total == pytest.approx(1, abs=1e-3)


def test_what_two_passages_share_is_read_once_and_only_so_much() -> None:
    text = "".join(f"{n}호점은 {n}월에 열었다. " for n in range(1, 13))
    halves = [(0, len(text)), (0, len(text) // 2)]
    shared = [
        Evidence(n, Hit(Passage(f"p{n}", "d", Span(a, b), text[a:b], "가게"), 1.0, Route.FUSED))
        for n, (a, b) in enumerate(halves, 1)
    ]
    asked = ask("3호점은 언제 열었나?")
    pages = matched(asked, shared)
    kept = [Place(p, n, *b) for p, page in enumerate(pages) for n, b in enumerate(page.seen.analysis.bounds)]
    found = read_jointly(asked, pages, kept, CrossEncoder.load(), 2)
    first = sum(place.passage == 0 for place in kept)
    assert first > READ
    assert found.owner.tolist()[:first] == [*range(READ), *([-1] * (first - READ))]
    assert found.owner[first] == 0
    assert found.sentences[first] == found.sentences[0]


def test_what_no_sentence_says_is_not_found() -> None:
    found, _ = read("해솔도서관 관장의 월급은 얼마인가?")
    assert np.exp(found.none) > 0.5


@pytest.mark.parametrize("question", ["", "𝄞", "?", "가" * 2000])
def test_any_question_is_read(question: str) -> None:
    found, _ = read(question)
    assert np.isfinite(found.sentences).all()
    assert np.isfinite(found.row(0, 0, 4)).all()
