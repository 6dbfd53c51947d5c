"""First step of the recipe: vocabulary, first vectors and lessons, written once to the work folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.llm.morpheme import Layout, Vocabulary
from recipes.llm import lesson, vocabulary
from recipes.reader import data

KORQUAD = "korquad/korquad_1.0_dev_100_articles.json"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where data lies: other people's, and our own questions; ``most`` articles and paragraphs of each."""

    folder: Path
    own: tuple[Path, ...]
    most: int | None

    @property
    def korquad(self) -> Path:
        return self.folder / KORQUAD


def prepare(
    work: Path, sources: Sources, settings: dict[str, dict[str, int]], say: Callable[[str], None]
) -> None:
    """Write ``tokens.json``, ``vectors.npy`` and ``lessons.npz``; those that are there are kept."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "vectors.npy").is_file():
        tokens, rows = vocabulary.choose(_texts(sources), **settings["vocabulary"])
        say(f"{len(tokens)} tokens, {(rows >= 0).sum()} with a vector")
        np.save(work / "vectors.npy", vocabulary.first_vectors(rows))
        (work / "tokens.json").write_text(json.dumps(tokens, ensure_ascii=False), "utf-8")
    if not (work / "lessons.npz").is_file():
        chosen = settings["data"] if sources.most is None else settings["data"] | {"made_paragraphs": 16}
        found = lesson.lessons(
            sources.folder,
            sources.korquad,
            sources.own,
            read_vocabulary(work),
            Layout(**settings["layout"]),
            chosen,
            int(settings["seed"]),  # type: ignore[call-overload]
            sources.most,
        )
        say(f"lessons: {lesson.save(work / 'lessons.npz', found, 0)}")


def _texts(sources: Sources) -> list[str]:
    """Plain texts, and the training articles themselves."""
    articles = list(data.korquad(sources.korquad)[0])
    for path in sources.own:
        articles += data.own(path)[0]
    texts = list({article.document.text: None for article in articles})
    texts += [asked.question for article in articles for asked in article.asked]
    plain = list(vocabulary.plain(sources.folder))
    return (plain + texts)[: None if sources.most is None else 200]


def read_vocabulary(work: Path) -> Vocabulary:
    return Vocabulary(json.loads((work / "tokens.json").read_text("utf-8")))
