"""From examples to weights: sentences, networks, spans, finalists; each on out-of-fold scores."""

from __future__ import annotations

import pickle
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import lightgbm as lgb
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from rag.crossencoder import CrossEncoder
from rag.encoder import SentenceEncoder
from rag.evidence import NAMES as SENTENCE_NAMES
from rag.extract.companion import is_companion
from rag.extract.feature import CATEGORIES
from rag.extract.joint import Joint, read_jointly
from rag.extract.network import Network, mean_logs
from rag.extract.reading import (
    FINAL_CATEGORIES,
    Final,
    Look,
    Narrow,
    attend,
    compare,
    laid,
    look,
    narrow,
)
from recipes.reader.data import Example, best_overlap
from recipes.reader.net import Item, Net, packed, shipped, train_net, unpacked

#: A question's kind and unit count as having this many more questions of the usual share without an answer.
SMOOTHED = 50
#: No kind's questions without an answer weigh more than this times the usual, or less than its inverse.
UNFAIR = 3.0
Settings = dict[str, object]
#: Arrays of a network by name.
State = dict[str, np.ndarray]
Part = dict[str, object]


@dataclass(slots=True)
class Case:
    """An example with everything computed about it so far."""

    example: Example
    look: Look
    narrow: Narrow | None = None
    labels: np.ndarray | None = None
    final: Final | None = None
    final_scores: np.ndarray | None = None
    joint: Joint | None = None
    choice: int | None = None  # the finalist that the judge prefers; None where nothing was found
    sure: tuple[float, float] = (0.0, 0.0)  # that its sentence holds the answer, and its span, given that

    @property
    def passages(self) -> int:
        """How many passages are no companions."""
        return sum(not is_companion(item) for item in self.example.evidence)

    def forget(self) -> None:
        """Let the texts go, once spans are described: most of the memory, which the networks need."""
        self.look = replace(self.look, pages=())
        self.narrow = replace(self.narrow, look=self.look, meant=replace(self.narrow.meant, said=()))


def cases(examples: Sequence[Example]) -> list[Case]:
    found = [Case(e, look(e.question, e.evidence)) for e in examples]
    return [case for case in found if len(case.look.places)]


def sentence_labels(case: Case) -> np.ndarray:
    """2 the sentence with the gold answer, 1 another one that says it, 0 else."""
    example, labels = case.example, []
    for place in case.look.places:
        page = case.look.pages[place.passage]
        passage = page.item.passage
        local = page.seen.analysis.sentences[place.sentence]
        label = 0
        if example.gold is not None and passage.document_id == example.document_id:
            shifted = local.shift(passage.span.start)
            if shifted.start <= example.gold.start < shifted.end:
                label = 2
            elif (
                len(example.answers[0]) > 2 and example.answers[0] in page.seen.text[local.start : local.end]
            ):
                label = 1
        labels.append(label)
    return np.array(labels)


def _graded(case: Case) -> Iterator[tuple[int, bool, float, bool]]:
    """Candidates in the gold document: number, whether exact, character F1, whether in its place."""
    assert case.narrow is not None
    example, seen = case.example, case.narrow
    known: dict[str, tuple[bool, float]] = {}
    for row, (one, text) in enumerate(zip(seen.found, seen.texts, strict=True)):
        page = case.look.pages[seen.kept[one.sentence].passage]
        passage = page.item.passage
        if example.gold is None or passage.document_id != example.document_id:
            continue
        if text not in known:
            known[text] = best_overlap(text, example.answers)
        start = page.seen.analysis.morphemes[one.first].start + passage.span.start
        yield row, *known[text], abs(start - example.gold.start) < 40


def span_labels(case: Case) -> np.ndarray:
    """4 an answer in its place, 3 its words elsewhere in the right document, 1–2 by overlap, 0 else."""
    labels = np.zeros(len(case.narrow.found), np.int64)
    for row, exact, overlap, near in _graded(case):
        if exact:
            labels[row] = 4 if near else 3
        elif near and overlap > 0.5:
            labels[row] = int(3 * overlap)
    return labels


def worth(case: Case) -> np.ndarray:
    """``(c,)`` how good each candidate is as an answer, in [0, 1]: character F1 in the right place."""
    values = np.zeros(len(case.narrow.found), np.float32)
    for row, exact, overlap, near in _graded(case):
        if exact:
            values[row] = 1.0 if near else 0.7
        elif near and overlap > 0.4:
            values[row] = overlap
    return values


