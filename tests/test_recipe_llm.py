"""The causal model's recipe: llama.cpp computes what PyTorch computes, runs go on, splits hold."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rag.llm.morpheme import CONTROLS, Layout, Vocabulary
from rag.types import Evidence, Hit, Passage, Route, Span
from recipes.llm import export, measure
from recipes.llm.finalist import Reading, Spot, load, save
from recipes.llm.lesson import Lesson, is_tuning, lesson, real
from recipes.llm.lesson import load as load_lessons
from recipes.llm.lesson import save as save_lessons
from recipes.llm.measure import Weighed
from recipes.llm.model import Llama
from recipes.llm.table import tables
from recipes.llm.train import Course, batch_of, losses, relabelled, restore, thinned, train
from recipes.llm.vocabulary import choose
from recipes.reader.data import Example
from tests.tiny_morphemes import LAYOUT, QUESTION, TEXTS, tiny_llama, tokens, write_files

SETTINGS: dict[str, object] = {
    "batch_tokens": 400,
    "rate": 1e-2,
    "decay": 0.0,
    "guide": 1.0,
    "drop": 0.1,
    "sampled": 16,
    "watch_every": 1000,
    "save_every": 1000,
    "mixture": [[0.25, 1.0, 0.0, 0.0], [1.0, 0.0, 0.5, 0.5]],
}


def example(words: str = "2029년") -> Example:
    text = " ".join(TEXTS)
    evidence = (Evidence(1, Hit(Passage("p", "d", Span(0, len(text)), text), 1.0, Route.FUSED)),)
    gold = Span(text.index(words), text.index(words) + len(words))
    return Example(QUESTION, (words,), evidence, "d", gold, "g", "s", "")


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(tokens())


@pytest.fixture(scope="module")
def lessons(vocabulary: Vocabulary) -> list[Lesson]:
    words = ("2029년", "남양주 왕숙", "4,200억 원", "1,500명")
    made = [lesson(vocabulary, LAYOUT, example(w), kind) for w in words for kind in ("made", "real")]
    return [one for one in made if one is not None]


# --- llama.cpp and PyTorch ------------------------------------------------------------------------


@pytest.mark.parametrize("heads_kv", [4, 2, 1])
def test_llama_cpp_computes_what_pytorch_computes(tmp_path: Path, heads_kv: int) -> None:
    """Before Q8_0 to the last digits of its half-precision products; after it within a stated distance."""
    model = tiny_llama(heads_kv=heads_kv)
    files = write_files(tmp_path, model)
    chance = np.random.default_rng(0)
    sequences = [chance.integers(0, len(tokens()), 40).tolist() for _ in range(4)]
    whole, half, eighth = (export.apart(files[kind], model, sequences) for kind in ("F32", "F16", "Q8_0"))
    assert whole.largest < 1e-3
    assert whole.same_best == 1.0
    assert half.mean < 0.01 * half.spread
    assert eighth.mean < 0.08 * eighth.spread
    assert whole.mean < half.mean < eighth.mean, "each step costs something, or nothing was quantised"
    assert "| tiny-Q8_0.gguf | 160 |" in export.table([eighth])


def test_another_rotation_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    path = write_files(tmp_path, model)["F32"]
    monkeypatch.setattr("recipes.llm.model.ROPE_BASE", 20_000.0)
    assert export.apart(path, model, [list(range(40))]).largest > 0.05


# --- lessons --------------------------------------------------------------------------------------


def test_the_guide_points_at_the_answers_tokens(vocabulary: Vocabulary) -> None:
    made = lesson(vocabulary, LAYOUT, example(), "real")
    assert made is not None
    told = made.ids[made.asked :]
    assert [made.ids[place] for place in made.guide[:-1]] == list(told[:-1])
    assert made.guide[-1] == -1
    assert told[-1] == vocabulary["</s>"]


def test_a_second_showing_is_the_one_pointed_at(vocabulary: Vocabulary) -> None:
    twice = lesson(vocabulary, replace(LAYOUT, repeats=2), example(), "real")
    assert twice is not None
    second = max(at for at, i in enumerate(twice.ids) if i == vocabulary["<|evidence|>"])
    assert min(twice.guide[:-1]) > second


def test_without_an_answer_there_is_no_lesson(vocabulary: Vocabulary) -> None:
    assert lesson(vocabulary, LAYOUT, replace(example(), gold=None), "real") is None
    assert lesson(vocabulary, LAYOUT, replace(example(), document_id="other"), "real") is None


def test_thinning_moves_the_guide(lessons: list[Lesson]) -> None:
    one = lessons[0]
    chance = np.random.default_rng(0)
    evidence = one.ids.index(CONTROLS.index("<|evidence|>"))
    less = thinned(one, (2, evidence), CONTROLS.index("<|match|>"), 0.9, chance)
    assert len(less.ids) < len(one.ids)
    assert less.ids[less.asked :] == one.ids[one.asked :]
    assert [less.ids[g] for g in less.guide if g >= 0] == [one.ids[g] for g in one.guide if g >= 0]


def test_relabelling_keeps_structure_and_no_word(lessons: list[Lesson]) -> None:
    one = lessons[0]
    other = relabelled(one, len(CONTROLS), len(tokens()), np.random.default_rng(0))
    pairs = set(zip(one.ids, other.ids, strict=True))
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs), "one for one"
    assert all(a == b for a, b in pairs if a < len(CONTROLS))
    assert sum(a == b for a, b in pairs) < len(pairs) / 2


def test_lessons_come_back_from_their_file(lessons: list[Lesson], tmp_path: Path) -> None:
    counts = save_lessons(tmp_path / "lessons.npz", lessons, 0)
    assert counts == {"made": 4, "real": 4, "tune": 0}
    assert sorted(load_lessons(tmp_path / "lessons.npz"), key=str) == sorted(lessons, key=str)


def test_held_out_articles_are_never_lessons(tmp_path: Path) -> None:
    """Twenty articles of KorQuAD by title, and what our own files mark as test."""
    asked = {"question": "언제?", "answers": [{"text": "1989년", "answer_start": 0}]}
    articles = [
        {"title": f"글{n:02}", "paragraphs": [{"context": "1989년에 열었다.", "qas": [asked]}]}
        for n in range(23)
    ]
    korquad, own = tmp_path / "k.json", tmp_path / "o_own.jsonl"
    korquad.write_text(json.dumps({"data": articles}), "utf-8")
    qas = [{"q": "언제?", "answers": ["1990년"], "evidence": "1990년에 닫았다."}]
    records = [
        {"id": part, "title": "글", "text": "1990년에 닫았다.", "part": part, "qas": qas}
        for part in ("dev", "test")
    ]
    own.write_text("\n".join(map(json.dumps, records)), "utf-8")
    groups = [one.group for one in real(korquad, [own], None)]
    assert groups == ["korquad/글00", "korquad/글01", "korquad/글02", "o/dev"]
    assert [is_tuning(group, groups, 3) for group in groups] == [True, False, False, True]


def test_the_vocabulary_spells_what_it_was_chosen_from() -> None:
    spellings, rows = choose([*TEXTS, QUESTION], morphemes=12, characters=40)
    made = Vocabulary(spellings)
    assert rows.shape == (len(made),)
    assert sum("/" in one[1:] and one not in CONTROLS for one in spellings) == 12
    assert all(digit in spellings for digit in "0123456789")
    assert (rows >= 0).any(), "frequent words begin with Kiwi's vector"
    assert (rows[: len(CONTROLS)] == -1).all()


# --- training -------------------------------------------------------------------------------------


def course(lessons: list[Lesson], steps: int) -> Course:
    return Course(lessons, SETTINGS, steps, 0, len(tokens()), CONTROLS.index("<|match|>"), LAYOUT.total)


def test_it_learns_to_copy_what_was_asked(lessons: list[Lesson], tmp_path: Path) -> None:
    model = tiny_llama()
    batch = batch_of(lessons, LAYOUT.total, torch.device("cpu"))
    none = torch.zeros(0, dtype=torch.long)
    cast = torch.autocast("cpu", torch.bfloat16)
    before = [float(loss.detach()) for loss in losses(model, batch, none, cast)]
    train(model, lessons, LAYOUT, SETTINGS | {"rate": 3e-3}, 40, 0, tmp_path / "c.npz", lambda _: None)
    after = [float(loss.detach()) for loss in losses(model, batch, none, cast)]
    assert after[0] < 0.7 * before[0]
    assert after[1] < before[1]


def test_a_run_goes_on_where_it_was_broken_off(lessons: list[Lesson], tmp_path: Path) -> None:
    watched = [*lessons, replace(lessons[0], kind="tune")]
    choices = SETTINGS | {"save_every": 1, "watch_every": 4}

    def run(name: str, say: Callable[[str], None]) -> Llama:
        model = tiny_llama()
        train(model, watched, LAYOUT, choices, 8, 0, tmp_path / name, say)
        return model

    def broken(text: str) -> None:
        raise KeyboardInterrupt(text)

    told: list[str] = []
    whole = run("whole.npz", told.append)
    assert [line.split(":")[0] for line in told] == ["step 4", "step 8"]
    with pytest.raises(KeyboardInterrupt, match="step 4"):
        run("parts.npz", broken)
    assert restore(tmp_path / "parts.npz", tiny_llama(), None) == 3
    resumed = run("parts.npz", told.append)
    for (name, one), other in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.allclose(one, other, atol=1e-5), name


def test_steps_do_not_depend_on_earlier_ones(lessons: list[Lesson]) -> None:
    first, second = course(lessons, 8), course(lessons, 8)
    for step in range(5):
        first.lessons(step)
    assert first.lessons(5) == second.lessons(5)


# --- measuring ------------------------------------------------------------------------------------


def reading(group: str, scores: tuple[float, ...], right: int | None, sure: float = 0.5) -> Reading:
    words = ("서울", "부산", "대구")
    answers = () if right is None else (words[right],)
    spots = tuple(Spot(0, n, n + 2, words[n], score) for n, score in enumerate(scores))
    return Reading(
        "?", answers, group, "where", "서울 부산 대구", 1.0, ("서울부산대구",), spots, (), spots, sure, 1.0
    )


def weighed(
    group: str, scores: tuple[float, ...], theirs: tuple[float, ...], right: int | None, sure: float = 0.5
) -> Weighed:
    return Weighed(reading(group, scores, right, sure), np.array(theirs), np.zeros(0), (1.0, 0.0))


def test_the_mix_trusts_whoever_is_right() -> None:
    chance = np.random.default_rng(0)
    found = []
    for number in range(60):
        right = int(chance.integers(3))
        good = np.full(3, -9.0)
        good[right] = -1.0
        noise = tuple(chance.normal(size=3).tolist())
        found.append(weighed(f"g{number % 10}", noise, tuple(good.tolist()), right))
    mix = measure.fit(found)
    assert mix[1] + mix[2] > abs(mix[0])
    said = measure.answers(found, mix, measure.crossed(found, 0))
    assert said["A + B, mix from other held-out articles"] == [one.reading.answers[0] for one in found]
    assert said["B alone, over A's finalists"] == said["A + B, mix from training articles"]


def test_no_question_is_weighed_by_its_own_article() -> None:
    """An article that is wrong about B alone must not bring its own mix along."""
    found = [weighed(f"g{n}", (1.0, 0.0, 0.0), (-9.0, -1.0, -9.0), 0) for n in range(9)]
    found.append(weighed("odd", (1.0, 0.0, 0.0), (-9.0, -1.0, -9.0), 1))
    with_odd = measure.crossed(found, 0)[-1]
    odd_gone = [one for one in found if one.reading.group != "odd"]
    groups = sorted({one.reading.group for one in found})
    assert len(groups) == 10
    assert any(
        np.allclose(with_odd, measure.fit([*rest]), atol=1e-3)
        for size in range(len(odd_gone) - 1, len(odd_gone) + 1)
        for rest in itertools.combinations(odd_gone, size)
    )


def test_the_tables_name_all_ways_and_what_they_gain() -> None:
    found = [weighed(f"g{n}", (1.0, 0.0, 0.0), (-9.0, -1.0, -9.0), n % 2) for n in range(10)]
    made = tables({"own": found}, found, 0)
    assert "| own | 10 | A alone | 0.500 | 0.500 | 0 | 0 | 1 |" in made
    assert "| own | 10 | B alone, over A's finalists | 0.500 | 0.500 | 5 | 5 |" in made
    assert "the best of A's finalists (ceiling) | 1.000 | 1.000 | 5 | 0 |" in made
    assert "| own | where | 10 | 0.000 / 0.500 | 0.500 / 0.500 |" in made
    assert "without answer" not in made


def test_the_tables_say_who_knows_what_is_not_there() -> None:
    """A is surer where there is an answer, B is not: only A's refusals are right."""
    found = [weighed(f"g{n}", (1.0, 0.0, 0.0), (-1.0, -9.0, -9.0), 0, sure=0.9) for n in range(10)]
    found += [weighed(f"g{n}", (1.0, 0.0, 0.0), (-1.0, -9.0, -9.0), None, sure=0.1) for n in range(9)]
    found.append(weighed("g9", (), (), None, sure=0.0))
    made = tables({"own": found}, found, 0)
    assert "| own | 20 | 10 | A alone | 1.000 | 0.166 | 0.091 | 1.000 | 1.000 |" in made
    assert "| own | 20 | 10 | B alone, over A's finalists | 0.550 |" in made


def test_readings_come_back_from_their_file(tmp_path: Path) -> None:
    kept = [reading("g", (1.0, 0.5, 0.1), 1)]
    save(tmp_path / "r.jsonl", kept)
    assert load(tmp_path / "r.jsonl") == kept


def test_layouts_longer_than_the_lessons_are_padded(lessons: list[Lesson]) -> None:
    wide = Layout(LAYOUT.question, LAYOUT.evidence * 2, LAYOUT.answer, 1)
    made = Course(lessons, SETTINGS, 4, 0, len(tokens()), CONTROLS.index("<|match|>"), wide.total)
    few, length = made.lessons(0)
    assert all(len(one.ids) <= length for one in few)
