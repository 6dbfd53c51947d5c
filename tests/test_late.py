"""Late interaction: equal to its formula, and words that mean the same meet."""

from pathlib import Path

import numpy as np
import pytest

from rag.embed import MaxSim, WordBags, words
from rag.embed.late import FLOOR, word_id
from rag.korean import VECTOR_COUNT, analyse
from rag.vector import MorphemeVectors

PASSAGES = [
    "교량이 2029년에 완공된다.",
    "",
    "김치는 배추를 소금에 절여 담근다.",
    "뷁쉙뷁쉙 대표가 다리를 놓았다.",
    "!?",
]


@pytest.fixture(scope="module")
def late() -> MaxSim:
    return MaxSim.load()


def brute_force(question: str, passage: str) -> float:
    """The formula, word by word."""
    vectors = MorphemeVectors.load()
    asked, held = words(analyse(question)), words(analyse(passage))
    total = weight = 0.0
    for one in asked:
        rarity = float(vectors.idf([int(one)])[0])
        best = 0.0
        for other in held:
            cosine = float(vectors.rows([int(one)])[0] @ vectors.rows([int(other)])[0])
            best = max(best, 1.0 if one == other else cosine if cosine >= FLOOR else 0.0)
        total, weight = total + rarity * best, weight + rarity
    return total / weight if weight else 0.0


@pytest.mark.parametrize("question", ["다리는 언제 준공되나?", "뷁쉙뷁쉙 회사의 배추", "2029년", "?"])
def test_equals_the_formula(late: MaxSim, question: str) -> None:
    found = late.maxsim(analyse(question), map(analyse, PASSAGES))
    assert (found.shape, found.dtype) == ((len(PASSAGES),), np.float32)
    assert np.allclose(found, [brute_force(question, passage) for passage in PASSAGES], atol=1e-5)
    assert found[1] == found[4] == 0


def test_synonyms_meet(late: MaxSim) -> None:
    near, far = late.maxsim(analyse("다리는 언제 준공되나?"), map(analyse, [PASSAGES[0], PASSAGES[2]]))
    assert near > far + 0.2
    assert late.maxsim(analyse(PASSAGES[0]), [analyse(PASSAGES[0])])[0] == pytest.approx(1)


def test_unknown_words_match_themselves_only() -> None:
    """Kiwi gives all unknown nouns one id, and so all numbers and all foreign words: a trap."""
    content = [m for m in analyse("뷁쉙뷁쉙이 쀍뛟쀍에 2029와 2030, MOU와 KT").morphemes if m.is_content]
    ids = {m.form: word_id(m) for m in content}
    assert len(set(ids.values())) == len(ids) == 6
    assert all(VECTOR_COUNT <= one < 2**31 for one in ids.values())


def test_other_numbers_are_no_match(late: MaxSim) -> None:
    same, other = late.maxsim(analyse("2029년 매출"), map(analyse, ["2029년 매출", "2030년 매출"]))
    assert same > other + 0.2


def test_bags_come_back_from_disk(tmp_path: Path, late: MaxSim) -> None:
    bags = WordBags.of(words(analyse(text)) for text in PASSAGES)
    bags.save(tmp_path)
    again = WordBags.load(tmp_path)
    rows = np.array([3, 1, 0], np.int64)
    asked = words(analyse("다리"))
    assert len(again) == len(PASSAGES)
    assert np.array_equal(late.scores(asked, again.take(rows)), late.scores(asked, bags)[rows])
    assert len(again.take(np.zeros(0, np.int64))) == 0
    np.save(tmp_path / "words.npy", bags.ids[:-1])
    with pytest.raises(ValueError, match="fit"):
        WordBags.load(tmp_path)


def test_no_passages(late: MaxSim) -> None:
    assert late.maxsim(analyse("다리"), []).shape == (0,)


def test_blocks_change_nothing(late: MaxSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products are cut so small that BLAS stays on one thread."""
    question = words(analyse("카카오 디지털 허브의 준공 시점은?"))
    bags = WordBags.of(words(analyse(f"{n}년에 도서관과 공원을 완공한다.")) for n in range(30))
    whole = late.scores(question, bags)
    monkeypatch.setattr("rag.embed.late._ALONE", 1)
    assert np.allclose(late.scores(question, bags), whole, atol=1e-6)