def parameters(settings: Settings, part: str) -> tuple[Part, int]:
    chosen = dict(settings[part])  # type: ignore[call-overload]
    rounds = int(chosen.pop("rounds"))
    chosen |= {
        "verbose": -1,
        "num_threads": settings["threads"],
        "seed": settings["seed"],
        "deterministic": True,
        "force_row_wise": True,
    }
    return chosen, rounds


def fit(
    settings: Settings,
    part: str,
    tables: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    categories: Sequence[int],
) -> lgb.Booster:
    chosen, rounds = parameters(settings, part)
    ranking = chosen["objective"] == "lambdarank"
    data = lgb.Dataset(
        np.concatenate(list(tables)),
        np.concatenate(list(labels)),
        group=[len(t) for t in tables] if ranking else None,
        categorical_feature=list(categories),
        free_raw_data=True,
    )
    return lgb.train(chosen, data, rounds)


def folds(found: Sequence[Case], settings: Settings) -> np.ndarray:
    names = sorted({case.example.group for case in found})
    random.Random(int(str(settings["seed"]))).shuffle(names)
    fold = {name: number % int(str(settings["folds"])) for number, name in enumerate(names)}
    return np.array([fold[case.example.group] for case in found])


def out_of_fold(
    found: Sequence[Case],
    fold: np.ndarray,
    train: Callable[[list[int]], lgb.Booster],
    table: Callable[[Case], np.ndarray],
) -> list[np.ndarray]:
    """Scores of every case from a model that saw none of its article."""
    scores: list[np.ndarray] = [np.zeros(0)] * len(found)
    for number in range(int(fold.max()) + 1):
        model = train(np.flatnonzero(fold != number).tolist())
        for row in np.flatnonzero(fold == number).tolist():
            rows = table(found[row])
            scores[row] = model.predict(rows, raw_score=True, num_threads=2) if len(rows) else np.zeros(0)
    return scores


@dataclass(slots=True)
class Steps:
    """What is trained to find an answer; how sure to be of it is the judges' to say."""

    sentence: lgb.Booster
    networks: list[Network]
    span: lgb.Booster
    final: lgb.Booster


def sentences(found: Sequence[Case], settings: Settings) -> lgb.Booster:
    """Which sentence holds the answer, ranked; questions without one teach nothing."""
    labels = [sentence_labels(case) for case in found]
    rows = [row for row, label in enumerate(labels) if label.max(initial=0) > 0]
    tables = [found[row].look.table for row in rows]
    return fit(settings, "sentence", tables, [labels[row] for row in rows], [SENTENCE_NAMES.index("kind")])


def train_sentences(
    found: list[Case], fold: np.ndarray, settings: Settings
) -> tuple[lgb.Booster, list[np.ndarray]]:
    def train(rows: list[int]) -> lgb.Booster:
        return sentences([found[row] for row in rows], settings)

    return sentences(found, settings), out_of_fold(found, fold, train, lambda case: case.look.table)


@dataclass(frozen=True, slots=True)
class Work:
    """The folder of a run, where what is done is kept: a run that was stopped goes on from there.

    A file holds its parts one after the other, so that all of them are in memory only where they are needed.
    """

    folder: Path

    @property
    def start(self) -> Path:
        """Arrays that the networks begin from."""
        return self.folder / "start.npz"

    @property
    def items(self) -> Path:
        """Fold of every case, then each as the networks see it, then weights in the loss by row."""
        return self.folder / "items"

    @property
    def cases(self) -> Path:
        """The sentences' trees, then every case with its spans described and its texts forgotten."""
        return self.folder / "cases"

    def network(self, number: int) -> Path:
        """The network that saw all folds but one."""
        return self.folder / f"network-{number}"

    def read_items(self) -> tuple[np.ndarray, list[Item | None]]:
        """Folds and items; those to learn from with their weights."""
        with self.items.open("rb") as stream:
            fold = pickle.load(stream)
            items: list[Item | None] = [pickle.load(stream) for _ in fold]
            for row, weight in pickle.load(stream).items():
                items[row].weight = weight
        return fold, items

    def read_cases(self) -> tuple[lgb.Booster, list[Case]]:
        """The sentences' trees and all cases."""
        with self.cases.open("rb") as stream:
            sentence, count = pickle.load(stream)
            return lgb.Booster(model_str=sentence), [pickle.load(stream) for _ in range(count)]


