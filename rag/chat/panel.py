"""Lists beside the conversation: history, documents, what is being indexed, what is asked only."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rag.chat.history import Conversation
from rag.chat.icon import icon
from rag.chat.library import Job, Stage
from rag.chat.markup import safe
from rag.chat.view import button
from rag.chat.words import Words
from rag.types import Document

#: Documents listed at once; the rest is found by searching.
LISTED = 100
_NAMED = 3


def conversations(found: Sequence[Conversation], current: int, words: Words, *, searched: bool) -> str:
    """The history; the open conversation is marked."""
    if not found:
        return f'<p class="hint">{safe(words("nothing_found" if searched else "no_history"))}</p>'
    rows = "".join(_conversation(one, words, is_current=one.id == current) for one in found)
    return f'<ul class="list">{rows}</ul>'


def _conversation(one: Conversation, words: Words, *, is_current: bool) -> str:
    mark = ' aria-current="true"' if is_current else ""
    opened = button("conversation", one.title, safe(one.title), "name", id=one.id)
    rename = button(
        "rename", words("rename"), icon("rename"), "tool", id=one.id, title=one.title, save=words("save")
    )
    export = (
        f'<a class="tool" href="/export/{one.id}.md" download aria-label="{safe(words("export"))}" '
        f'title="{safe(words("export"))}">{icon("export")}</a>'
    )
    tools = rename + export + _delete("delete", one.id, words)
    return f'<li{mark}>{opened}<span class="tools">{tools}</span></li>'


def _delete(act: str, name: object, words: Words) -> str:
    ask = {"ask": words("really_delete"), "yes": words("yes_delete"), "no": words("no")}
    return button("confirm", words("delete"), icon("delete"), "tool", then=act, id=name, **ask)


def documents(found: Sequence[Document], chosen: Collection[str], words: Words) -> str:
    """The documents; each can be chosen for the next questions, opened, and removed."""
    if not found:
        return f'<p class="hint">{safe(words("nothing_found"))}</p>'
    rows = "".join(_document(one, words, is_chosen=one.id in chosen) for one in found[:LISTED])
    rest = len(found) - LISTED
    more = f'<p class="hint">{safe(words("more_documents", count=rest))}</p>' if rest > 0 else ""
    return f'<ul class="list documents">{rows}</ul>{more}'


def _document(one: Document, words: Words, *, is_chosen: bool) -> str:
    label = words("choose_document", title=one.title)
    mark = icon("check") if is_chosen else ""
    choose = button("choose", label, mark, "check", id=one.id).replace(
        "<button", f'<button role="checkbox" aria-checked="{str(is_chosen).lower()}"', 1
    )
    facts = " · ".join(fact for fact in (one.publisher, one.published, one.id) if fact)
    content = f"<b>{safe(one.title)}</b><small>{safe(facts)}</small>"
    opened = button("document", f"{words('open')}: {one.title}", content, "name", id=one.id)
    return f'<li>{choose}{opened}<span class="tools">{_delete("remove", one.id, words)}</span></li>'


def scope(titles: Sequence[str], words: Words) -> str:
    """What the next question looks into, where that is not everything."""
    if not titles:
        return ""
    named = ", ".join(titles[:_NAMED]) + ("…" if len(titles) > _NAMED else "")
    said = words("scope_of", count=len(titles), titles=named)
    everything = button("everything", words("scope_all"), icon("close"), "tool")
    return f'<p class="scope"><span>{safe(said)}</span>{everything}</p>'


def state(document_count: int, passage_count: int, job: Job | None, words: Words) -> str:
    """How much is indexed, and what is under way."""
    if document_count:
        ready = words("state_ready", documents=f"{document_count:,}", passages=f"{passage_count:,}")
    else:
        ready = words("state_empty")
    busy = job is not None and not job.is_over
    return f'<p class="state {"busy" if busy else ""}" role="status"><i></i>{safe(ready)}</p>'


def job(one: Job | None, words: Words) -> str:
    """Progress of a change of the documents, and what was left out of it."""
    if one is None:
        return ""
    files = ", ".join(one.files[:_NAMED]) + ("…" if len(one.files) > _NAMED else "")
    said = words(f"state_{one.stage.value}", files=files, done=one.done, total=one.total)
    if one.stage is Stage.DONE and not one.added:
        said = words("state_removed")
    notes = "".join(f"<li>{safe(note)}</li>" for note in one.notes[:20])
    return (
        f'<div class="job {one.stage.value}" role="status"><p>{safe(said)}</p>{_bar(one, words)}'
        f"{f'<ul>{notes}</ul>' if notes else ''}</div>"
    )


def _bar(one: Job, words: Words) -> str:
    if one.is_over:
        return ""
    value = f' value="{one.done}" max="{one.total}"' if one.stage is Stage.INDEXING and one.total else ""
    return f"<progress{value}></progress><small>{safe(words('still_answering'))}</small>"


def brand(words: Words) -> str:
    """Name and the three doors: new conversation, documents, settings."""
    new = button("new", words("new"), icon("new") + f"<span>{safe(words('new'))}</span>", "wide")
    doors = "".join(
        button(name, words(name), icon(name) + f"<span>{safe(words(name))}</span>", "door")
        for name in ("documents", "settings")
    )
    name = f'<p class="name">{safe(words("brand"))}</p><p class="tagline">{safe(words("tagline"))}</p>'
    nav = f"<nav>{new}{doors}</nav><h2>{safe(words('history'))}</h2>"
    return f"<header>{name}</header>{nav}"


def top(state: str, theme: str, conversation: int, words: Words) -> str:
    """The bar above the conversation; ``data-…`` tells the script what to apply and remember."""
    menu = button("menu", words("menu"), icon("menu"), "tool menu")
    doors = "".join(button(name, words(name), icon(name), "tool") for name in ("documents", "settings"))
    return (
        f'<div class="bar" data-theme="{safe(theme)}" data-conversation="{conversation}" '
        f'data-language="{safe(words("lang"))}"><a class="skip" href="#box">{safe(words("skip"))}</a>'
        f'{menu}{state}<span class="doors">{doors}</span></div>'
    )


def head(title: str, words: Words, facts: str = "") -> str:
    """Title of a panel, how to close it, and HTML that stays in sight with them."""
    close = button("close", words("close"), icon("close"), "tool")
    return f'<header class="pane-head"><h2 tabindex="-1">{safe(title)}</h2>{close}{facts}</header>'


def opinions(words: Words) -> str:
    """Links to the visitor's opinions as files, and the keys of the page."""
    return (
        f'<section class="more"><h3>{safe(words("opinions"))}</h3>'
        f'<p><a href="/export/good.jsonl" download>{icon("good")}{safe(words("export_good"))}</a></p>'
        f'<p><a href="/export/bad.jsonl" download>{icon("bad")}{safe(words("export_bad"))}</a></p>'
        f'<h3>{safe(words("keys"))}</h3><p class="hint">{safe(words("keys_list"))}</p></section>'
    )
