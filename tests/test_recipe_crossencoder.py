"""The cross-encoder's recipe: what is read from the public package, and that what ships computes the same."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from rag.crossencoder import SENTENCE, CrossEncoder
from rag.extract.joint import Shown
from rag.pieces import Cutter, Pieces
from recipes.crossencoder.__main__ import write
from recipes.crossencoder.lesson import Kept, Told
from recipes.crossencoder.net import DIM, WIDE, Net
from recipes.crossencoder.public import FILE, MAGIC, SPECIALS, Public, chosen
from recipes.crossencoder.train import Lesson, Task, batches, bounds_of, loss_of, train
from recipes.encoder.vocabulary import tokenizer

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁도서관", "은", "▁연면적", "▁얼마", "3", ",", "는", "▁값"]
LAYERS = 2


def public() -> Public:
    chance = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        return chance.normal(0, 0.05, int(np.prod(shape))).astype(np.float32)

    arrays = {"emb.word": some(len(PIECES), DIM), "emb.pos": some(512, DIM), "emb.type": some(2, DIM)}
    arrays |= {"emb.ln.w": 1 + some(DIM), "emb.ln.b": some(DIM)}
    for number in range(LAYERS):
        at = f"l{number}."
        for name, (wide, narrow) in {
            **dict.fromkeys(("q", "k", "v", "ao"), (DIM, DIM)),
            "fi": (WIDE, DIM),
            "fo": (DIM, WIDE),
        }.items():
            arrays |= {f"{at}{name}.w": some(wide, narrow), f"{at}{name}.b": some(wide)}
        for name in ("aln", "oln"):
            arrays |= {f"{at}{name}.w": 1 + some(DIM), f"{at}{name}.b": some(DIM)}
    return Public(PIECES, [0.0] * SPECIALS + [-2.0] * (len(PIECES) - SPECIALS), arrays)


def net(dropout: float = 0.0) -> Net:
    torch.manual_seed(0)
    made = Net(public().arrays, range(len(PIECES)), 1, LAYERS, dropout).eval()
    with torch.no_grad():
        for new in (made.parts, made.holds.bias, made.none.bias, made.span.bias):
            new.add_(torch.randn(new.shape))
    return made


def told(number: int = 0) -> Told:
    kept = [
        Kept("d", 40, "도서관", "연면적은 3,3 얼마", right=True, answer=(5, 8)),
        Kept("d", 0, "도서관", "도서관은 값", right=False, answer=None),
        Kept("e", 0, "", "값은 3", right=False, answer=None),
    ]
    return Told("도서관 연면적은 얼마", tuple(kept[number:] + kept[:number]), answered=True)


def lesson() -> Lesson:
    return told().cut(Cutter(tokenizer(PIECES, public().scores, SPECIALS - 1)))


def test_what_ships_computes_the_same(tmp_path: Path) -> None:
    made, task = net(), Task.of(lesson())
    write(tmp_path, made, tokenizer(PIECES, public().scores, SPECIALS - 1), {})
    said = CrossEncoder.load(tmp_path).read(task.ids, task.parts)
    with torch.no_grad():
        ids, parts = (torch.from_numpy(one)[None] for one in (task.ids, task.parts))
        holds, none, spans = made(ids, parts, torch.ones_like(ids, dtype=torch.bool))
    assert np.allclose(said.holds, holds[0], atol=0.02)
    assert said.none == pytest.approx(float(none), abs=0.02)
    assert np.allclose(said.spans, spans[0], atol=0.02)
    assert np.ptp(said.holds) > 0.1, "places differ, else nothing is compared"


def test_others_in_the_batch_change_nothing() -> None:
    made, task = net(), Task.of(lesson())
    short = Task.of(told(1).cut(Cutter(tokenizer(PIECES, public().scores, SPECIALS - 1))).some(1))
    with torch.no_grad():
        alone = loss_of(made, [task], 0.4)[1]
        other = loss_of(made, [short], 0.4)[1]
        both = loss_of(made, [task, short], 0.4)[1]
    assert both == pytest.approx((alone + other) / 2, abs=1e-4)


def test_a_task_knows_where_the_answer_is() -> None:
    task = Task.of(lesson())
    assert [task.parts[mark] for mark in task.marks] == [2, 2, 2]
    assert (task.ids[task.marks] == SENTENCE).all()
    (first, last), (mark,) = task.bounds[0], task.right
    assert mark < first <= last
    assert [PIECES[row] for row in task.ids[first : last + 1]] == ["3", ",", "3"]


def test_the_right_sentence_is_always_shown() -> None:
    late = told(1).cut(Cutter(tokenizer(PIECES, public().scores, SPECIALS - 1)))
    assert late.right == (False, False, True)
    assert late.some(2).right == (False, True)
    assert late.some(2).shown == (late.shown[0], late.shown[2])
    lost = Lesson(late.asked, late.shown[:2], (False, False), (None, None), answered=True)
    assert lost.some(2) is None, "a question whose answer was not kept teaches nothing"


def test_the_loss_is_of_the_sentence_and_of_its_bounds() -> None:
    task = Task.of(lesson())
    (first, last), (mark,) = task.bounds[0], task.right
    holds, spans = torch.zeros(1, len(task.ids)), torch.zeros(1, len(task.ids), 2)

    def losses() -> tuple[float, float, float]:
        found = loss_of(lambda *_: (holds, torch.zeros(1), spans), [task], 0.5)  # type: ignore[arg-type]
        return float(found[0]), found[1], found[2]

    words = int((task.parts == 2).sum()) - len(task.marks)
    assert losses()[1:] == pytest.approx((np.log(4), 2 * np.log(words)))
    holds[0, mark] = 20
    assert losses()[1] == pytest.approx(0, abs=1e-6)
    spans[0, first, 0] = spans[0, last, 1] = 20
    assert losses() == pytest.approx((0, 0, 0), abs=1e-6)
    spans[0, first, 0], spans[0, last, 0] = 0, 20
    assert losses()[2] > 15
    assert losses()[0] == pytest.approx(0.5 * losses()[2])


def test_an_answer_without_room_teaches_nothing() -> None:
    far = Kept("f", 0, "", "3" * 96, right=True, answer=(0, 1))
    others = [Kept(name, 0, "", "3" * 96, right=False, answer=None) for name in "abcd"]
    crowded = Told("얼마", (*others, far), answered=True)
    assert Task.of(crowded.cut(Cutter(tokenizer(PIECES, public().scores, SPECIALS - 1)))) is None


def test_bounds_are_of_the_pieces_that_hold_the_answer() -> None:
    pieces = Pieces(np.arange(3), np.array([[0, 2], [2, 5], [5, 6]]))
    assert bounds_of(pieces, 1, 5) == (0, 1)
    assert bounds_of(pieces, 5, 6) == (2, 2)
    assert bounds_of(pieces, 5, 9) is None, "its end was cut off"


def test_batches_hold_no_more_than_they_may() -> None:
    tasks = [Task(np.zeros(n, np.int64), np.zeros(n, np.int64), [], [], []) for n in (5, 90, 30, 31, 7)]
    made = batches(tasks, 100)
    assert sorted(len(t.ids) for batch in made for t in batch) == [5, 7, 30, 31, 90]
    assert all(len(batch) == 1 or len(batch) * max(len(t.ids) for t in batch) <= 100 for batch in made)


def test_training_lowers_the_loss() -> None:
    made, lessons = net(0.1), [lesson() for _ in range(32)]
    before = loss_of(made, [Task.of(lessons[0])], 0.4)[1:]
    settings = {"epochs": 12.0, "least": 2, "most": 3, "pieces": 200, "rate": 1e-3, "table_rate": 1e-3}
    settings |= {"head_rate": 1e-3, "warm": 5, "decay": 0.01, "span_weight": 0.4}
    train(lessons, made, settings, 0, lambda text: None)
    with torch.no_grad():
        after = loss_of(made, [Task.of(lessons[0])], 0.4)[1:]
    assert after[0] < before[0] / 2
    assert after[1] < before[1] / 2


def test_the_public_package_is_read(tmp_path: Path) -> None:
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁가", "나"]
    blob = "".join(pieces).encode()
    ends = np.cumsum([0, *(len(one.encode()) for one in pieces)])
    scores = np.array([0, 0, 0, 0, -1.5, -2], np.float32)
    head = MAGIC + struct.pack("<I7i", 1, 32, 1, 1, 32, 6, 8, 1) + struct.pack("<fi", 1e-12, 32)
    head += struct.pack("<5i", len(pieces), 0, 2, 1, 3) + struct.pack("<Q", len(blob))
    head += ends.astype("<u4").tobytes() + scores.tobytes() + blob
    head += struct.pack("<iI", 1, 5) + b"\0" * 5  # one letter that is written as none
    plain = np.array([0.5, -1], np.float32)
    nibbles = np.arange(16, dtype=np.uint8)  # the low halves 0 to 15, the high ones 8
    block = np.float16(0.5).tobytes() + (nibbles | (8 << 4)).astype(np.uint8).tobytes()
    names = (b"plain", b"blocks")
    start = len(head) + 4 + sum(2 + len(name) + 21 for name in names)
    directory = struct.pack("<i", 2)
    for name, kind, count, at, size in (
        (names[0], 0, 2, start, 8),
        (names[1], 1, 32, start + 8, len(block)),
    ):
        directory += struct.pack("<H", len(name)) + name + struct.pack("<BIQQ", kind, count, at, size)
    wheel = tmp_path / "public.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(FILE, head + directory + plain.tobytes() + block)
    read = Public.read(wheel)
    assert read.pieces == pieces
    assert np.allclose(read.scores, scores)
    assert np.array_equal(read.arrays["plain"], plain)
    assert np.array_equal(read.arrays["blocks"], [*((np.arange(16) - 8) * 0.5), *([0.0] * 16)])


def test_pieces_that_are_kept() -> None:
    known = ["<s>", "<pad>", "</s>", "<unk>", "▁가", "xyz", "▁12", "漢", "q", "字"]
    keep, new = chosen(Public(known, [0.0] * 4 + [-1.0] * 6, {}), ["漢"])
    assert [known[row] for row in keep] == ["<s>", "<pad>", "</s>", "<unk>", "▁가", "▁12", "漢", "q"]
    assert "나" in new
    assert "가" in new, "only as a word's beginning is it known"


def test_shown_sentences_are_cut() -> None:
    long = Told("얼마", (Kept("d", 0, "", "3" * 300, right=False, answer=None),), answered=False)
    (one,) = long.cut(Cutter(tokenizer(PIECES, public().scores, SPECIALS - 1))).shown
    assert isinstance(one, Shown)
    assert len(one.text.ids) == 96
