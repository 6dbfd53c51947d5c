"""Train the reader from questions and text, and write its weights.

    python -m recipes.reader --data DIR --own recipes/qa --encoders FOLDER --out rag/weights/reader

DIR is laid out as recipes/README.md says. Held-out articles (the last 20 of KorQuAD by title, our own of part
`test`) are never trained on; the table that is printed at the end is theirs. Those of part `judge` teach only
the judges.
What takes long is kept in `--work` as it is done, each network too: a run that was stopped goes on from
there when it is started again, with the same data and settings.
`--judges` fits the judges of the weights in `--out` anew, `--measure` only measures them; `--trial` runs
every step on a handful of articles.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import lightgbm as lgb
import numpy as np

from rag import manifest
from rag.encoder import FOLDER as ENCODER
from rag.encoder import SentenceEncoder
from rag.evidence.paraphrase import FOLDER as PARAPHRASES
from rag.extract import FORMAT, KIND
from rag.extract.network import Network
from rag.korean import KOREAN_VERSION
from rag.manifest import Json
from rag.vector import FOLDER as MORPHEMES
from recipes.encoder.build import FOLDS
from recipes.encoder.train import fold_of
from recipes.reader import data, made, report
from recipes.reader.furniture import furnished
from recipes.reader.judge import Models, judge_all, train_judges
from recipes.reader.pretraining import pretrain
from recipes.reader.train import Case, Steps, Work, cases, prepare, read_all, train

KORQUAD = "korquad/korquad_1.0_dev_100_articles.json"
#: The boosters, by name of their file.
STEPS = ("sentence", "span", "final")
JUDGES = ("holds", "exact")
STARTED = time.time()


def say(text: str) -> None:
    print(f"[{time.time() - STARTED:5.0f} s] {text}", flush=True)


def training(
    korquad: Path, own: Sequence[Path], settings: dict[str, object], most: int | None
) -> list[data.Example]:
    """KorQuAD with whole paragraphs or found passages; our own with found ones, some with the whole article,
    with it alone, or dressed as a page; both without the sentence that answers too."""
    chance = random.Random(int(str(settings["seed"])))
    names = "oracle_share bereft_share own_oracle_share own_bereft_share alone_share untitled_share".split()
    share, bereft, own_share, own_bereft, alone, bare = (float(str(settings[name])) for name in names)
    articles = data.korquad(korquad)[0][:most]
    whole, found = [e for a in articles for e in data.oracle(a)], list(data.retrieved(articles))
    picks = [chance.random() < share for _ in whole]
    by_question = {(e.document_id, e.question): e for e in found}
    examples = [
        e if pick else by_question[e.document_id, e.question] for e, pick in zip(whole, picks, strict=True)
    ]
    examples += list(data.bereft(articles, bereft))
    for path in own:
        mine = [data.untitled(a) if chance.random() < bare else a for a in data.own(path)[0][:most]]
        examples += list(data.retrieved(mine)) + list(data.bereft(mine, own_bereft, seed=1))
        examples += [e for a in mine for e in data.oracle(a) if chance.random() < own_share]
        examples += list(data.alone(mine, alone, seed=3))
        examples += list(data.retrieved(furnished([a for a in mine if not a.page][::2], seed=2)))
    return examples


def held_out(korquad: Path, own: Sequence[Path], most: int | None) -> dict[str, list[Case]]:
    """Sets by name: whole paragraphs (KorQuAD's, ours), and passages found among five articles."""
    articles = data.korquad(korquad)[1][:most]
    sets = {
        "KorQuAD oracle": cases([e for a in articles for e in data.oracle(a)]),
        "KorQuAD retrieved": cases(list(data.retrieved(articles)) + list(data.bereft(articles, 0.3))),
    }
    ours = {path.stem: data.own(path)[1][:most] for path in own}
    apart = {name: cases([e for a in part for e in data.oracle(a)]) for name, part in ours.items()}
    sets["own oracle"] = [case for part in apart.values() for case in part]
    sets["own retrieved"] = cases([e for part in ours.values() for e in data.retrieved(part)])
    dressed = [one for part in ours.values() for one in furnished([a for a in part if not a.page], seed=3)]
    sets["own pages retrieved"] = cases(list(data.retrieved(dressed)))
    return sets | {f"{name} oracle": part for name, part in apart.items()}


def judged(own: Sequence[Path], steps: Steps, alone: float, most: int | None) -> list[Case]:
    """Questions on the judges' articles, read by all steps as in use: among five articles, some in one, some
    about the page that an article stands on."""
    articles = [article for path in own for article in data.for_judges(path)[:most]]
    pages = furnished([article for article in articles if not article.page], seed=5)
    found = cases([*data.retrieved(articles), *data.alone(articles, alone, seed=4), *data.retrieved(pages)])
    read_all(found, steps)
    return found


def report_all(sets: dict[str, list[Case]], models: Models) -> str:
    """Tables of all sets, as Markdown."""
    spans, judged = [], []
    for name, found in sets.items():
        read_all(found, models.steps)
        judge_all(found, models)
        spans.append((name, found))
        if name.endswith("retrieved"):
            judged.append((name, report.judged(found)))
    return "\n".join(
        [report.spans(spans), report.kinds(spans[:4]), *(report.refusal(*one) for one in judged)]
    )


def begun(folder: Path, settings: dict[str, object], learnt: str, encoders: Sequence[Path]) -> Work:
    """Make the folder of a run, or check that it is of one that learns the same from the same.

    Raises:
        SystemExit: It is of another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folders = (MORPHEMES, PARAPHRASES, ENCODER, *encoders)
    read_with = data.digest([one / manifest.NAME for one in folders])
    facts = {"data": learnt, "read_with": read_with, "korean": KOREAN_VERSION, "format": FORMAT}
    about, found = folder / "about.json", json.dumps(facts | {"settings": settings}, indent=1)
    if about.exists() and about.read_text("utf-8") != found:
        raise SystemExit(f"{folder} is of a run with other data, settings or versions: give another --work")
    about.write_text(found, "utf-8")
    return Work(folder)


def unseen(folders: Sequence[Path]) -> Callable[[str], SentenceEncoder]:
    """For a group of articles the sentence encoder of ``folders`` that learnt from none of them.

    Raises:
        SystemExit: There is not one for every fold.
    """
    encoders = {manifest.read(folder)["fold"]: SentenceEncoder.load(folder) for folder in folders}
    if set(encoders) != set(range(FOLDS)):
        raise SystemExit(f"--encoders: of folds {sorted(map(str, encoders))}, not of all {FOLDS}")
    return lambda group: encoders[fold_of(group, FOLDS)]


def taught(
    folder: Path,
    examples: Callable[[], list[data.Example]],
    settings: dict[str, object],
    encoder: Callable[[str], SentenceEncoder],
    work: Work,
) -> Steps:
    """The steps, learnt from ``examples``; networks begin from made questions on the texts in ``folder``."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # beside what comes next
        start = None if work.start.exists() else pool.submit(pretrain, folder, settings, work.start)
        if not work.cases.exists():
            found = cases(examples())
            say(f"{len(found)} examples")
            prepare(found, settings, encoder, work, say)
        if start is not None:
            start.result()
    return train(work, settings, say)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--own", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--work", type=Path)
    arguments.add_argument("--encoders", type=Path, help="what `recipes.encoder --folds` made")
    arguments.add_argument("--judges", action="store_true")
    arguments.add_argument("--measure", action="store_true")
    arguments.add_argument("--trial", action="store_true")
    options = arguments.parse_args()
    settings = tomllib.loads(Path(__file__).with_name("settings.toml").read_text("utf-8"))
    most = 5 if options.trial else None
    if options.trial:
        settings |= {
            "made_paragraphs": 40,
            "made_ranked": 60,
            "network": {**settings["network"], "epochs": 1},
        }
    korquad, own = options.data / KORQUAD, sorted(options.own.glob("*.jsonl"))
    if not any(data.for_judges(path) for path in own):
        arguments.error(f"{options.own}: no article of part judge")
    encoders = sorted(options.encoders.glob("encoder-*")) if options.encoders else []
    if options.measure or options.judges:
        models = read(options.out)
        steps = models.steps
    elif not encoders:
        arguments.error("--encoders: no encoder there")
    else:
        with TemporaryDirectory() as folder:
            learnt = data.digest([korquad, *own, *made.sources(options.data)])
            work = begun(options.work or Path(folder), settings, learnt, encoders)
            steps = taught(
                options.data,
                lambda: training(korquad, own, settings, most),
                settings,
                unseen(encoders),
                work,
            )
    if not options.measure:
        share = float(str(settings["alone_share"]))
        models = Models(steps, *train_judges(judged(own, steps, share, most), settings))
        learnt = data.digest([korquad, *own])
        known = manifest.read(options.out)["training_data_sha256"] if options.judges else learnt
        write(options.out, models, {"training_data_sha256": known, "judges_data_sha256": learnt}, settings)
        say("trained")
    print(report_all(held_out(korquad, own, most), models), flush=True)