def prepare(
    found: list[Case],
    settings: Settings,
    encoder: Callable[[str], SentenceEncoder],
    work: Work,
    say: Callable[[str], None],
) -> None:
    """Train the sentences' trees, describe the spans of every case, and keep all of it; ``found`` is emptied.

    ``encoder`` gives a sentence encoder that saw no question of a group of articles.
    """
    fold = folds(found, settings)
    sentence, scores = train_sentences(found, fold, settings)
    say("sentences trained")
    taught: list[int] = []
    kinds: list[Case] = []
    reached: list[bool] = []
    parts = [path.with_suffix(".part") for path in (work.items, work.cases)]
    with parts[0].open("wb") as items, parts[1].open("wb") as cases_:
        pickle.dump(fold, items)
        pickle.dump((sentence.model_to_string(), len(found)), cases_)
        for row, score in enumerate(scores):
            case, found[row] = found[row], None  # type: ignore[call-overload]
            case.narrow = narrow(case.look, score, encoder(case.example.group))
            case.labels = span_labels(case)
            if case.example.gold is not None:
                reached.append(case.labels.max(initial=0) >= 3)
            item = item_of(case)
            case.forget()
            pickle.dump(item, items)
            pickle.dump(case, cases_)
            if item is not None and item.usable:
                taught.append(row)
                kinds.append(Case(case.example, replace(case.look, places=(), table=case.look.table[:0])))
        weights = balance(kinds, float(settings["network"]["none_weight"]))  # type: ignore[index]
        pickle.dump(dict(zip(taught, weights, strict=True)), items)
    for part, path in zip(parts, (work.items, work.cases), strict=True):
        part.rename(path)
    say(f"spans listed: an answer is among them for {np.mean(reached):.3f} of {len(reached)}")


#: Arrays of a network, and what it says of questions by their row.
Learnt = tuple[State, dict[int, np.ndarray]]


def learn(work: Work, settings: dict[str, float], number: int) -> Learnt:
    """State of a network trained on all folds but ``number``, and what it says of that one's questions.

    The state is kept, and taken from there if a run before this one was stopped after it. Workers start anew:
    a forked one would hang, since LightGBM's and PyTorch's threads do not survive a fork.
    """
    fold, items = work.read_items()
    kept = work.network(number)
    if not kept.exists():
        seen = [
            item
            for item, of in zip(items, fold, strict=True)
            if of != number and item is not None and item.usable
        ]
        beside = kept.with_suffix(".part")
        beside.write_bytes(pickle.dumps(_trained(work, settings, seen, number)))
        beside.rename(kept)
    state: State = pickle.loads(kept.read_bytes())
    network = shipped(state)
    with threadpool_limits(1):  # NumPy's threads in every worker would wait for each other
        said = {
            row: network.logs(unpacked(item.seen))
            for row, item in enumerate(items)
            if fold[row] == number and item is not None
        }
    return state, said


def _trained(work: Work, settings: dict[str, float], items: Sequence[Item], number: int) -> State:
    torch.set_num_threads(1)
    settings = settings | {"seed": settings["seed"] + number}
    net = Net(int(settings["width"]), settings["dropout"])
    with np.load(work.start) as start:
        net.load_state_dict({name: torch.from_numpy(start[name]) for name in start.files})
    net = train_net(items, settings, lambda text: print(f"  network {number}: {text}", flush=True), net)
    return {name: value.numpy() for name, value in net.state_dict().items()}


def net_of(settings: Settings) -> Net:
    """A new network of the width that ships; its dropout is that of pretraining."""
    return Net(int(settings["network"]["width"]), settings["pretraining"]["dropout"])  # type: ignore[index]


def item_of(case: Case) -> Item | None:
    """A case as the network sees it; None without any candidate."""
    if not len(case.narrow.found):
        return None
    seen, values = laid(case.narrow), worth(case)
    within = values[seen.spans[:, 0] >= 0]
    return Item(packed(seen), values, usable=case.example.gold is None or bool(within.max(initial=0.0) > 0))


