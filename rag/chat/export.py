"""Conversations and opinions as files that leave the page: Markdown with citations, and an eval set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from rag.chat.exchange import Card, Ending, Exchange
from rag.chat.history import Turn
from rag.chat.words import Words
from rag.text import squeeze

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!&~])")
_MARKER = re.compile(r"\s*\[(\d{1,3})\]")
_JUDGEABLE = {Ending.ANSWERED, Ending.REFUSED}


def plain_markdown(text: str) -> str:
    """``text`` so that Markdown shows it as it is: no links, images, HTML or emphasis."""
    return _MARKUP.sub(r"\\\1", squeeze(text))


def to_markdown(title: str, turns: Sequence[Turn], words: Words) -> str:
    """A conversation with numbered citations, each with its place in its document."""
    blocks = [f"# {plain_markdown(title)}"]
    for turn in turns:
        blocks += _turn(turn, words)
    return "\n\n".join(blocks) + "\n"


def _turn(turn: Turn, words: Words) -> list[str]:
    exchange = turn.exchange
    blocks = [f"## {plain_markdown(exchange.asked)}"]
    if exchange.complete:
        blocks.append(f"*{plain_markdown(words('completed', question=exchange.complete))}*")
    blocks.append(_text(exchange))
    if exchange.ending is Ending.ANSWERED:
        blocks.append("\n".join(_citation(n, card) for n, card in enumerate(exchange.cards, 1)))
    if turn.good is not None:
        reason = f": {plain_markdown(turn.reason)}" if turn.reason else ""
        blocks.append(f"*{words('good_mark' if turn.good else 'bad_mark')}{reason}*")
    return blocks


def _text(exchange: Exchange) -> str:
    """Markers become ``[^n]``-like numbers of the list below: ``(1)``."""
    rows = {card.marker: row + 1 for row, card in reversed(list(enumerate(exchange.cards)))}
    parts = _MARKER.split(exchange.text)
    shown = [
        (f" ({rows[int(part)]})" if int(part) in rows else "") if row % 2 else plain_markdown(part)
        for row, part in enumerate(parts)
        if part
    ]
    return "".join(shown)


def _citation(number: int, card: Card) -> str:
    facts = [
        plain_markdown(fact) for fact in (card.title, card.publisher, card.published, card.place) if fact
    ]
    place = plain_markdown(f"{card.document_id}:{card.start}-{card.end}")
    source = f" · <{card.link}>" if card.link and not re.search(r"[\s<>]", card.link) else ""
    return f"{number}. {' · '.join(facts)}\n   > {plain_markdown(card.quote)}\n\n   {place}{source}"


def to_cases(turns: Iterable[Turn]) -> str:
    """Turns judged good as an eval set, one JSON object a line, as ``eval.case`` reads them.

    A good answer is a case with its bare answer and its evidence; a good refusal is an unanswerable one.
    """
    good = (turn for turn in turns if turn.good and turn.exchange.ending in _JUDGEABLE)
    return _lines(map(_case, good))


def to_complaints(turns: Iterable[Turn]) -> str:
    """Turns judged bad, one JSON object a line: what was said and why it fell short.

    They are no cases, for what would have been right is not known.
    """
    bad = (turn for turn in turns if turn.good is False and turn.exchange.ending in _JUDGEABLE)
    return _lines(
        {
            "id": f"chat-{turn.id}",
            "question": turn.exchange.complete or turn.exchange.asked,
            "answer": turn.exchange.text,
            "outcome": turn.exchange.ending.value,
            "reason": turn.reason,
            "citations": _evidence(turn.exchange),
        }
        for turn in bad
    )


def _lines(records: Iterable[dict[str, object]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _evidence(exchange: Exchange) -> list[dict[str, str]]:
    cards = exchange.cards if exchange.ending is Ending.ANSWERED else ()
    return [{"document": card.document_id, "quote": card.quote} for card in cards]


def _case(turn: Turn) -> dict[str, object]:
    exchange = turn.exchange
    answered = exchange.ending is Ending.ANSWERED
    return {
        "id": f"chat-{turn.id}",
        "question": exchange.complete or exchange.asked,
        "answers": [exchange.short] if answered and exchange.short else [],
        "answerable": answered,
        "evidence": _evidence(exchange),
        "type": "chat",
        "cluster": exchange.cards[0].document_id if answered else f"chat-{turn.id}",
    }
