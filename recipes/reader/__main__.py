"""Train the span reader from questions and write its weights.

python -m recipes.reader --korquad FILE --own FILE [FILE …] --out rag/weights/reader
"""

from __future__ import annotations

import argparse
import random
import time
import tomllib
from pathlib import Path

from rag import manifest
from rag.extract import KIND
from rag.korean import KOREAN_VERSION
from recipes.reader import data, report
from recipes.reader.train import Case, Models, cases, read_all, train

STARTED = time.time()


def say(text: str) -> None:
    print(f"[{time.time() - STARTED:5.0f} s] {text}", flush=True)


def training(korquad: Path, own: list[Path], settings: dict[str, object]) -> list[data.Example]:
    chance = random.Random(int(str(settings["seed"])))
    share, bereft = float(str(settings["oracle_share"])), float(str(settings["bereft_share"]))
    articles, _ = data.korquad(korquad)
    whole, found = (
        [e for a in articles for e in data.oracle(a)],
        list(data.retrieved(articles)),
    )
    picks = [chance.random() < share for _ in whole]
    by_question = {(e.document_id, e.question): e for e in found}
    examples = [
        e if pick else by_question[e.document_id, e.question] for e, pick in zip(whole, picks, strict=True)
    ]
    examples += list(data.bereft(articles, bereft))
    for path in own:
        mine, _ = data.own(path)
        examples += list(data.retrieved(mine)) + list(data.bereft(mine, bereft, seed=1))
        examples += [e for a in mine for e in data.oracle(a)]
    return examples


def held_out(korquad: Path, own: list[Path]) -> dict[str, list[Case]]:
    _, articles = data.korquad(korquad)
    sets = {
        "korquad oracle": cases([e for a in articles for e in data.oracle(a)]),
        "korquad retrieved": cases(list(data.retrieved(articles)) + list(data.bereft(articles, 0.3))),
    }
    for path in own:
        _, mine = data.own(path)
        sets[f"{path.stem} oracle"] = cases([e for a in mine for e in data.oracle(a)])
        sets[f"{path.stem} retrieved"] = cases(list(data.retrieved(mine)))
    return sets


def report_all(sets: dict[str, list[Case]], models: Models) -> str:
    lines = []
    for name, found in sets.items():
        read_all(found, models)
        lines.append(report.spans(name, found))
        if name.endswith("retrieved"):
            table = report.judged(found, models)
            lines.append(report.refusal(f"  refusal, {name}", table))
            lines += [f"  {t} " + report.answers(name, table, t) for t in (0.3, 0.5, 0.7, 0.8)]
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--korquad", type=Path, required=True)
    arguments.add_argument("--own", type=Path, nargs="+", required=True)
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()
    settings = tomllib.loads(Path(__file__).with_name("settings.toml").read_text("utf-8"))
    examples = training(options.korquad, options.own, settings)
    say(f"{len(examples)} training examples")
    found = cases(examples)
    say("sentences described")
    models = train(found, settings, say)
    say("trained")
    sets = held_out(options.korquad, options.own)
    table = report_all(sets, models)
    say(f"held-out articles\n{table}")
    write(options.out, models, settings, data.digest([options.korquad, *options.own]))
    (options.out / "report.md").write_text(f"```\n{table}\n```\n", "utf-8")


def write(folder: Path, models: Models, settings: dict[str, object], digest: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("sentence", "span", "final", "holds", "exact"):
        (folder / f"{name}.txt").write_text(getattr(models, name).model_to_string(), "utf-8")
    limits = settings["limits"]
    manifest.write(folder, KIND, 1, {**limits, "korean": KOREAN_VERSION, "training_data_sha256": digest})  # type: ignore[dict-item]


if __name__ == "__main__":
    main()
