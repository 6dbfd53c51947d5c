"""All that the server keeps for its visitors, in one place: parts, documents, history, desk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
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
#: Endings that say something about the documents.
_SAID = {Ending.ANSWERED, Ending.REFUSED}
#: SQLite file inside the data folder.
HISTORY = "history.sqlite"
#: Folder of uploaded files inside the data folder.
UPLOADS = "uploads"

#: Words as they come, then the tab afterwards; to be closed where the rest is not waited for.
Told = Generator[Words | Tab, None, None]


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

    def ask(self, question: str, tab: Tab, shelf: Shelf, session: str) -> Told:
        """Answer and store one question; what was told so far is stored where nobody waits for the rest.

        Yields:
            Words as they come, then the tab with its conversation, in which the turn is stored. Nothing at
            all while another question of this session is being answered.
        """

        def keep(told: Exchange) -> Tab:
            known = shelf.conversation(tab.conversation)  # another tab may have deleted it
            conversation = known.id if known is not None else shelf.begin(question)
            shelf.append(conversation, told)
            return replace(tab, conversation=conversation)

        return self._answered(question, self.turns(shelf, tab), tab, session, keep)

    def again(self, turn: Turn, tab: Tab, shelf: Shelf, session: str) -> Told:
        """Answer a stored question anew, with what was said before it, in its place.

        An answer gives way only to another one: not to a stop or a failure.
        """

        def keep(told: Exchange) -> Tab:
            if told.ending in _SAID or turn.exchange.ending not in _SAID:
                shelf.replace(turn.id, told)
            return tab

        earlier = [one for one in self.turns(shelf, tab) if one.id < turn.id]
        return self._answered(turn.exchange.asked, earlier, tab, session, keep)

    def _answered(
        self, question: str, earlier: Sequence[Turn], tab: Tab, session: str, keep: Callable[[Exchange], Tab]
    ) -> Told:
        asking = Asking(question, said(earlier), tab.preference.choice, tab.document_ids)
        if self._stops.setdefault(session, asking.stop) is not asking.stop:
            return  # pressed twice, meant once
        told = Exchange(question, Ending.STOPPED, "")
        try:
            yield Words("")
            for event in self.desk.answer(asking):
                if isinstance(event, Exchange):
                    told = event
                else:
                    told = replace(told, text=event.text, complete=event.complete)
                    yield event
        finally:  # also when the page was closed meanwhile
            del self._stops[session]
            kept = keep(told)
        yield kept

    def close(self) -> None:
        """Finish indexing that was begun."""
        self.library.close()


def said(turns: Sequence[Turn]) -> tuple[Said, ...]:
    """Earlier turns as the assistant takes them, completed questions instead of follow-ups."""
    told = [turn.exchange for turn in turns if turn.exchange.ending in _SAID]
    return tuple(Said(one.complete or one.asked, one.text) for one in told[-_REMEMBERED:])
