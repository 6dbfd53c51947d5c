"""Conversations and opinions of each visitor, in one SQLite file on this machine.

A visitor is known by a random token in a cookie; only its digest is kept. No method reaches another
visitor's rows.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rag.chat.exchange import Exchange
from rag.text import normalise, squeeze

_TITLE_MAX_CHARS = 60
#: Words searched for: SQLite takes expressions of a limited depth.
_WORDS = 32
_NOW = "strftime('%Y-%m-%dT%H:%M:%f', 'now')"
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS conversation (
  id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, title TEXT NOT NULL,
  touched TEXT NOT NULL DEFAULT ({_NOW}));
CREATE TABLE IF NOT EXISTS turn (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
  exchange TEXT NOT NULL, words TEXT NOT NULL, good INTEGER, reason TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS preference (owner TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS turns ON turn (conversation);
CREATE INDEX IF NOT EXISTS owners ON conversation (owner, touched);
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored exchange.

    Attributes:
        id: Names it among all turns of the file.
        good: Thumb up (True) or down (False); ``None`` without an opinion.
        reason: Why, in the visitor's words.
    """

    id: int
    exchange: Exchange
    good: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as listed; ``touched`` is an ISO time in UTC."""

    id: int
    title: str
    touched: str


def title_of(question: str) -> str:
    """What a conversation is called until someone names it: its first question."""
    flat = squeeze(normalise(question))
    return flat if len(flat) <= _TITLE_MAX_CHARS else flat[: _TITLE_MAX_CHARS - 1].rstrip() + "…"


class History:
    """The file; each method is one transaction. Safe to use from several threads and processes.

    Args:
        path: Made if missing, readable by this user only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with self.transaction() as rows:
            rows.execute("PRAGMA journal_mode = WAL")
            rows.executescript(_SCHEMA)

    def of(self, visitor: str) -> Shelf:
        """The part of the visitor with this token."""
        return Shelf(self, hashlib.sha256(visitor.encode("utf-8", "replace")).hexdigest())

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept if the block ends well."""
        with closing(sqlite3.connect(self._path, timeout=10)) as rows, rows:
            rows.execute("PRAGMA foreign_keys = ON")
            yield rows


class Shelf:
    """One visitor's conversations. Ids of others are treated as missing."""

    def __init__(self, history: History, owner: str) -> None:
        self._history = history
        self._owner = owner

    def begin(self, question: str) -> int:
        """A new conversation, named by its first question; its id."""
        with self._history.transaction() as rows:
            insert = "INSERT INTO conversation (owner, title) VALUES (?, ?)"
            return int(rows.execute(insert, (self._owner, title_of(question))).lastrowid or 0)

    def append(self, conversation: int, exchange: Exchange) -> int:
        """Store a turn at the end; its id.

        Raises:
            KeyError: No such conversation of this visitor.
        """
        with self._history.transaction() as rows:
            touch = f"UPDATE conversation SET touched = {_NOW} WHERE id = ? AND owner = ?"
            if not rows.execute(touch, (conversation, self._owner)).rowcount:
                raise KeyError(conversation)
            insert = "INSERT INTO turn (conversation, exchange, words) VALUES (?, ?, ?)"
            values = (conversation, _storable(exchange.to_json()), _words(exchange))
            return int(rows.execute(insert, values).lastrowid or 0)

    def replace(self, turn: int, exchange: Exchange) -> None:
        """Put another exchange in a turn's place; the opinion of the old one goes."""
        with self._history.transaction() as rows:
            update = "UPDATE turn SET exchange = ?, words = ?, good = NULL, reason = ''"
            values = (_storable(exchange.to_json()), _words(exchange), turn, self._owner)
            rows.execute(f"{update} WHERE id = ? AND {_OWNED}", values)

    def turns(self, conversation: int) -> list[Turn]:
        """All turns, oldest first; none for a conversation that is not this visitor's."""
        with self._history.transaction() as rows:
            select = "SELECT id, exchange, good, reason FROM turn"
            found = rows.execute(
                f"{select} WHERE conversation = ? AND {_OWNED} ORDER BY id", (conversation, self._owner)
            )
            return [_turn(row) for row in found]

    def turn(self, turn: int) -> Turn | None:
        """One turn of this visitor."""
        with self._history.transaction() as rows:
            select = f"SELECT id, exchange, good, reason FROM turn WHERE id = ? AND {_OWNED}"
            row = rows.execute(select, (turn, self._owner)).fetchone()
            return _turn(row) if row else None

    def conversations(self, words: str = "", limit: int = 200) -> list[Conversation]:
        """Newest first; those whose title, questions or answers hold every word (of the first 32)."""
        condition, values = "owner = ?", [self._owner]
        for word in _storable(normalise(words)).casefold().split()[:_WORDS]:
            held = "SELECT 1 FROM turn WHERE conversation = conversation.id AND instr(words, ?)"
            condition += f" AND (instr(lower(title), ?) OR EXISTS ({held}))"
            values += [word, word]
        with self._history.transaction() as rows:
            select = f"SELECT id, title, touched FROM conversation WHERE {condition}"
            found = rows.execute(f"{select} ORDER BY touched DESC, id DESC LIMIT ?", (*values, limit))
            return [Conversation(*row) for row in found]

    def conversation(self, conversation: int) -> Conversation | None:
        """One conversation of this visitor."""
        with self._history.transaction() as rows:
            select = "SELECT id, title, touched FROM conversation WHERE id = ? AND owner = ?"
            row = rows.execute(select, (conversation, self._owner)).fetchone()
            return Conversation(*row) if row else None

    def rename(self, conversation: int, title: str) -> None:
        """Give it another name; a blank one changes nothing."""
        if not title.strip():
            return
        with self._history.transaction() as rows:
            update = "UPDATE conversation SET title = ? WHERE id = ? AND owner = ?"
            rows.execute(update, (_storable(title_of(title)), conversation, self._owner))

    def delete(self, conversation: int) -> None:
        """Delete it with all its turns and opinions."""
        with self._history.transaction() as rows:
            rows.execute("DELETE FROM conversation WHERE id = ? AND owner = ?", (conversation, self._owner))

    def judge(self, turn: int, good: bool | None, reason: str = "") -> None:
        """Store an opinion of a turn; ``None`` takes it back."""
        with self._history.transaction() as rows:
            update = f"UPDATE turn SET good = ?, reason = ? WHERE id = ? AND {_OWNED}"
            values = (good, _storable(normalise(reason)).strip()[:1000], turn, self._owner)
            rows.execute(update, values)

    def judged(self) -> list[Turn]:
        """All turns with an opinion, oldest first."""
        with self._history.transaction() as rows:
            select = f"SELECT id, exchange, good, reason FROM turn WHERE good IS NOT NULL AND {_OWNED}"
            return [_turn(row) for row in rows.execute(f"{select} ORDER BY id", (self._owner,))]

    def preference(self) -> str:
        """The visitor's settings as they were kept; empty at first."""
        with self._history.transaction() as rows:
            row = rows.execute("SELECT value FROM preference WHERE owner = ?", (self._owner,)).fetchone()
            return str(row[0]) if row else ""

    def prefer(self, value: str) -> None:
        """Keep the visitor's settings."""
        with self._history.transaction() as rows:
            rows.execute("INSERT OR REPLACE INTO preference VALUES (?, ?)", (self._owner, _storable(value)))


_OWNED = "conversation IN (SELECT id FROM conversation WHERE owner = ?)"


def _storable(text: str) -> str:
    """SQLite takes no lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def _words(exchange: Exchange) -> str:
    return _storable(normalise(f"{exchange.asked}\n{exchange.text}")).casefold()


def _turn(row: tuple[int, str, int | None, str]) -> Turn:
    good = None if row[2] is None else bool(row[2])
    return Turn(row[0], Exchange.from_json(row[1]), good, row[3])
