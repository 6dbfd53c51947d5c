"""The page's widgets and where they stand; what they say and do comes from ``event``."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from rag.chat.session import THEMES, Preference
from rag.chat.words import LANGUAGES, Words
from rag.load import LOADERS

#: Presses inside a piece of HTML reach the server as this component's click, with their data.
_LISTEN = "geungeo.listen(element, (data) => trigger('click', data));"

#: Most passages that people may choose, unless the server reads more.
_TOP_K = 20


@dataclass(frozen=True, slots=True)
class Widgets:
    """Every widget that is read or written after the page was built."""

    tab: gr.State
    brand: gr.HTML
    find: gr.Textbox
    past: gr.HTML
    top: gr.HTML
    log: gr.HTML
    live: gr.HTML
    scope: gr.HTML
    box: gr.Textbox
    ask: gr.Button
    stop: gr.Button
    source: gr.HTML
    library_head: gr.HTML
    upload: gr.File
    upload_hint: gr.HTML
    job: gr.HTML
    find_document: gr.Textbox
    documents: gr.HTML
    settings_head: gr.HTML
    reader: gr.Textbox
    top_k: gr.Slider
    strictness: gr.Slider
    theme: gr.Radio
    language: gr.Radio
    apply: gr.Button
    applied: gr.HTML
    opinions: gr.HTML

    @property
    def pressed(self) -> tuple[gr.HTML, ...]:
        """Those whose presses are events."""
        return (self.brand, self.past, self.top, self.log, self.scope, self.documents)


def _html(name: str) -> gr.HTML:
    """A region that shows HTML of ``view``, ``source`` or ``panel``."""
    return gr.HTML("", elem_id=name, js_on_load=_LISTEN, apply_default_css=False)


def place(top_k: int) -> Widgets:
    """All widgets, empty; to be called inside ``gr.Blocks``.

    Args:
        top_k: The server's own; people may choose at least as many.
    """
    tab = gr.State()
    with gr.Row(elem_id="frame"):
        with gr.Column(elem_id="side"):
            brand = _html("brand")
            find = gr.Textbox(elem_id="find", show_label=False, container=False)
            past = _html("past")
        with gr.Column(elem_id="main"):
            top = _html("top")
            with gr.Column(elem_id="scroll"):
                log = _html("log")
                live = _html("live")
            scope = _html("scope")
            with gr.Row(elem_id="composer"):
                box = gr.Textbox(
                    elem_id="box", show_label=False, container=False, lines=1, max_lines=8, autofocus=True
                )
                ask = gr.Button(elem_id="ask", variant="primary")
                stop = gr.Button(elem_id="stop", visible=False)
        with gr.Column(elem_id="pane"):
            source = _html("source")
            with gr.Column(elem_id="library"):
                library_head = _html("library-head")
                upload = gr.File(
                    file_count="multiple", file_types=sorted(LOADERS), elem_id="upload", height=150
                )
                upload_hint = _html("upload-hint")
                job = _html("job")
                find_document = gr.Textbox(elem_id="find-document", show_label=False, container=False)
                documents = _html("documents")
            with gr.Column(elem_id="settings"):
                settings_head = _html("settings-head")
                language = gr.Radio([(name, code) for code, name in LANGUAGES], elem_id="language")
                theme = gr.Radio(list(THEMES), elem_id="theme")
                reader = gr.Textbox(elem_id="reader", max_lines=1)
                passages = gr.Slider(1, max(_TOP_K, top_k), step=1, elem_id="top-k")
                strictness = gr.Slider(0, 1, step=0.05, elem_id="strictness")
                apply = gr.Button(elem_id="apply", variant="primary")
                applied = _html("applied")
                opinions = _html("opinions")
    return Widgets(
        tab=tab,
        brand=brand,
        find=find,
        past=past,
        top=top,
        log=log,
        live=live,
        scope=scope,
        box=box,
        ask=ask,
        stop=stop,
        source=source,
        library_head=library_head,
        upload=upload,
        upload_hint=upload_hint,
        job=job,
        find_document=find_document,
        documents=documents,
        settings_head=settings_head,
        reader=reader,
        top_k=passages,
        strictness=strictness,
        theme=theme,
        language=language,
        apply=apply,
        applied=applied,
        opinions=opinions,
    )


def relabelled(
    widgets: Widgets, words: Words, preference: Preference, *, fixed_reader: bool
) -> dict[object, object]:
    """Updates that put every label into one language and every setting to its value."""
    choice = preference.choice
    themes = [(words(f"theme_{name}"), name) for name in THEMES]
    told: dict[object, object] = {
        widgets.find: _named(words("find_history")),
        widgets.box: gr.update(placeholder=words("placeholder"), label=words("question")),
        widgets.ask: gr.update(value=words("ask")),
        widgets.stop: gr.update(value=words("stop")),
        widgets.upload: gr.update(label=words("upload")),
        widgets.find_document: _named(words("find_documents")),
        widgets.language: gr.update(label=words("language"), value=preference.language),
        widgets.theme: gr.update(label=words("theme"), choices=themes, value=preference.theme),
        widgets.apply: gr.update(value=words("apply")),
    }
    model_hint = words("model_fixed" if fixed_reader else "model_hint")
    told[widgets.reader] = gr.update(
        label=words("model"), info=model_hint, value=choice.reader, interactive=not fixed_reader
    )
    told[widgets.top_k] = gr.update(label=words("top_k"), info=words("top_k_hint"), value=choice.top_k)
    told[widgets.strictness] = gr.update(
        label=words("strictness"), info=words("strictness_hint"), value=choice.abstain_below
    )
    return told


def _named(name: str) -> object:
    return gr.update(placeholder=name, label=name)
