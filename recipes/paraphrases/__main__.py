"""Groups of phrases that mean the same, from our own word lists to the words that reading matches.

    python -m recipes.paraphrases --out rag/weights/paraphrases

A line of a list in ``same/`` is a group, its phrases divided by " / "; verbs in their dictionary form. In
``kinds/`` the first phrase stands for each of the others, and these not for one another. A line in
``unlike/`` names things that are not each other, divided by " | ": no group holds two of them. Phrases are
kept as the content morphemes that Kiwi finds in them; those that say too little alone are left out.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from rag import manifest
from rag.evidence.lexicon import QUESTION_STOP
from rag.evidence.paraphrase import FILES, KIND, Phrase, carries, phrase, written
from rag.korean import KOREAN_VERSION, Analysis, analyse_many

#: A phrase with more senses than this says too little.
MOST_SENSES = 6
#: Words of a phrase.
MOST_WORDS = 5

#: Phrases that mean the same; what all others are a kind of, and these; things that are not each other.
SAME = Path(__file__).with_name("same")
KINDS = Path(__file__).with_name("kinds")
UNLIKE = Path(__file__).with_name("unlike")

#: Where an item stands when it is analysed: a verb, its stem. Alone, Kiwi takes "막다." for two adverbs,
#: "단가." for three words, and "PDF." for one.
VERB = ("사람들이 ", "고 있다.")
OTHER = ("그 ", "의 내용이다.")
ALONE = ("", ".")

Group = list[Phrase]
#: What a phrase names in lists of things that are not each other: number of the list, and of the thing in it.
Things = dict[Phrase, set[tuple[int, int]]]


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


def compiled(lists: list[list[str]], named: Things) -> list[Group]:
    """Groups of at least two different phrases, as words, none the opposite of one before it."""
    fit = [list(dict.fromkeys(one for item in group for one in item)) for group in _phrases(lists)]
    known = senses(fit)
    clear = [[one for one in group if known[one] <= MOST_SENSES] for group in fit]
    made = [_agreeing(group, named) for group in clear]
    return [group for group in made if len(group) > 1]


def paired(lists: list[list[str]], named: Things) -> list[Group]:
    """The first phrase of each list with each other one: what is asked for by its kind ("학자", "교수")."""
    pairs = [
        list(dict.fromkeys([*group[0], *item])) for group in _phrases(lists) if group for item in group[1:]
    ]
    return [pair for pair in pairs if len(pair) > 1 and _agreeing(pair, named) == pair]


def apart(lists: list[list[str]]) -> Things:
    """Of every phrase that is not the others of its list: the list, and which of its things it names."""
    things = [[item.split(" / ") for item in line] for line in lists]
    named = iter(_phrases([item for line in things for item in line]))
    found: Things = {}
    for number, line in enumerate(things):
        for place, _ in enumerate(line):
            for item in next(named):
                for one in item:
                    found.setdefault(one, set()).add((number, place))
    return found


def _agreeing(group: Group, named: Things) -> Group:
    """The phrases of a group without those that name another thing than one before them."""
    kept: Group = []
    taken: dict[int, int] = {}
    for one in group:
        things = dict(named.get(one, ()))
        if all(taken.get(number, place) == place for number, place in things.items()):
            kept.append(one)
            taken |= things
    return kept


def _phrases(lists: list[list[str]]) -> list[list[Group]]:
    """The items of each list as words, each in one way or two, without those that are question words only."""
    written = [one for group in lists for one in group]
    verbs = _analysed([one[:-1] if one.endswith("다") else "" for one in written], VERB)
    found = zip(verbs, _analysed(written, OTHER), _analysed(written, ALONE), strict=True)
    words = iter(
        [_ways(verb if verb and _ends_in_verb(verb) else other, alone) for verb, other, alone in found]
    )
    items = [[next(words) for _ in group] for group in lists]
    fit = [[[one for one in item if _fits(one)] for item in group] for group in items]
    return [[item for item in group if item] for group in fit]


def _fits(one: Phrase) -> bool:
    return 0 < len(one) <= MOST_WORDS and not QUESTION_STOP.issuperset(one)


def _ends_in_verb(analysis: Analysis) -> bool:
    return analysis.morphemes[-1].tag.startswith(("V", "XSV", "XSA"))


def _analysed(written: list[str], frame: tuple[str, str]) -> list[Analysis | None]:
    """The morphemes of each item in its frame; None where its beginning is no word: it is not understood."""
    before, after = frame
    found: list[Analysis | None] = []
    for one, analysis in zip(
        written, analyse_many([f"{before}{one}{after}" for one in written]), strict=True
    ):
        start, end = len(before), len(before) + len(one)
        own = tuple(m for m in analysis.morphemes if start <= m.start < end)
        good = own and carries(own[0]) and own[0].start == start and own[-1].end <= end
        found.append(replace(analysis, morphemes=own) if good else None)
    return found


def _ways(inside: Analysis | None, alone: Analysis | None) -> Group:
    """How an item may be cut in a text: as in its frame, and as alone where that covers the same letters."""
    if inside is None:
        return (
            [phrase(alone)] if alone is not None and not any(m.tag == "IC" for m in alone.morphemes) else []
        )
    if alone is None or _covered(inside) != _covered(alone):
        return [phrase(inside)]
    return list(dict.fromkeys([phrase(inside), phrase(alone)]))


def _covered(analysis: Analysis) -> int:
    """How many letters lie before what follows the last word, 하다 or 되다 at its end counted in."""
    first = last = analysis.morphemes[0].start
    for m in analysis.morphemes:
        if carries(m) or (m.tag in ("XSV", "XSA") and m.start == last):
            last = m.end
    return last - first


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()
    lists, kinds = listed(SAME), listed(KINDS)
    named = apart(listed(UNLIKE, " | "))
    made = compiled(lists, named) + paired(kinds, named)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, lines in zip(FILES, written(made), strict=True):
        (options.out / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    manifest.write(options.out, KIND, 1, {"korean": KOREAN_VERSION})
    print(f"{len(lists) + len(kinds)} groups written, {len(made)} kept, {sum(map(len, made))} phrases")


if __name__ == "__main__":
    main()