def balance(found: Sequence[Case], usual: float) -> list[float]:
    """Weight of each question: without an answer ``usual``, more or less of it by what is asked for; else 1.

    Of our questions for amounts many have no answer, of those for reasons few: what a question asks for would
    tell whether it has one. Weighed so, all kinds are alike.
    """
    if not any(case.example.gold is None for case in found):
        return [1.0] * len(found)
    kinds = [(case.look.question.kind, case.look.question.unit) for case in found]
    without = Counter(kind for kind, case in zip(kinds, found, strict=True) if case.example.gold is None)
    all_of, share = Counter(kinds), without.total() / len(found)
    odds = {
        kind: (without[kind] + SMOOTHED * share) / (count - without[kind] + SMOOTHED * (1 - share))
        for kind, count in all_of.items()
    }
    fair = share / max(1 - share, 1e-6)
    least, most = 1 / UNFAIR, UNFAIR
    return [
        usual * min(most, max(least, fair / odds[kind])) if case.example.gold is None else 1.0
        for kind, case in zip(kinds, found, strict=True)
    ]


def train_networks(work: Work, settings: Settings, count: int) -> tuple[list[Network], dict[int, np.ndarray]]:
    """A network a fold, and what each says of the fold that it never saw, by row.

    All begin from what was trained on made questions. The folds' networks are what ships: their mean is
    better than any one. Two processes of one thread train faster than one of two.
    """
    chosen: dict[str, float] = settings["network"]  # type: ignore[assignment]
    with ProcessPoolExecutor(int(str(settings["threads"])), mp_context=get_context("spawn")) as pool:
        trained = list(pool.map(learn, [work] * count, [chosen] * count, range(count)))
    said = {row: logs for _, part in trained for row, logs in part.items()}
    return [shipped(state) for state, _ in trained], said


def _sampled(case: Case, negatives: int, chance: np.random.Generator) -> np.ndarray:
    assert case.labels is not None
    rows = np.arange(len(case.labels))
    good, bad = rows[case.labels > 0], rows[case.labels == 0]
    return np.concatenate([good, chance.permutation(bad)[:negatives]])


def train_spans(
    found: list[Case], fold: np.ndarray, settings: Settings
) -> tuple[lgb.Booster, list[np.ndarray]]:
    chance = np.random.default_rng(int(str(settings["seed"])))
    picked = [_sampled(case, int(str(settings["negatives"])), chance) for case in found]

    def train(rows: list[int]) -> lgb.Booster:
        rows = [r for r in rows if found[r].labels is not None and found[r].labels.max(initial=0) > 0]
        return fit(
            settings,
            "span",
            [found[r].narrow.spans[picked[r]] for r in rows],
            [found[r].labels[picked[r]] for r in rows],
            CATEGORIES,
        )

    return train(list(range(len(found)))), out_of_fold(found, fold, train, lambda case: case.narrow.spans)


def train_finals(found: list[Case], settings: Settings) -> lgb.Booster:
    labels = [case.labels[list(case.final.rows)] if case.final else np.zeros(0, np.int64) for case in found]
    rows = [row for row, label in enumerate(labels) if label.max(initial=0) > 0]
    tables = [found[row].final.table for row in rows]
    return fit(settings, "final", tables, [labels[row] for row in rows], FINAL_CATEGORIES)


def read_all(found: Sequence[Case], steps: Steps) -> None:
    """Run the trained steps over cases, filling them in; those that are filled in are left alone."""
    for case in found:
        if case.narrow is not None:
            continue
        scores = steps.sentence.predict(case.look.table, raw_score=True, num_threads=2)
        case.narrow = narrow(case.look, scores, SentenceEncoder.load())
        case.labels = span_labels(case)
        if len(case.narrow.found):
            case.narrow = attend(case.narrow, mean_logs(steps.networks, laid(case.narrow)))
            scores = steps.span.predict(case.narrow.spans, raw_score=True, num_threads=2)
            case.final = compare(case.narrow, scores)
            case.final_scores = steps.final.predict(case.final.table, raw_score=True, num_threads=2)
            case.joint = read_jointly(
                case.look.question, case.look.pages, case.narrow.kept, CrossEncoder.load(), case.passages
            )


def train(work: Work, settings: Settings, say: Callable[[str], None]) -> Steps:
    """Every step from the networks to the finalists, on what :func:`prepare` kept."""
    networks, logs = train_networks(work, settings, int(str(settings["folds"])))
    say("networks trained")
    sentence, found = work.read_cases()
    fold = folds(found, settings)
    for row, said in logs.items():
        found[row].narrow = attend(found[row].narrow, said)
    span, scores = train_spans(found, fold, settings)
    say("spans trained")
    for case, score in zip(found, scores, strict=True):
        case.final = compare(case.narrow, score) if len(score) else None
    final = train_finals(found, settings)
    say("finalists trained")
    return Steps(sentence, networks, span, final)
