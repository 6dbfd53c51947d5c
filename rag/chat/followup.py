"""Where a follow-up becomes a question that stands alone; the page calls nothing else for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag.types import Turn

#: A question and the earlier turns, oldest first, to the question that is searched for and shown.
StandAlone = Callable[[str, Sequence[Turn]], str]


def stand_alone(question: str, history: Sequence[Turn]) -> str:  # what StandAlone asks for
    """The question as it is: nothing is carried over."""
    return question
