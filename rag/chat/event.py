"""What the page does when something is pressed, typed, dropped or loaded.

Each method gives updates of widgets, or a stream of them; none keeps anything between calls.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import gradio as gr

from rag.chat import panel, source, view
from rag.chat.gate import VISITOR
from rag.chat.history import Shelf
from rag.chat.icon import icon
from rag.chat.library import Job
from rag.chat.markup import safe
from rag.chat.parts import Choice
from rag.chat.room import Room, Told
from rag.chat.session import Tab
from rag.chat.widget import Widgets, relabelled
from rag.chat.words import Words, words
from rag.errors import GeungeoError
from rag.load import LOADERS

logger = logging.getLogger(__name__)

Updates = dict[object, object]
Press = Mapping[str, str]

_EXAMPLES = 4
_POLL_S = 0.25


def session(request: gr.Request) -> str:
    """Names the tab."""
    return str(request.session_hash)


class Events:
    """All events of the page.

    Args:
        room: Shared state.
        widgets: What is updated.
    """

    def __init__(self, room: Room, widgets: Widgets) -> None:
        self._room = room
        self._w = widgets

    def _shelf(self, request: gr.Request) -> Shelf:
        return self._room.history.of(request.cookies.get(VISITOR) or session(request))

    def _at(self, tab: Tab | None, request: gr.Request) -> Tab:
        """The tab; begun anew where a restart of the server made it forget an open page."""
        return tab or Tab(self._room.preference(self._shelf(request)))

    # --- what the regions show ------------------------------------------------------------------------

    def _talk(self, tab: Tab, shelf: Shelf) -> Updates:
        """The conversation, the list of all, and the state of the index."""
        say = words(tab.preference.language)
        turns = self._room.turns(shelf, tab)
        shown = view.log(turns, say) if turns else self._welcome(say)
        return {self._w.tab: tab, self._w.log: shown, self._w.live: ""} | self._around(tab, shelf)

    def _welcome(self, say: Words) -> str:
        empty = self._room.parts.index is None
        return view.welcome(self._room.suggestions.first(_EXAMPLES), say, empty=empty)

    def _around(self, tab: Tab, shelf: Shelf) -> Updates:
        say = words(tab.preference.language)
        found = shelf.conversations(tab.looked_for)
        listed = panel.conversations(found, tab.conversation, say, searched=bool(tab.looked_for.strip()))
        return {self._w.past: listed, self._w.top: self._top(tab), self._w.scope: self._scope(tab)}

    def _top(self, tab: Tab) -> str:
        say = words(tab.preference.language)
        library = self._room.library
        state = panel.state(len(library.documents()), library.passage_count, library.current, say)
        return panel.top(state, tab.preference.theme, tab.conversation, say)

    def _scope(self, tab: Tab) -> str:
        named = {one.id: one.title for one in self._room.library.documents()}
        titles = [named.get(name, name) for name in tab.document_ids]
        return panel.scope(titles, words(tab.preference.language))

    def _documents(self, tab: Tab) -> Updates:
        found = self._room.library.documents(tab.documents_for)
        listed = panel.documents(found, tab.document_ids, words(tab.preference.language))
        return {self._w.documents: listed, self._w.scope: self._scope(tab), self._w.top: self._top(tab)}

    def _frame(self, tab: Tab) -> Updates:
        """Everything that depends on language and settings only."""
        say = words(tab.preference.language)
        suffixes = " ".join(sorted(name.lstrip(".") for name in LOADERS))
        kinds = say("upload_hint", suffixes=suffixes, size=self._room.limits.max_upload_bytes // 2**20)
        told = relabelled(self._w, say, tab.preference, fixed_reader=self._room.parts.fixed_reader)
        return told | {
            self._w.brand: panel.brand(say),
            self._w.source: source.hint(say),
            self._w.library_head: panel.head(say("documents"), say),
            self._w.upload_hint: f'<p class="hint">{safe(kinds)}</p>',
            self._w.job: "",
            self._w.settings_head: panel.head(say("settings"), say),
            self._w.applied: "",
            self._w.opinions: panel.opinions(say),
        }

    # --- events ---------------------------------------------------------------------------------------

    def load(self, conversation: str, request: gr.Request) -> Updates:
        """A tab opens, or is loaded again with the conversation that it had open."""
        shelf = self._shelf(request)
        preference = self._room.preference(shelf)
        number = _number({"id": conversation or ""}, "id")
        tab = Tab(preference, conversation=number if shelf.conversation(number) else 0)
        return self._frame(tab) | self._talk(tab, shelf) | self._documents(tab)

    def ask(self, question: str, tab: Tab | None, request: gr.Request) -> Iterator[Updates]:
        """The question box was sent."""
        if question.strip():
            shelf, tab = self._shelf(request), self._at(tab, request)
            answered = self._room.ask(question, tab, shelf, session(request))
            yield from self._streamed(question, answered, tab, shelf)

    def _streamed(self, question: str, events: Told, tab: Tab, shelf: Shelf) -> Iterator[Updates]:
        say = words(tab.preference.language)
        begun: Updates = {self._w.box: "", self._w.ask: gr.update(visible=False)}
        begun |= {self._w.stop: gr.update(visible=True)} | ({} if tab.conversation else {self._w.log: ""})
        idle: Updates = {self._w.ask: gr.update(visible=True), self._w.stop: gr.update(visible=False)}
        try:
            for event in events:
                if isinstance(event, Tab):
                    yield self._talk(event, shelf) | idle
                else:
                    yield begun | {self._w.live: view.live(question, event.complete, event.text, say)}
                    begun = {}
        except Exception:  # a full disk, say: the page must not wait for ever
            logger.warning("answer not kept", exc_info=True)
            yield {self._w.live: view.broken(question, say)} | idle

    def stop(self, request: gr.Request) -> None:
        """The stop button."""
        self._room.stop(session(request))

    def press(self, tab: Tab | None, request: gr.Request, event: gr.EventData) -> Iterator[Updates]:
        """Something with ``data-act`` was pressed in one of the regions."""
        pressed = {str(key): str(value) for key, value in dict(event._data or {}).items()}
        shelf, tab = self._shelf(request), self._at(tab, request)
        act = pressed.get("act", "")
        if act == "ask":
            yield from self.ask(pressed.get("question", ""), tab, request)
        elif act == "again" and (turn := shelf.turn(_number(pressed, "turn"))):
            events = self._room.again(turn, tab, shelf, session(request))
            yield from self._streamed(turn.exchange.asked, events, tab, shelf)
        elif done := self._pressed(act, pressed, tab, shelf):
            yield done

    def _pressed(self, act: str, pressed: Press, tab: Tab, shelf: Shelf) -> Updates:
        """Presses that take no time."""
        known = {
            "new": self._new,
            "conversation": self._open_conversation,
            "renamed": self._rename,
            "delete": self._delete,
            "source": self._open_source,
            "document": self._open_document,
            "good": self._judge,
            "bad": self._judge,
            "reason": self._judge,
            "choose": self._choose,
            "everything": self._choose,
            "remove": self._remove,
        }
        return known[act](pressed, tab, shelf) if act in known else {}

    def _new(self, _: Press, tab: Tab, shelf: Shelf) -> Updates:
        return self._talk(replace(tab, conversation=0), shelf)

    def _open_conversation(self, pressed: Press, tab: Tab, shelf: Shelf) -> Updates:
        number = _number(pressed, "id")
        return self._talk(replace(tab, conversation=number), shelf) if shelf.conversation(number) else {}

    def _rename(self, pressed: Press, tab: Tab, shelf: Shelf) -> Updates:
        shelf.rename(_number(pressed, "id"), pressed.get("value", ""))
        return self._around(tab, shelf)

    def _delete(self, pressed: Press, tab: Tab, shelf: Shelf) -> Updates:
        number = _number(pressed, "id")
        shelf.delete(number)
        if number == tab.conversation:
            return self._talk(replace(tab, conversation=0), shelf)
        return self._around(tab, shelf)

    def _open_source(self, pressed: Press, tab: Tab, shelf: Shelf) -> Updates:
        turn, row = shelf.turn(_number(pressed, "turn")), _number(pressed, "card")
        if turn is None or not 0 <= row < len(turn.exchange.cards):
            return {}
        card = turn.exchange.cards[row]
        document = self._room.library.document(card.document_id)
        return {self._w.source: source.cited(card, document, words(tab.preference.language))}

    def _open_document(self, pressed: Press, tab: Tab, _: Shelf) -> Updates:
        document = self._room.library.document(pressed.get("id", ""))
        if document is None:
            return self._documents(tab)
        return {self._w.source: source.whole(document, words(tab.preference.language))}

    def _judge(self, pressed: Press, tab: Tab, shelf: Shelf) -> Updates:
        turn = shelf.turn(_number(pressed, "turn"))
        if turn is None:
            return {}
        if pressed["act"] == "reason":
            shelf.judge(turn.id, turn.good, pressed.get("value", ""))
        else:
            good = pressed["act"] == "good"
            shelf.judge(turn.id, None if turn.good is good else good)
        return {self._w.log: view.log(self._room.turns(shelf, tab), words(tab.preference.language))}

    def _choose(self, pressed: Press, tab: Tab, _: Shelf) -> Updates:
        chosen = tab.toggled(pressed["id"]) if pressed.get("id") else replace(tab, document_ids=())
        return {self._w.tab: chosen} | self._documents(chosen)

    def _remove(self, pressed: Press, tab: Tab, _: Shelf) -> Updates:
        name = pressed.get("id", "")
        job = self._room.library.remove([name])
        while not job.is_over:
            time.sleep(_POLL_S)
        self._room.suggestions.refresh()
        kept = replace(tab, document_ids=tuple(one for one in tab.document_ids if one != name))
        return {self._w.tab: kept, self._w.job: self._job(job, kept)} | self._documents(kept)

    def _job(self, job: Job, tab: Tab) -> str:
        return panel.job(job, words(tab.preference.language))

    def upload(self, files: list[str] | None, tab: Tab | None, request: gr.Request) -> Iterator[Updates]:
        """Files were dropped: progress until they can be asked."""
        if not files:
            return
        tab = self._at(tab, request)
        job = self._room.library.add([Path(str(file)) for file in files])
        yield {self._w.upload: None, self._w.job: self._job(job, tab), self._w.top: self._top(tab)}
        while not job.is_over:
            time.sleep(_POLL_S)
            yield {self._w.job: self._job(job, tab), self._w.top: self._top(tab)}
        self._room.suggestions.refresh()
        yield {self._w.job: self._job(job, tab)} | self._documents(tab)

    def find(self, text: str, tab: Tab | None, request: gr.Request) -> Updates:
        """The history is searched."""
        tab = replace(self._at(tab, request), looked_for=text)
        return {self._w.tab: tab, self._w.past: self._around(tab, self._shelf(request))[self._w.past]}

    def find_document(self, text: str, tab: Tab | None, request: gr.Request) -> Updates:
        """The documents are searched."""
        tab = replace(self._at(tab, request), documents_for=text)
        return {self._w.tab: tab} | self._documents(tab)

    def appear(self, theme: str, language: str, tab: Tab | None, request: gr.Request) -> Updates:
        """Theme or language was switched: kept and shown at once."""
        shelf, tab = self._shelf(request), self._at(tab, request)
        preference = replace(tab.preference, theme=theme, language=language)
        shelf.prefer(preference.to_json())
        tab = replace(tab, preference=preference)
        told = self._frame(tab) | self._talk(tab, shelf) | self._documents(tab)
        del told[self._w.source]
        return told

    def apply(
        self, reader: str, top_k: float, strictness: float, tab: Tab | None, request: gr.Request
    ) -> Iterator[Updates]:
        """Settings of answers: tried first, then kept."""
        tab = self._at(tab, request)
        say = words(tab.preference.language)
        yield {self._w.applied: f'<p class="note" role="status">{safe(say("applying"))}</p>'}
        choice = Choice(reader.strip(), int(top_k), float(strictness))
        try:
            self._room.parts.check(choice)
        except GeungeoError as error:
            yield {self._w.applied: f'<p class="notice" role="alert">{safe(str(error))}</p>'}
            return
        preference = replace(tab.preference, choice=choice)
        self._shelf(request).prefer(preference.to_json())
        yield {
            self._w.tab: replace(tab, preference=preference),
            self._w.applied: f'<p class="note" role="status">{icon("check")} {safe(say("applied"))}</p>',
        }


def _number(pressed: Press, name: str) -> int:
    """A number that the browser sent; -1 where it is none."""
    text = pressed.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else -1
