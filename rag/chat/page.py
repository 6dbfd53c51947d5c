"""The page: widgets placed, events connected, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from rag.chat.event import Events
from rag.chat.room import Room
from rag.chat.widget import place
from rag.errors import GeungeoError
from rag.types import Turn

_HERE = Path(__file__).parent
#: Only fonts that the machine has: the page works without a network.
_FONTS = [
    "system-ui",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "sans-serif",
]
#: The style goes into the head, for Gradio would put its own container before each selector.
HEAD = (
    f"<style>{(_HERE / 'style.css').read_text('utf-8')}</style>"
    f"<script>{(_HERE / 'script.js').read_text('utf-8')}</script>"
)
THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.orange,
    neutral_hue=gr.themes.colors.stone,
    font=_FONTS,
    font_mono=["ui-monospace", "monospace"],
)
_REMEMBERED = "() => [geungeo.conversation()]"


def program(room: Room) -> Callable[[str, list[list[str]]], dict[str, Any]]:
    """What programs call as ``/answer`` by Gradio's own client."""

    def ask(question: str, history: list[list[str]] = []) -> dict[str, Any]:  # noqa: B006  # read only; its type is shown to clients
        """The answer to a question, with citations, as docs/json.md describes it.

        Args:
            question: In Korean.
            history: Earlier pairs of question and answer, oldest first, for a follow-up.
        """
        try:
            return dict(room.desk.record(question, [Turn(asked, told) for asked, told in history]))
        except (GeungeoError, ValueError) as error:
            raise gr.Error(str(error)) from None

    return ask


def build_page(room: Room) -> gr.Blocks:
    """The page on ``room``; state of a tab lives in its session."""
    with gr.Blocks(title="근거", analytics_enabled=False, fill_width=True, fill_height=True) as page:
        widgets = place(room.parts.choice.top_k)
        remembered = gr.Textbox(visible=False)
        events = Events(room, widgets)
        w = widgets
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        answers: dict[str, Any] = {"concurrency_limit": None, **quiet}
        everything = [getattr(w, name) for name in w.__dataclass_fields__]

        page.load(events.load, [remembered], everything, js=_REMEMBERED, **quiet)
        gr.on([w.box.submit, w.ask.click], events.ask, [w.box, w.tab], everything, **answers)
        w.stop.click(events.stop, None, None, concurrency_limit=None, **quiet)
        for region in w.pressed:
            region.click(events.press, [w.tab], everything, trigger_mode="multiple", **answers)
        w.upload.upload(events.upload, [w.upload, w.tab], everything, **answers)
        w.find.change(events.find, [w.find, w.tab], [w.tab, w.past], trigger_mode="always_last", **quiet)
        w.find_document.change(
            events.find_document,
            [w.find_document, w.tab],
            [w.tab, w.documents, w.scope, w.top],
            trigger_mode="always_last",
            **quiet,
        )
        for radio in (w.theme, w.language):
            radio.input(events.appear, [w.theme, w.language, w.tab], everything, **quiet)
        inputs = [w.reader, w.top_k, w.strictness, w.tab]
        w.apply.click(events.apply, inputs, [w.tab, w.applied], concurrency_limit=None, **quiet)
        gr.api(program(room), api_name="answer", concurrency_limit=None)  # type: ignore[attr-defined]  # public, but not exported
    made: gr.Blocks = page
    return made
