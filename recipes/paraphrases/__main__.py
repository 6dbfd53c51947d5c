"""Groups of phrases that mean the same, from our own word lists to the words that reading matches.

    python -m recipes.paraphrases --out rag/weights/paraphrases

A line of a list in ``same/`` is a group, its phrases divided by " / "; verbs in their dictionary form. In
``kinds/`` the first phrase stands for each of the others, and these not for one another. A line in
``unlike/`` names things that are not each other, divided by " | ": no group holds two of them. Phrases are
kept as the content morphemes that Kiwi finds in them; those that say too little alone are left out.
"""

import argparse
from pathlib import Path

from rag import manifest
from rag.evidence.lexicon import QUESTION_STOP
from rag.evidence.paraphrase import FILES, KIND, Phrase, carries, phrase, written
from rag.korean import KOREAN_VERSION, Analysis, analyse, analyse_many
from rag.vector import has_vector

#: A phrase with more senses than this says too little.
MOST_SENSES = 6
#: Words of a phrase.
MOST_WORDS = 5

#: Phrases that mean the same; what all others are a kind of, and these; things that are not each other.
SAME = Path(__file__).with_name("same")
KINDS = Path(__file__).with_name("kinds")
UNLIKE = Path(__file__).with_name("unlike")

Group = list[Phrase]


def listed(folder: Path, divider: str = " / ") -> list[list[str]]:
    """What is written in a folder's lists, a list a line."""
    paths = sorted(folder.glob("*.txt"))
    lines = [line for path in paths for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [[one.strip() for one in line.split(divider) if one.strip()] for line in lines]


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


def compiled(lists: list[list[str]], unlike: list[list[str]]) -> list[Group]:
    """Groups of at least two different phrases, as words, none the opposite of one before it."""
    fit = _phrases(lists)
    known = senses(fit)
    clear = [[one for one in group if known[one] <= MOST_SENSES] for group in fit]
    apart = _apart(unlike)
    made = [_agreeing(group, apart) for group in clear]
    return [group for group in made if len(group) > 1]


def paired(lists: list[list[str]]) -> list[Group]:
    """The first phrase of each list with each other one: what is asked for by its kind ("학자", "교수")."""
    return [[group[0], one] for group in _phrases(lists) for one in group[1:]]


def _apart(lists: list[list[str]]) -> dict[Phrase, set[tuple[int, int]]]:
    """Of every phrase that is not the others of its list: the list, and which of its things it names."""
    things = [[item.split(" / ") for item in line] for line in lists]
    named = iter(_phrases([item for line in things for item in line]))
    found: dict[Phrase, set[tuple[int, int]]] = {}
    for number, line in enumerate(things):
        for place, _ in enumerate(line):
            for one in next(named):
                found.setdefault(one, set()).add((number, place))
    return found


def _agreeing(group: Group, apart: dict[Phrase, set[tuple[int, int]]]) -> Group:
    """The phrases of a group without those that name another thing than one before them."""
    kept: Group = []
    taken: dict[int, int] = {}
    for one in group:
        things = dict(apart.get(one, ()))
        if all(taken.get(number, place) == place for number, place in things.items()):
            kept.append(one)
            taken |= things
    return kept


def _phrases(lists: list[list[str]]) -> list[Group]:
    """Different phrases of each list, as words, without those that are question words only."""
    written = [one for group in lists for one in group]
    analysed = analyse_many([f"{one}." for one in written])
    words = iter([_words(one, found) for one, found in zip(written, analysed, strict=True)])
    groups = [list(dict.fromkeys(next(words) for _ in group)) for group in lists]
    return [
        [one for one in group if 0 < len(one) <= MOST_WORDS and not QUESTION_STOP.issuperset(one)]
        for group in groups
    ]


def _words(written: str, analysis: Analysis) -> Phrase:
    """Words of a phrase; a verb whose dictionary form Kiwi takes for a noun is analysed in another form."""
    content = [m for m in analysis.morphemes if carries(m)]
    if not written.endswith("다") or not content or any(m.tag == "EF" for m in analysis.morphemes):
        return phrase(analysis)
    if content[-1].tag == "NNG" and has_vector(content[-1].id):  # 바다
        return phrase(analysis)
    going = analyse(f"{written[:-1]}고 있다.")
    verbs = [m for m in going.morphemes if carries(m)]
    return phrase(going) if verbs and verbs[-1].tag.startswith("V") else ()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()
    lists, kinds = listed(SAME), listed(KINDS)
    made = compiled(lists, listed(UNLIKE, " | ")) + paired(kinds)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, lines in zip(FILES, written(made), strict=True):
        (options.out / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    manifest.write(options.out, KIND, 1, {"korean": KOREAN_VERSION})
    print(f"{len(lists) + len(kinds)} groups written, {len(made)} kept, {sum(map(len, made))} phrases")


if __name__ == "__main__":
    main()
