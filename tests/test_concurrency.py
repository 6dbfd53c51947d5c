"""Many users at once: the same answers as one after another, with the models that ship."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag import Answer, Assistant, build_index, load_assistant, load_settings
from rag.dialogue.phrase import parse
from rag.encoder import SentenceEncoder
from rag.evidence.question import ask as ask_question
from rag.evidence.view import view
from rag.types import Turn

ROOT = Path(__file__).parents[1]
THREADS = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("concurrency")
    build_index(load_settings(), [ROOT / "corpus"], place, skip=print)
    return place


def asked() -> list[tuple[str, tuple[Turn, ...]]]:
    """Questions, some of them follow-ups with a history of their own."""
    lines = (ROOT / "eval/sets/smoke.jsonl").read_text("utf-8").splitlines()
    alone: list[tuple[str, tuple[Turn, ...]]] = [(json.loads(line)["question"], ()) for line in lines]
    topics = ("카카오 디지털 허브 완공 시점은?", "한라산은 언제 국립공원이 됐어?", "첨성대는 어디에 있어?")
    follow_ups = ("면적은?", "그럼 높이는?", "거기는 언제 생겼어?")
    return [*alone, *((later, (Turn(topic, ""),)) for topic in topics for later in follow_ups)]


def forget() -> None:
    """Empty what is remembered of texts, so that neither way of asking profits from the other."""
    for cached in (view, ask_question, parse):
        cached.cache_clear()
    SentenceEncoder.load().forget()


def said(answer: Answer) -> tuple[object, ...]:
    return (answer.text, answer.interpreted, answer.citations, answer.hits, answer.confidence)


def test_threads_do_not_mix_conversations(folder: Path) -> None:
    shared = load_assistant(load_settings(), folder)
    work = asked()

    def ask(item: tuple[str, Sequence[Turn]]) -> tuple[object, ...]:
        return said(shared.ask(*item))

    forget()
    with ThreadPoolExecutor(THREADS) as pool:  # each question twice, so that caches are met half-filled
        got = list(pool.map(ask, work * 2))
    forget()
    alone = load_assistant(load_settings(), folder)
    assert got == [said(alone.ask(question, history)) for question, history in work] * 2


def test_interleaved_streams_stay_apart(folder: Path) -> None:
    assistant: Assistant = load_assistant(load_settings(), folder)
    questions = [question for question, _ in asked()[:6]]
    streams = [assistant.stream(question) for question in questions]
    ends: list[Answer] = []
    while streams:
        for stream in list(streams):
            event = next(stream, None)
            if event is None:
                streams.remove(stream)
            elif isinstance(event, Answer):
                ends.append(event)
    assert {end.question: said(end) for end in ends} == {q: said(assistant.ask(q)) for q in questions}
