"""Groups of phrases that mean the same, from our own word lists to the words that reading matches.

    python -m recipes.paraphrases --out rag/weights/paraphrases

A line of a list in ``same/`` is a group, its phrases divided by " / "; verbs in their dictionary form. In
``kinds/`` the first phrase stands for each of the others, and these not for one another. Phrases are kept as
the content morphemes that Kiwi finds in them; those that say too little alone are left out.
"""

import argparse
from pathlib import Path

from rag import manifest
from rag.evidence.lexicon import QUESTION_STOP
from rag.evidence.paraphrase import FILES, KIND, Phrase, phrase, written
from rag.korean import KOREAN_VERSION, analyse_many

#: A phrase with more senses than this says too little.
MOST_SENSES = 6
#: Words of a phrase.
MOST_WORDS = 5

#: Lists of phrases that mean the same, and lists that begin with what all others are a kind of.
SAME = Path(__file__).with_name("same")
KINDS = Path(__file__).with_name("kinds")

Group = list[Phrase]


def listed(sources: list[Path]) -> list[list[str]]:
    """Phrases as written, a list a line."""
    lines = [line for path in sources for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [[one.strip() for one in line.split(" / ") if one.strip()] for line in lines]


def senses(groups: list[Group]) -> dict[Phrase, int]:
    """In how many senses each phrase is used: groups that share another phrase too are of one sense."""
    sets = [set(group) for group in groups]
    places: dict[Phrase, list[int]] = {}
    for number, group in enumerate(groups):
        for one in group:
            places.setdefault(one, []).append(number)
    return {one: _parts([sets[number] - {one} for number in numbers]) for one, numbers in places.items()}


def _parts(sets: list[set[Phrase]]) -> int:
    """How many parts are left when sets that share something are joined."""
    parts: list[set[Phrase]] = []
    for one in sets:
        joined = [part for part in parts if part & one]
        parts = [part for part in parts if not part & one] + [one.union(*joined)]
    return len(parts)


def compiled(lists: list[list[str]]) -> list[Group]:
    """Groups of at least two different phrases, as words."""
    fit = _phrases(lists)
    known = senses(fit)
    clear = [[one for one in group if known[one] <= MOST_SENSES] for group in fit]
    return [group for group in clear if len(group) > 1]


def paired(lists: list[list[str]]) -> list[Group]:
    """The first phrase of each list with each other one: what is asked for by its kind ("학자", "교수")."""
    return [[group[0], one] for group in _phrases(lists) for one in group[1:]]


def _phrases(lists: list[list[str]]) -> list[Group]:
    """Different phrases of each list, as words, without those that are question words only."""
    analysed = iter(analyse_many([one for group in lists for one in group]))
    groups = [list(dict.fromkeys(phrase(next(analysed).morphemes) for _ in group)) for group in lists]
    return [
        [one for one in group if len(one) <= MOST_WORDS and not QUESTION_STOP.issuperset(one)]
        for group in groups
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()
    lists = listed(sorted(SAME.glob("*.txt")))
    kinds = listed(sorted(KINDS.glob("*.txt")))
    made = compiled(lists) + paired(kinds)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, lines in zip(FILES, written(made), strict=True):
        (options.out / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    manifest.write(options.out, KIND, 1, {"korean": KOREAN_VERSION})
    print(f"{len(lists) + len(kinds)} groups written, {len(made)} kept, {sum(map(len, made))} phrases")


if __name__ == "__main__":
    main()
