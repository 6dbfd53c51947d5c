"""Follow-up questions made stand-alone, by rules on morphemes.

``standalone("그럼 면적은?", [Turn("카카오 디지털 허브 완공 시점은?", …)])`` is
"카카오 디지털 허브의 면적은?". Pure: equal arguments give equal questions. What is written here:

* A question that names its own subject stays as it is.
* Pronouns and 그/이 with a noun are replaced by the topic, or by the short answer of their kind.
* "그럼 네이버는?" puts the new name in the place of the old one; "어린이는?" is put into the question
  before; "왜?" takes the place of its question word.
* Anything else is asked of the topic.

Earlier questions are completed first, oldest first, so that a topic is carried over several turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.dialogue.lexicon import CONNECTIVES, PERSON_ATTRIBUTES
from rag.dialogue.phrase import parse
from rag.dialogue.pointing import Previous, joined, resolved, short_answer
from rag.dialogue.rule import completed, names_own_subject
from rag.dialogue.title import Titles
from rag.dialogue.topic import topic_of
from rag.text import normalise, squeeze
from rag.types import Turn

__all__ = ["Titles", "standalone"]

#: Turns that are looked back on; what was said before them is forgotten.
MAX_TURNS = 12
NO_TITLES = Titles()


def standalone(question: str, history: Sequence[Turn], titles: Titles = NO_TITLES) -> str:
    """The question as one would ask it without the conversation.

    Args:
        question: As asked; returned unchanged where it needs nothing, but for spaces.
        history: Earlier turns, oldest first, with questions as asked or already stand-alone.
        titles: Of the index, which tell names from other nouns ("수달은 …" from "어린이는 …").

    Returns:
        Natural Korean, in one line. Cost: one or two Kiwi analyses a turn.
    """
    before: Previous | None = None
    for turn in history[-MAX_TURNS:]:
        asked = _completed(squeeze(normalise(turn.question)), before, titles)
        before = _previous(asked, turn.answer, before, titles)
    return _completed(squeeze(normalise(question)), before, titles)


def _previous(asked: str, answer: str, before: Previous | None, titles: Titles) -> Previous | None:
    query = parse(asked)
    topic = topic_of(query, titles)
    if topic is None:
        return before
    known = (before.topic, *before.topics) if before else ()
    made = Previous(query, topic.text, short_answer(squeeze(normalise(answer))), known)
    person = joined(made) if made.answered("who", PERSON_ATTRIBUTES) else before.person if before else ""
    return replace(made, person=person)


def _completed(question: str, before: Previous | None, titles: Titles) -> str:
    if before is None:
        return question
    bare = CONNECTIVES.sub("", question) or question
    query = parse(bare)
    if not query.morphemes:
        return question
    if query.pointers:
        return resolved(query, before)
    if names_own_subject(query, before, titles):
        return question
    return completed(query, before, titles)
