"""The reader's recipe: parts of our articles, questions asked of one article alone, kinds in balance."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rag.encoder import SentenceEncoder
from rag.evidence import Kind, Unit
from rag.extract.companion import LEAST
from rag.extract.reading import ALL_NAMES, attend
from rag.types import Span
from recipes.reader import data
from recipes.reader.data import Article, Asked
from recipes.reader.train import UNFAIR, Work, balance, cases, folds, learn, net_of, prepare

TEXT = (
    "해솔도서관은 2024년 3월 5일 문을 열었다. 연면적은 3,840㎡이다. 장서는 4만2천 권이며 관장은 김이안이다.\n"
    "건립에는 국비 48억 원이 들었다. 시는 낡은 동사무소를 헐고 그 자리에 도서관을 지었다."
)
ANSWERED = (("해솔도서관 연면적은 얼마야?", "3,840㎡"), ("도서관은 언제 열었나?", "2024년 3월 5일"))
UNANSWERED = ("해솔도서관 건축가는 누구인가?", "도서관 이용료는 얼마야?")


def article() -> Article:
    asked = [Asked(q, (a,), TEXT.index(a), None, "howmuch") for q, a in ANSWERED]
    asked += [Asked(q, (), -1, None, "none") for q in UNANSWERED]
    return Article(data._document("h1", "해솔도서관", TEXT), "t/h1", "t", tuple(asked))


def test_each_part_has_its_use(tmp_path: Path) -> None:
    path = tmp_path / "t_parts.jsonl"
    qas = [{"q": q, "answers": [a], "evidence": "", "type": "howmuch"} for q, a in ANSWERED]
    lines = [
        {"id": part, "title": "해솔도서관", "text": TEXT, "qas": qas, "part": part}
        for part in ("dev", "test", "judge")
    ]
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "utf-8")
    dev, test = data.own(path)
    found = [[a.document.id for a in part] for part in (dev, test, data.for_judges(path))]
    assert found == [["dev"], ["test"], ["judge"]]
    assert dev[0].asked[0].start == TEXT.index("3,840㎡")


def test_our_files_name_a_known_part() -> None:
    paths = sorted((Path(data.__file__).parents[1] / "qa").glob("*.jsonl"))
    parts = [(*data.own(path), data.for_judges(path)) for path in paths]
    by_part = [[article.group for found in part for article in found] for part in zip(*parts, strict=True)]
    assert all(by_part), "each part has articles"
    ids = [name for part in by_part for name in part]
    assert len(ids) == len(set(ids)), "an article is in one part only"


def test_an_article_of_no_part_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t_parts.jsonl"
    path.write_text(json.dumps({"id": "x7", "title": "", "text": TEXT, "qas": []}), "utf-8")
    with pytest.raises(ValueError, match="x7"):
        data.own(path)


def test_alone_is_read_with_companions_and_may_not_answer() -> None:
    made = [one for seed in range(40) for one in data.alone([article()], 1.0, seed)]
    for one in made:
        assert len(one.evidence) == LEAST
        own = [e.passage.text for e in one.evidence if e.passage.document_id == "h1"]
        assert own
        if one.gold is not None:
            assert any(one.answers[0] in text for text in own)
        elif one.kind == "bereft":
            assert not any(
                answer in text for _, answer in ANSWERED[:1] for text in own if "연면적" in one.question
            )
    kinds = {(one.kind, one.gold is not None) for one in made}
    assert kinds >= {("howmuch", True), ("bereft", False), ("none", False)}


def test_kinds_weigh_alike() -> None:
    """Weighed, the share without an answer is the same for every kind, unless it is out of all bounds."""
    counts = {Kind.HOWMUCH: (400, 400), Kind.WHO: (150, 450), Kind.WHY: (2, 500)}  # without, with
    found = [
        SimpleNamespace(
            look=SimpleNamespace(question=SimpleNamespace(kind=kind, unit=Unit.NONE)),
            example=SimpleNamespace(gold=None if lost else Span(0, 1)),
        )
        for kind, pair in counts.items()
        for lost, count in zip((True, False), pair, strict=True)
        for _ in range(count)
    ]
    weights = balance(found, 2.0)  # type: ignore[arg-type]
    none = dict.fromkeys(counts, 0.0)
    for case, weight in zip(found, weights, strict=True):
        if case.example.gold is None:
            none[case.look.question.kind] += weight
        else:
            assert weight == 1.0
    usual = 2.0 * 552 / 1350
    assert none[Kind.HOWMUCH] / 400 == pytest.approx(usual, rel=0.1)
    assert none[Kind.WHO] / 450 == pytest.approx(usual, rel=0.1)
    assert none[Kind.WHY] == pytest.approx(2 * 2.0 * UNFAIR), "a handful is not made to stand for hundreds"


def test_a_run_goes_on_from_what_it_kept(tmp_path: Path) -> None:
    one = article()
    other = replace(one, group="t/h2", document=replace(one.document, id="h2"))
    found = cases(list(data.retrieved([one, other])) * 4)
    groups = [case.example.group for case in found]
    network = {"seed": 1, "none_weight": 2.0, "width": 8, "dropout": 0.1, "batch": 2, "epochs": 1}
    network |= {"rate": 1e-3, "decay": 0.0}
    trees = {"rounds": 2, "objective": "lambdarank", "min_data_in_leaf": 1, "label_gain": [0, 1, 2]}
    settings = {"seed": 0, "folds": 2, "threads": 1, "sentence": trees, "network": network}
    settings["pretraining"] = {"dropout": 0.1}
    asked: list[str] = []

    def encoder(group: str) -> SentenceEncoder:
        asked.append(group)
        return SentenceEncoder.load()

    work, said = Work(tmp_path), []
    prepare(found, settings, encoder, work, said.append)  # type: ignore[arg-type]
    assert asked == groups, "each article is read with the encoder that never saw it"
    assert not any(found), "texts are let go"
    assert len(said) == 2

    fold, items = work.read_items()
    sentence, kept = work.read_cases()
    assert np.array_equal(fold, folds(kept, settings))  # type: ignore[arg-type]
    assert set(fold.tolist()) == {0, 1}
    assert [case.example.group for case in kept] == groups
    assert [item is None for item in items] == [not case.narrow.found for case in kept]
    assert not any(case.look.pages for case in kept)
    assert sentence.num_trees() == 2
    assert {item.weight for item in items if item is not None and not item.worth.any()} != {1.0}

    start = {name: value.numpy() for name, value in net_of(settings).state_dict().items()}  # type: ignore[arg-type]
    np.savez(work.start, **start)
    state, told = learn(work, network, 0)
    assert set(told) == {row for row in range(len(kept)) if fold[row] == 0 and kept[row].narrow.found}
    assert not np.array_equal(state["look.weight"], start["look.weight"])
    row = min(told)
    assert attend(kept[row].narrow, told[row]).spans.shape[1] == len(ALL_NAMES)
    again, told_again = learn(work, network | {"rate": 9.0}, 0)
    assert all(np.array_equal(again[name], state[name]) for name in state)
    assert all(np.array_equal(told_again[row], told[row]) for row in told)


def test_an_article_without_its_title_is_else_the_same() -> None:
    whole, bare = article(), data.untitled(article())
    assert (whole.document.title, bare.document.title) == ("해솔도서관", "")
    assert bare.document.text == whole.document.text
    contexts = [
        {
            e.passage.context
            for one in data.retrieved([a])
            for e in one.evidence
            if e.passage.document_id == "h1"
        }
        for a in (whole, bare)
    ]
    assert contexts == [{"해솔도서관"}, {""}]
