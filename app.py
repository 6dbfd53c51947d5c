"""The chat: Gradio widgets, a streaming callback, and rendering. Everything else is in ``rag``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from rag import Answer, Assistant, load_assistant, load_settings
from rag.errors import GeungeoError
from rag.render import to_html

Messages = list[dict[str, str]]

EXAMPLES = (
    "카카오 디지털 허브 완공 시점은?",
    "애플 개발자 아카데미 교육 기간은 얼마나 됩니까?",
    "새벽강도서관 연체료는 하루에 얼마인가요?",
    "카카오 디지털 허브의 시공사는 어디입니까?",
)
CSS = """
.gradio-container {
  font-family: system-ui, "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", sans-serif; }
.evidence h3 { font-size: .95rem; margin: .2rem 0 .6rem; }
.card { border: 1px solid var(--border-color-primary); border-radius: 12px; padding: .8rem 1rem;
  margin-bottom: .7rem; background: var(--background-fill-secondary); line-height: 1.65; }
.card header { font-weight: 600; margin-bottom: .3rem; }
.card p { white-space: pre-line; margin: 0; }
.card mark { background: #ffe08a; color: #1d1d1f; padding: 0 .15em; border-radius: 3px; }
.card footer { font-size: .8rem; opacity: .75; margin-top: .4rem; overflow-wrap: anywhere; }
@media (max-width: 640px) { #columns { flex-direction: column; } }
"""
WELCOME = '<section class="evidence"><h3>근거</h3><p>답을 받으면 인용한 곳이 여기에 나타납니다.</p></section>'


def reply(assistant: Assistant, question: str, messages: Messages) -> Iterator[tuple[Messages, str, str]]:
    """Stream one turn: messages so far, evidence as HTML, and an emptied question box."""
    messages = [*messages, {"role": "user", "content": question}]
    text = ""
    try:
        for event in assistant.stream(question):
            if isinstance(event, Answer):
                evidence = evidence_html(assistant, event)
                yield [*messages, {"role": "assistant", "content": event.text}], evidence, ""
            else:
                text += event.text
                yield [*messages, {"role": "assistant", "content": text}], WELCOME, ""
    except GeungeoError as error:
        yield [*messages, {"role": "assistant", "content": str(error)}], WELCOME, ""


def evidence_html(assistant: Assistant, answer: Answer) -> str:
    """Cards of an answer, with the documents that they show."""
    names = {c.document_id for c in answer.citations} | {hit.passage.document_id for hit in answer.hits}
    return to_html(answer, {name: assistant.document(name) for name in names})


def build_app(assistant: Assistant) -> gr.Blocks:
    """The page; state lives in each browser tab."""
    with gr.Blocks(title="근거", analytics_enabled=False) as page:
        gr.Markdown("# 근거\n문서에 있는 것만, 어디에 있는지 보이며 답합니다.")
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=3):
                # Documents' text must never run as HTML or Markdown.
                chat = gr.Chatbot(label="대화", render_markdown=False, sanitize_html=True, height=480)
                box = gr.Textbox(
                    label="질문", placeholder="예: 카카오 디지털 허브 완공 시점은?", autofocus=True
                )
                with gr.Row():
                    ask = gr.Button("묻기", variant="primary")
                    stop = gr.Button("멈춤")
                gr.Examples([[text] for text in EXAMPLES], box, label="이렇게 물어보세요")
            with gr.Column(scale=2):
                evidence = gr.HTML(WELCOME)

        def turn(question: str, messages: Messages) -> Iterator[tuple[Messages, str, str]]:
            yield from reply(assistant, question, messages)

        asked = gr.on([box.submit, ask.click], turn, [box, chat], [chat, evidence, box], api_name="ask")
        stop.click(None, cancels=[asked], api_visibility="private")
    made: gr.Blocks = page
    return made


def main() -> None:
    """Serve on loopback unless told otherwise."""
    arguments = argparse.ArgumentParser(description="근거 채팅")
    arguments.add_argument("--index", type=Path, default=Path("index/corpus"), help="색인 폴더")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=7860)
    options = arguments.parse_args()
    try:
        assistant = load_assistant(load_settings(), options.index)
    except GeungeoError as error:
        raise SystemExit(f"오류: {error}") from None
    build_app(assistant).launch(
        server_name=options.host, server_port=options.port, css=CSS, footer_links=[], max_file_size="1mb"
    )


if __name__ == "__main__":
    main()
