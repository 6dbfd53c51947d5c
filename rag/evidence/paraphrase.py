"""Ways to say one thing: a question's words matched with a text's that mean the same.

Kiwi's vectors know which words go together, but 착공 and 완공 go together as well as 완공 and 준공 do; and a
phrase ("다 지어지다") has no vector. The groups say which are the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from rag.korean import Analysis, Morpheme
from rag.manifest import verify_model

KIND = "paraphrases"
FOLDER = Path(__file__).parents[1] / "weights" / "paraphrases"
FILES = ("groups.txt", "phrases.txt")
#: Words that may stand between two words of a phrase ("공사가 *모두* 끝나는").
GAP = 1

#: Auxiliary verbs that turn a phrase into its opposite: they are words of it, as prefixes (재작년,
#: 저소득) and suffixes (합격률, 분양가) are but for those that leave a word what it is.
_DENIES = frozenset("않 못하 말 아니하".split())
_ADDS_NOTHING = frozenset("제 들 님 적 째 씩 쯤 간 당 상 끼리 짜리 화 별 성".split())
#: What sorts before all that follows a phrase's first word, and after it.
_AFTER = ("\t", "!")
#: Words of a phrase: forms of its content morphemes.
Phrase = tuple[str, ...]
#: Phrases by their first word, each with the number of its group.
Sought = Mapping[str, Sequence[tuple[Phrase, int]]]
#: Rows of the morphemes that make up one phrase where it was found.
Rows = tuple[int, ...]


def carries(morpheme: Morpheme) -> bool:
    """Whether a morpheme is a word of a phrase: content, or what makes another thing of it; no copula."""
    if morpheme.tag.startswith("VX"):
        return morpheme.form in _DENIES
    if morpheme.tag in ("XPN", "XSN"):
        return morpheme.form not in _ADDS_NOTHING
    return morpheme.is_content and morpheme.tag != "VCP"


def word(morpheme: Morpheme) -> str:
    """A word of a phrase; affixes are none of the words that are written like them ("비-", "-률")."""
    if morpheme.tag == "XPN":
        return f"{morpheme.form}-"
    return f"-{morpheme.form}" if morpheme.tag == "XSN" else morpheme.form.lower()


def phrase(analysis: Analysis) -> Phrase:
    """The words of an analysed phrase."""
    return tuple(word(m) for m in analysis.morphemes if carries(m))


def written(groups: Sequence[Sequence[Phrase]]) -> tuple[list[str], list[str]]:
    """Groups as lines of the two files: phrases of each group, and groups of each phrase, sorted."""
    of: dict[str, list[str]] = {}
    for number, group in enumerate(groups):
        for one in dict.fromkeys(group):
            of.setdefault(" ".join(one), []).append(str(number))
    return (
        ["/".join(" ".join(one) for one in group) for group in groups],
        sorted(f"{one}\t{','.join(numbers)}" for one, numbers in of.items()),
    )


class Paraphrases:
    """Groups of phrases that mean the same; a phrase may be in several.

    The lines are parsed where they are needed: all of them would take a tenth of a second.

    Args:
        groups, phrases: As :func:`written` makes them.
    """

    def __init__(self, groups: Sequence[str], phrases: Sequence[str]) -> None:
        self._groups = groups
        self._phrases = phrases

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Paraphrases:
        """The groups that ship; loaded once a process, in 0.03 s.

        Raises:
            ModelMissingError, ModelDamagedError: See :func:`rag.manifest.verify_model`.
        """
        return _loaded(folder)

    def __len__(self) -> int:
        """Number of groups."""
        return len(self._groups)

    def group(self, number: int) -> tuple[Phrase, ...]:
        """Phrases of one group."""
        return tuple(tuple(one.split(" ")) for one in self._groups[number].split("/"))

    def asked(self, question: Analysis) -> Iterator[tuple[Rows, int]]:
        """Phrases that a question says: rows of its morphemes, and number of the group."""
        forms = dict.fromkeys(word(m) for m in question.morphemes if carries(m))
        return said(question, {form: self._starting(form) for form in forms})

    def sought(self, numbers: Sequence[int]) -> Sought:
        """Phrases of these groups, to be found in texts by :func:`said`."""
        starts: dict[str, list[tuple[Phrase, int]]] = {}
        for number in dict.fromkeys(numbers):
            for one in self.group(number):
                starts.setdefault(one[0], []).append((one, number))
        return starts

    def _starting(self, form: str) -> list[tuple[Phrase, int]]:
        """Phrases whose first word is ``form``, with each group that they are in."""
        first, end = (bisect_left(self._phrases, form + after) for after in _AFTER)
        found = []
        for line in self._phrases[first:end]:
            one, _, numbers = line.partition("\t")
            found += [(tuple(one.split(" ")), int(number)) for number in numbers.split(",")]
        return found


def said(text: Analysis, sought: Sought) -> Iterator[tuple[Rows, int]]:
    """Phrases that a text says, each within a sentence: rows of its morphemes, and number of the group."""
    for first, end in text.bounds:
        words = _words(text.morphemes, first, end)
        for at, (row, form) in enumerate(words):
            if _prefixed(text.morphemes, row):  # 재작년 is not 작년
                continue
            for one, number in sought.get(form, ()):
                rows = _at(words, at, one)
                if rows and not _denied(text.morphemes, words, rows[-1]):
                    yield rows, number


def _words(morphemes: Sequence[Morpheme], first: int, end: int) -> list[tuple[int, str]]:
    """Rows and forms of words, with a gap that no phrase crosses where a full stop stands."""
    found: list[tuple[int, str]] = []
    for row in range(first, end):
        if carries(morphemes[row]):
            found.append((row, word(morphemes[row])))
        elif morphemes[row].tag == "SF":
            found += [(row, "")] * (GAP + 1)
    return found


def _prefixed(morphemes: Sequence[Morpheme], row: int) -> bool:
    """Whether a prefix that is a word of its own stands before a morpheme."""
    return row > 0 and morphemes[row - 1].tag == "XPN" and carries(morphemes[row - 1])


def _denied(morphemes: Sequence[Morpheme], words: Sequence[tuple[int, str]], last: int) -> bool:
    """Whether the word after a phrase denies it: "동의하지 않은" is not 동의."""
    after = next((row for row, _ in words if row > last), last)
    return after > last and morphemes[after].tag.startswith("VX")


def _at(words: Sequence[tuple[int, str]], at: int, one: Phrase) -> Rows | None:
    """Rows of the phrase that begins with word ``at``, or None."""
    rows = [words[at][0]]
    for form in one[1:]:
        near = range(at + 1, min(at + 2 + GAP, len(words)))
        step = next((place for place in near if words[place][1] == form), None)
        if step is None:
            return None
        rows.append(words[step][0])
        at = step
    return tuple(rows)


@lru_cache(maxsize=2)
def _loaded(folder: Path) -> Paraphrases:
    verify_model(folder, KIND)
    return Paraphrases(*((folder / name).read_text("utf-8").splitlines() for name in FILES))
