"""Follow-up questions: which are completed rightly, and do they then find and give the right answer?

A dialogue is a list of turns; every turn after the first leaves something out. Gold is what the
stand-alone question must mean: terms that it must carry and terms that it must not, and the document
and words that answer it. Turns before are given with their gold answers, so that one wrong answer does
not spoil the turns after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval import jsonl
from eval.stats import Estimate, Term, estimate
from rag import Assistant, Outcome, Turn
from rag.errors import UsageError
from rag.text import normalise

FIRST = "first"
SPLITS = ("dev", "test")
#: Passages among which the answer must be found.
FOUND_WITHIN = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One question of a dialogue and its gold.

    Attributes:
        question: As asked.
        kind: ``first``, ``attribute``, ``ellipsis``, ``pronoun``, ``contrast``, ``switch``, ``shift`` or
            ``question_word``.
        document: Id of the document that answers.
        carry: Terms that the stand-alone question must hold, without spaces.
        avoid: Terms that it must not hold.
        answers: Right answers, verbatim in the document.
    """

    question: str
    kind: str
    document: str
    carry: tuple[str, ...]
    avoid: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Turns of one conversation, and whether it may be looked at for tuning (``dev``) or not (``test``)."""

    id: str
    split: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One follow-up, judged.

    Attributes:
        dialogue: Its dialogue.
        step: Gold.
        standalone: The question that was made of it.
        completed: All terms to carry are there and none to avoid.
        found: The answer stands in a passage of the right document among the first passages.
        found_raw: The same for the question as asked, without the conversation.
        answered: The assistant's answer holds a right answer.
    """

    dialogue: Dialogue
    step: Step
    standalone: str
    completed: bool
    found: bool
    found_raw: bool
    answered: bool


def load_dialogues(path: Path) -> tuple[Dialogue, ...]:
    """The set at ``path``.

    Raises:
        UsageError: No such file, or a line that is no dialogue.
    """
    return tuple(_dialogue(record, number, path) for number, record in jsonl.read(path))


def _dialogue(record: Mapping[str, object], number: int, path: Path) -> Dialogue:
    try:
        turns = record["turns"]
        if not isinstance(turns, list) or len(turns) < 2 or record["split"] not in SPLITS:
            raise ValueError("no dialogue")
        return Dialogue(str(record["id"]), str(record["split"]), tuple(map(_step, turns)))
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            f"{path}의 {number}번째 줄은 대화가 아닙니다.", "eval/dialogue.py의 형식을 확인해 주세요."
        ) from None


def _step(turn: Mapping[str, object]) -> Step:
    def terms(name: str) -> tuple[str, ...]:
        value = turn[name]
        if not isinstance(value, list):
            raise TypeError(name)
        return tuple(normalise(str(item)) for item in value)

    question, kind, document = (str(turn[name]) for name in ("question", "kind", "document"))
    return Step(question, kind, document, terms("carry"), terms("avoid"), terms("answers"))


def _flat(text: str) -> str:
    return "".join(text.split()).lower()


def is_completed(standalone: str, step: Step) -> bool:
    """Whether a stand-alone question means what it must; ``a/b`` in a term means either."""
    flat = _flat(standalone)
    carried = all(any(_flat(way) in flat for way in term.split("/")) for term in step.carry)
    return carried and not any(_flat(term) in flat for term in step.avoid)


def _holds(text: str, step: Step) -> bool:
    return any(_flat(answer) in _flat(text) for answer in step.answers)


def _found(assistant: Assistant, question: str, step: Step) -> bool:
    hits = assistant.find(question, FOUND_WITHIN)
    return any(h.passage.document_id == step.document and _holds(h.passage.text, step) for h in hits)


def judge(assistant: Assistant, dialogues: Iterable[Dialogue]) -> tuple[Judged, ...]:
    """Every follow-up of the dialogues, in order."""
    made: list[Judged] = []
    for dialogue in dialogues:
        history: list[Turn] = []
        for step in dialogue.steps:
            if step.kind != FIRST:
                made.append(_judged(assistant, dialogue, step, history))
            history.append(Turn(step.question, f"{step.answers[0]}입니다. [1]"))
    return tuple(made)


def _judged(assistant: Assistant, dialogue: Dialogue, step: Step, history: Sequence[Turn]) -> Judged:
    standalone = assistant.standalone(step.question, history)
    answer = assistant.ask(step.question, history)
    right = answer.outcome is Outcome.ANSWERED and _holds(answer.short_answer or answer.text, step)
    return Judged(
        dialogue=dialogue,
        step=step,
        standalone=standalone,
        completed=is_completed(standalone, step),
        found=_found(assistant, standalone, step),
        found_raw=_found(assistant, step.question, step),
        answered=right,
    )


def _share(judged: Sequence[Judged], name: str) -> Estimate | None:
    return estimate([Term(float(getattr(one, name)), 1.0, one.dialogue.id) for one in judged])


def to_markdown(judged: Sequence[Judged]) -> str:
    """A table by kind, all kinds last: shares with their 95 % interval over dialogues."""
    lines = [
        f"| 종류 | n | 바르게 완성 | 구절@{FOUND_WITHIN} | 구절@{FOUND_WITHIN}(완성 없이) | 맞은 답 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind in [*sorted({one.step.kind for one in judged}), ""]:
        group = [one for one in judged if kind in {"", one.step.kind}]
        cells = [_cell(_share(group, name)) for name in ("completed", "found", "found_raw", "answered")]
        lines.append(f"| {kind or '모두'} | {len(group)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(share: Estimate | None) -> str:
    return "–" if share is None else f"{share.value:.3f} ({share.low:.2f}–{share.high:.2f})"


def mistakes(judged: Iterable[Judged]) -> list[str]:
    """One line for each follow-up that was completed wrongly."""
    wrong = (one for one in judged if not one.completed)
    return [f"{one.dialogue.id} {one.step.kind}: {one.step.question} → {one.standalone}" for one in wrong]
