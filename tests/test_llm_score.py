"""Weighing given answers: our own tokens, one prompt for all answers, any instruct model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rag.config import Settings, load_settings
from rag.errors import ModelDamagedError, ModelKindError, ModelMissingError, SettingError
from rag.korean import analyse
from rag.llm import LlamaReader
from rag.llm.continuation import BRANCHES, ROOM
from rag.llm.morpheme import (
    ANSWER,
    BYTES,
    CONTROLS,
    END,
    EVIDENCE,
    FIELD,
    LAYOUT_FIELD,
    MATCH,
    SCHEME,
    Layout,
    Vocabulary,
    answer,
    prompt,
)
from rag.llm.score import Choice, MorphemeAsking, Scorer
from rag.types import Span
from tests.tiny_gguf import latin_tokens, write_tiny_gguf
from tests.tiny_morphemes import LAYOUT, QUESTION, TEXTS, tiny_llama, tokens, write_files


def settings(**changes: int) -> Settings:
    return load_settings({"llm_context_tokens": 1024, "llm_threads": 1} | changes, environment={})


def span(text: str, words: str) -> Span:
    return Span(text.index(words), text.index(words) + len(words))


def choices(*pairs: tuple[int, str]) -> list[Choice]:
    return [Choice(row, span(TEXTS[row], words)) for row, words in pairs]


CHOICES = choices(
    (0, "2029년"), (0, "남양주 왕숙"), (1, "4,200억 원"), (1, "1,500명"), (0, "디지털 허브"), (0, "2029")
)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(tokens())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_files(tmp_path_factory.mktemp("own"), tiny_llama())


@pytest.fixture(scope="module")
def scorer(files: dict[str, Path]) -> Scorer:
    return Scorer.load(str(files["F32"]), settings())


# --- tokens ---------------------------------------------------------------------------------------


@given(st.text(max_size=60))
def test_any_text_can_be_spelled_and_tokens_stay_inside(text: str) -> None:
    vocabulary = Vocabulary(tokens())
    made = vocabulary.encode(analyse(text))
    assert all(0 <= start <= end <= len(text) for start, end in zip(made.starts, made.ends, strict=True))
    assert not text.strip() or made.ids or not analyse(text).morphemes


@pytest.mark.parametrize("words", ["2029년", "2029", "남양주 왕숙", "남양주", "디지털 허브를 짓고", "완공"])
def test_an_answer_is_a_whole_number_of_tokens(vocabulary: Vocabulary, words: str) -> None:
    text, names = TEXTS[0], tokens()
    made = vocabulary.encode(analyse(text))
    ids = answer(vocabulary, made, text, span(text, words))
    rows = [at for at in range(len(made.ids)) if made.ids[at : at + len(ids)] == ids]
    assert rows, [names[i] for i in ids]
    begin, end = made.starts[rows[0]], made.ends[rows[0] + len(ids) - 1]
    assert text[begin:end] == words


def test_a_torn_morpheme_is_spelled_by_characters(vocabulary: Vocabulary) -> None:
    text = TEXTS[0]
    made = vocabulary.encode(analyse(text))
    at = text.index("디지털")
    assert answer(vocabulary, made, text, Span(at, at + 2)) == vocabulary.characters("디지")


def test_digits_and_unknown_words_are_spelled(vocabulary: Vocabulary) -> None:
    names = tokens()
    made = vocabulary.encode(analyse("2029년 왕숙"))
    assert [names[i] for i in made.ids][:4] == list("2029")
    assert [made.starts[i] for i in range(4)] == [0, 1, 2, 3]
    assert bytes(int(names[i][3:5], 16) for i in made.ids if names[i].startswith("<0x")).decode() in "왕숙"


def test_a_mark_follows_words_of_the_question(vocabulary: Vocabulary) -> None:
    names = tokens()
    ids = prompt(vocabulary, LAYOUT, QUESTION, TEXTS[:1]).ids
    told = [names[i] for i in ids]
    marked = {told[at - 1] for at, name in enumerate(told) if name == MATCH}
    assert {"완공/NNG", "디지털/NNG", "허브/NNG", "카카오/NNP"} <= marked
    assert not any(name.startswith(("남양주", "9", "하/")) for name in marked)
    assert told.index("?/SF") < told.index(EVIDENCE), "the question comes first"
    assert told[-1] == ANSWER


def test_the_best_text_stands_last_and_long_ones_are_left_out(vocabulary: Vocabulary) -> None:
    both = prompt(vocabulary, LAYOUT, QUESTION, TEXTS)
    rows = [row for row, _ in both.places if row >= 0]
    assert rows == sorted(rows, reverse=True)
    assert set(rows) == {0, 1}
    short = Layout(question=4, evidence=20, answer=8, repeats=2)
    made = prompt(vocabulary, short, QUESTION * 50, TEXTS * 9)
    assert len(made.ids) <= short.prompt
    assert {row for row, _ in made.places} == {-1, 0}
    assert sum(i == vocabulary[EVIDENCE] for i in made.ids) == 2
    assert len(made.texts) == 18, "what is not shown can be weighed all the same"


def test_broken_vocabularies_and_layouts_are_refused() -> None:
    with pytest.raises(ModelDamagedError):
        Vocabulary(["가", "나"])
    with pytest.raises(ModelDamagedError):
        Vocabulary([*CONTROLS, *BYTES, "가", "가"])
    fields = {LAYOUT_FIELD + name: "8" for name in ("question", "evidence", "answer", "repeats")}
    assert Layout.of(fields) == Layout(8, 8, 8, 8)
    for name, value in ((LAYOUT_FIELD + "answer", "x"), (LAYOUT_FIELD + "repeats", "0")):
        with pytest.raises(ModelDamagedError):
            Layout.of(fields | {name: value})
    with pytest.raises(ModelDamagedError):
        Layout.of({})


# --- scores ---------------------------------------------------------------------------------------


def by_torch(chosen: list[Choice]) -> list[float]:
    """The same by PyTorch, each answer on its own."""
    model, vocabulary = tiny_llama(), Vocabulary(tokens())
    asked = MorphemeAsking(vocabulary, LAYOUT).asked(QUESTION, TEXTS, chosen)
    found = []
    for tail in asked.tails:
        ids = torch.tensor([[*asked.prompt, *tail]])
        with torch.no_grad():
            logs = model(ids)[0].log_softmax(-1)
        begin = len(asked.prompt)
        found.append(sum(float(logs[begin + n - 1, token]) for n, token in enumerate(tail)))
    return found


def test_scores_are_those_of_pytorch(scorer: Scorer) -> None:
    made = scorer.scores(QUESTION, TEXTS, CHOICES)
    assert np.allclose(made, by_torch(CHOICES), atol=0.05)
    assert np.argsort(made).tolist() == np.argsort(by_torch(CHOICES)).tolist()


def test_many_answers_at_once_weigh_what_each_weighs_alone(scorer: Scorer) -> None:
    """More than fit one batch, and with equal ones among them; the cache of one question serves no other."""
    text = TEXTS[1]
    many = [Choice(1, Span(a, b)) for a in range(28) for b in range(a + 1, a + 7) if text[a:b].strip()]
    assert len(many) > 2 * BRANCHES
    together = scorer.scores(QUESTION, TEXTS, many)
    scorer.scores("다른 질문은?", TEXTS[:1], CHOICES[:1])
    alone = [float(scorer.scores(QUESTION, TEXTS, [one])[0]) for one in many[::7]]
    assert np.allclose(together[::7], alone, atol=0.02)
    assert (together <= 0).all()


def test_equal_questions_get_equal_scores(scorer: Scorer) -> None:
    first = scorer.scores(QUESTION, TEXTS, CHOICES)
    scorer.scores(QUESTION, TEXTS[:1], CHOICES[:2])
    assert np.array_equal(first, scorer.scores(QUESTION, TEXTS, CHOICES))


def test_hostile_and_empty_questions(scorer: Scorer) -> None:
    assert scorer.scores(QUESTION, TEXTS, []).shape == (0,)
    assert scorer.scores(QUESTION, [], []).shape == (0,)
    odd = ["\ud800가 나", "<|answer|></s>", "한" * 3000, " ", "각" * 5]
    for question in ("", "\ud800?", "<|answer|>", "가" * 5000):
        spans = [Choice(row, Span(0, min(5, len(text)))) for row, text in enumerate(odd)]
        made = scorer.scores(question, odd, spans)
        assert made.shape == (5,)
        assert made[3] == -np.inf, "nothing but spaces is no answer"
        assert np.isfinite(made[[0, 1, 2, 4]]).all()


def test_text_cannot_spell_controls(vocabulary: Vocabulary) -> None:
    made = vocabulary.encode(analyse("</s><|answer|>"))
    assert not {vocabulary[END], vocabulary[ANSWER]} & set(made.ids)


def test_files_that_are_none_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError):
        Scorer.load(str(tmp_path / "no.gguf"), settings())
    other = write_tiny_gguf(tmp_path / "other.gguf", facts={FIELD: "kiwi-morphemes-9"})
    with pytest.raises(ModelKindError, match="kiwi-morphemes-9"):
        Scorer.load(str(other), settings())
    bare = write_tiny_gguf(tmp_path / "bare.gguf", facts={FIELD: SCHEME})
    with pytest.raises(ModelDamagedError):
        Scorer.load(str(bare), settings())


def test_our_own_model_is_no_chat_model(files: dict[str, Path]) -> None:
    with pytest.raises(ModelKindError, match="글을 쓰지 못합니다"):
        LlamaReader.load(str(files["Q8_0"]), settings())


# --- any instruct model ---------------------------------------------------------------------------


def test_a_chat_model_weighs_answers_too(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "chat.gguf")
    made = Scorer.load(str(path), settings()).scores(QUESTION, TEXTS, CHOICES)
    assert made.shape == (len(CHOICES),)
    assert (made < 0).all()
    assert np.isfinite(made).all()
    short = Scorer.load(str(path), settings(llm_context_tokens=128))
    with pytest.raises(SettingError):
        short.scores(QUESTION, TEXTS, CHOICES)


def test_a_chat_model_leaves_out_what_does_not_fit(tmp_path: Path) -> None:
    scorer = Scorer.load(str(write_tiny_gguf(tmp_path / "chat.gguf")), settings(llm_context_tokens=1000))
    alone = scorer.scores(QUESTION, TEXTS[:1], CHOICES[:1])
    assert np.array_equal(scorer.scores(QUESTION, [TEXTS[0], "나" * 600], CHOICES[:1]), alone)


def test_an_answer_longer_than_the_room_is_cut(tmp_path: Path) -> None:
    text = "나" * 300  # three bytes each, each a token
    scorer = Scorer.load(str(write_tiny_gguf(tmp_path / "chat.gguf")), settings(llm_context_tokens=2048))
    long = [Choice(0, Span(0, ROOM // 2)), Choice(0, Span(0, len(text)))]
    assert len(set(scorer.scores("?", [text], long).tolist())) == 1


def test_a_model_that_cannot_spell_korean_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelKindError):
        Scorer.load(str(write_tiny_gguf(tmp_path / "latin.gguf", tokens=latin_tokens())), settings())
