"""A conversation as HTML: questions, answers with their markers, evidence cards, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rag.chat.exchange import Card, Ending, Exchange
from rag.chat.history import Turn
from rag.chat.icon import icon
from rag.chat.markup import safe
from rag.chat.words import Words
from rag.text import squeeze

#: ``data-act`` names what a press does; ``script.js`` sends it to the page.
_MARKER = re.compile(r"\s*\[(\d{1,3})\]")
#: Headings at the start of a passage: its card has the section beside the title already.
_HEADINGS = re.compile(r"\A(?:\s*#{1,6} [^\n]*\n)+")
_QUOTE_MAX_CHARS = 160
_NEAR_MAX_CHARS = 110


def button(act: str, label: str, content: str, css: str = "", **data: object) -> str:
    """A button with an accessible name; ``content`` is HTML, all else is text."""
    extra = "".join(f' data-{name}="{safe(str(value))}"' for name, value in data.items())
    named = f'aria-label="{safe(label)}" title="{safe(label)}"'
    return f'<button type="button" class="{css}" data-act="{act}" {named}{extra}>{content}</button>'


def log(turns: Iterable[Turn], words: Words) -> str:
    """All turns, oldest first."""
    return "".join(_turn(turn, words) for turn in turns)


def welcome(examples: Sequence[str], words: Words, *, empty: bool) -> str:
    """What an empty conversation shows."""
    hint = words("welcome_empty") if empty else words("welcome_hint")
    return (
        f'<section class="welcome"><h1>{safe(words("welcome"))}</h1><p>{safe(hint)}</p>'
        f"{_questions(examples, words('examples'))}</section>"
    )


def live(question: str, complete: str, text: str, words: Words) -> str:
    """The turn that is being answered; markers in it cannot be pressed yet."""
    said = f'<p class="said">{_streamed(text)}<span class="caret"></span></p>'
    waiting = f'<p class="waiting"><span class="dots"></span>{safe(words("searching"))}</p>'
    return (
        f'<article class="turn live">{_asked(question, complete, words)}'
        f'<div class="answer">{said if text else waiting}</div></article>'
    )


def broken(question: str, words: Words) -> str:
    """A turn that could not even be kept."""
    said = f'<div class="answer failed"><p class="notice" role="alert">{safe(words("failed"))}</p></div>'
    return f'<article class="turn">{_asked(question, "", words)}{said}</article>'


def _streamed(text: str) -> str:
    parts = _MARKER.split(text)
    return "".join(
        f'<span class="marker">{part}</span>' if row % 2 else safe(part) for row, part in enumerate(parts)
    )


def _asked(question: str, complete: str, words: Words) -> str:
    note = f'<p class="complete">{safe(words("completed", question=complete))}</p>' if complete else ""
    who = f'<span class="unseen">{safe(words("you"))}: </span>'
    return f'<div class="asked"><p>{who}{safe(question)}</p></div>{note}'


def _turn(turn: Turn, words: Words) -> str:
    exchange = turn.exchange
    body = {
        Ending.ANSWERED: _answered,
        Ending.REFUSED: _refused,
        Ending.STOPPED: _stopped,
        Ending.FAILED: _failed,
    }[exchange.ending](turn, words)
    return (
        f'<article class="turn" data-turn="{turn.id}">{_asked(exchange.asked, exchange.complete, words)}'
        f'<div class="answer {exchange.ending.value}">{body}{_tools(turn, words)}</div></article>'
    )


def _answered(turn: Turn, words: Words) -> str:
    exchange = turn.exchange
    cards = "".join(_card(turn.id, row, card, words) for row, card in enumerate(exchange.cards))
    return (
        f'<p class="said">{_said(turn, words)}</p>{_doubt(exchange, words)}'
        f'<ul class="cards" aria-label="{safe(words("evidence"))}">{cards}</ul>{_facts(exchange, words)}'
    )


def _said(turn: Turn, words: Words) -> str:
    """The text with a button for each marker that has a card; other markers are left out."""
    numbers = {card.marker: row for row, card in reversed(list(enumerate(turn.exchange.cards)))}
    parts = _MARKER.split(turn.exchange.text)
    pieces: list[str] = []
    for place, part in enumerate(parts):
        if place % 2 == 0:
            pieces.append(safe(part))
        elif int(part) in numbers:
            pieces.append(_marker(turn.id, numbers[int(part)], turn.exchange.cards, words))
    return "".join(pieces)


def _marker(turn: int, row: int, cards: Sequence[Card], words: Words) -> str:
    label = words("open_evidence", number=row + 1, title=cards[row].title)
    return button("source", label, str(row + 1), "marker", turn=turn, card=row)


def _doubt(exchange: Exchange, words: Words) -> str:
    if not exchange.unsupported:
        return ""
    said = words("unsupported", sentences=" / ".join(exchange.unsupported))
    return f'<p class="doubt">{safe(said)}</p>'


def _card(turn: int, row: int, card: Card, words: Words) -> str:
    facts = " · ".join(fact for fact in (card.publisher, card.published, card.place) if fact)
    content = (
        f'<span class="number">{row + 1}</span><span class="about"><b>{safe(card.title)}</b>'
        f"<q>{safe(_short(card.quote, _QUOTE_MAX_CHARS))}</q><small>{safe(facts)}</small></span>"
    )
    label = words("open_evidence", number=row + 1, title=card.title)
    return f"<li>{button('source', label, content, 'card', turn=turn, card=row)}</li>"


def _short(text: str, max_chars: int) -> str:
    flat = squeeze(text)
    return flat if len(flat) <= max_chars else flat[: max_chars - 1].rstrip() + "…"


def confidence(value: float) -> str:
    """The name of the words for a confidence, at the same steps as the command line's."""
    return "high" if value >= 0.8 else "middle" if value >= 0.5 else "low"


