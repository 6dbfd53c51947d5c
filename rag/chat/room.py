"""All that the server keeps for its visitors, in one place: parts, documents, history, desk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from rag.chat.desk import Asking, Desk, Words
from rag.chat.exchange import Ending, Exchange
from rag.chat.history import History, Shelf, Turn
from rag.chat.library import Library
from rag.chat.parts import Parts
from rag.chat.session import Preference, Tab
from rag.chat.suggestion import Suggestions
from rag.config import ChatSettings, Settings
from rag.types import Turn as Said

#: Earlier turns that a follow-up may refer to.
_REMEMBERED = 8
#: SQLite file inside the data folder.
HISTORY = "history.sqlite"
#: Folder of uploaded files inside the data folder.
UPLOADS = "uploads"


class Room:
    """One server's shared state.

    Args:
        settings: Of the assistant.
        limits: Of the page.
        index: Index folder; may be empty yet.
        data: Folder of the history; made if missing.
        fixed_reader: Visitors may not choose a model.
    """

    def __init__(
        self,
        settings: Settings,
        limits: ChatSettings,
        index: Path,
        data: Path,
        *,
        fixed_reader: bool = False,
    ) -> None:
        self.limits = limits
        self.parts = Parts(settings, index, fixed_reader=fixed_reader)
        self.library = Library(self.parts, limits, data / UPLOADS)
        self.history = History(data / HISTORY)
        self.suggestions = Suggestions(self.parts)
        self.desk = Desk(self.parts, self.suggestions, limits.answers_at_once)
        self._stops: dict[str, Event] = {}

    def preference(self, shelf: Shelf) -> Preference:
        """A visitor's settings; the server's where there are none, or where the model is fixed."""
        kept = Preference.from_json(shelf.preference(), self.parts.choice)
        if self.parts.fixed_reader:
            return replace(kept, choice=replace(kept.choice, reader=self.parts.settings.reader))
        return kept

    def stop(self, session: str) -> None:
        """End the answer that a tab is waiting for, where it is."""
        if session in self._stops:
            self._stops[session].set()

    def turns(self, shelf: Shelf, tab: Tab) -> list[Turn]:
        """The open conversation."""
        return shelf.turns(tab.conversation) if tab.conversation else []

    def ask(self, question: str, tab: Tab, shelf: Shelf, session: str) -> Iterator[Words | Tab]:
        """Answer and store one question.

        Yields:
            Words as they come, then the tab with its conversation, in which the turn is stored.
        """
        earlier = self.turns(shelf, tab)
        for event in self._answered(question, earlier, tab, session):
            if isinstance(event, Exchange):
                conversation = tab.conversation or shelf.begin(question)
                shelf.append(conversation, event)
                yield replace(tab, conversation=conversation)
            else:
                yield event

    def again(self, turn: Turn, tab: Tab, shelf: Shelf, session: str) -> Iterator[Words | Tab]:
        """Answer a stored question anew, with what was said before it, in its place."""
        earlier = [one for one in self.turns(shelf, tab) if one.id < turn.id]
        for event in self._answered(turn.exchange.asked, earlier, tab, session):
            if isinstance(event, Exchange):
                shelf.replace(turn.id, event)
                yield tab
            else:
                yield event

    def _answered(
        self, question: str, earlier: Sequence[Turn], tab: Tab, session: str
    ) -> Iterator[Words | Exchange]:
        asking = Asking(question, said(earlier), tab.preference.choice, tab.document_ids)
        self._stops[session] = asking.stop
        try:
            yield from self.desk.answer(asking)
        finally:
            if self._stops.get(session) is asking.stop:
                del self._stops[session]

    def close(self) -> None:
        """Finish indexing that was begun."""
        self.library.close()


def said(turns: Sequence[Turn]) -> tuple[Said, ...]:
    """Earlier turns as the assistant takes them, completed questions instead of follow-ups."""
    told = [turn.exchange for turn in turns if turn.exchange.ending in {Ending.ANSWERED, Ending.REFUSED}]
    return tuple(Said(one.complete or one.asked, one.text) for one in told[-_REMEMBERED:])