def write(folder: Path, models: Models, sources: Mapping[str, Json], settings: dict[str, object]) -> None:
    """Weights, then the manifest, which names their ``sources``."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("network-*.npz"):
        old.unlink()
    for name in STEPS:
        (folder / f"{name}.txt").write_text(getattr(models.steps, name).model_to_string(), "utf-8")
    for name in JUDGES:
        (folder / f"{name}.txt").write_text(getattr(models, name).model_to_string(), "utf-8")
    for number, network in enumerate(models.steps.networks):
        rounded = {name: value.astype(np.float16) for name, value in network.arrays.items()}
        np.savez(folder / f"network-{number}.npz", **rounded)
    facts = {"span_below": settings["span_below"], "korean": KOREAN_VERSION, **sources}
    manifest.write(folder, KIND, FORMAT, facts)  # type: ignore[arg-type]


def read(folder: Path) -> Models:
    """What :func:`write` wrote."""
    trees = {name: lgb.Booster(model_file=str(folder / f"{name}.txt")) for name in (*STEPS, *JUDGES)}
    networks = [Network.load(path) for path in sorted(folder.glob("network-*.npz"))]
    steps = Steps(trees["sentence"], networks, trees["span"], trees["final"])
    return Models(steps, trees["holds"], trees["exact"])


if __name__ == "__main__":
    main()