def _facts(exchange: Exchange, words: Words) -> str:
    level = confidence(exchange.confidence)
    sure = f"{words('confidence')} {words(level)}"
    seconds = f"{exchange.seconds:.1f}" if exchange.seconds >= 0.1 else f"{exchange.seconds:.2f}"
    return (
        f'<p class="facts"><span class="level {level}">{safe(sure)}</span>'
        f"<span>{safe(words('seconds', seconds=seconds))}</span></p>"
    )


def _refused(turn: Turn, words: Words) -> str:
    exchange = turn.exchange
    hint = words("refused_hint") if exchange.cards else words("refused_empty")
    near = "".join(_near(turn.id, row, card, words) for row, card in enumerate(exchange.cards))
    passages = f'<h3>{safe(words("nearest"))}</h3><ul class="near">{near}</ul>' if near else ""
    return (
        f'<p class="said refusal">{icon("none")}<span><b>{safe(words("refused"))}</b>'
        f"<small>{safe(hint)}</small></span></p>{passages}"
        f"{_questions(exchange.suggestions, words('try_instead'))}"
    )


def _near(turn: int, row: int, card: Card, words: Words) -> str:
    text = _HEADINGS.sub("", card.quote) or card.quote
    content = f"<b>{safe(card.title)}</b><span>{safe(_short(text, _NEAR_MAX_CHARS))}</span>"
    label = words("open_passage", title=card.title)
    return f"<li>{button('source', label, content, 'passage', turn=turn, card=row)}</li>"


def _questions(questions: Sequence[str], title: str) -> str:
    if not questions:
        return ""
    chips = "".join(f"<li>{button('ask', q, safe(q), 'chip', question=q)}</li>" for q in questions)
    return f'<div class="questions"><h3>{safe(title)}</h3><ul>{chips}</ul></div>'


def _stopped(turn: Turn, words: Words) -> str:
    said = f'<p class="said">{_streamed(turn.exchange.text)}</p>' if turn.exchange.text else ""
    return f'{said}<p class="note">{safe(words("stopped"))}</p>'


def _failed(turn: Turn, words: Words) -> str:
    said = f"<b>{safe(words('failed'))}</b> {safe(turn.exchange.text)}"
    return f'<p class="said failure" role="alert">{said}</p>'


def _tools(turn: Turn, words: Words) -> str:
    copy = ""
    if turn.exchange.ending is Ending.ANSWERED:
        label = words("copy")
        copy = button("copy", label, icon("copy"), "tool", text=plain(turn.exchange), done=words("copied"))
    again = button("again", words("again"), icon("again"), "tool", turn=turn.id)
    return f'<div class="tools">{copy}{again}{_thumbs(turn, words)}</div>{_opinion(turn, words)}'


def _thumbs(turn: Turn, words: Words) -> str:
    if turn.exchange.ending in {Ending.STOPPED, Ending.FAILED}:
        return ""
    pressed = {"good": turn.good is True, "bad": turn.good is False}
    return "".join(
        button(name, words(name), icon(name), f"tool {'on' if is_on else ''}", turn=turn.id).replace(
            "<button", f'<button aria-pressed="{str(is_on).lower()}"', 1
        )
        for name, is_on in pressed.items()
    )


def _opinion(turn: Turn, words: Words) -> str:
    """The box for a reason, under a turn with an opinion."""
    if turn.good is None:
        return ""
    label = words("why_good") if turn.good else words("why")
    named = f'placeholder="{safe(label)}" aria-label="{safe(label)}"'
    return (
        f'<form class="opinion" data-act="reason" data-turn="{turn.id}">'
        f'<input name="value" maxlength="1000" value="{safe(turn.reason)}" {named}>'
        f"<button>{safe(words('send'))}</button></form>"
    )


def plain(exchange: Exchange) -> str:
    """An answer with its sources as plain text, for the clipboard."""
    rows = {card.marker: row + 1 for row, card in reversed(list(enumerate(exchange.cards)))}
    text = _MARKER.sub(lambda m: f" [{rows[int(m[1])]}]" if int(m[1]) in rows else "", exchange.text)
    lines = [text, ""]
    for number, card in enumerate(exchange.cards, 1):
        facts = " · ".join(f for f in (card.title, card.publisher, card.published, card.place) if f)
        source = card.source or card.document_id
        lines += [f"[{number}] {facts}", f"    “{squeeze(card.quote)}”", f"    {source}"]
    return "\n".join(lines).strip()
