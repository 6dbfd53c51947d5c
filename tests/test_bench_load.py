"""The load test asks the chat by the endpoint that its page offers, and takes an error for an error."""

import asyncio
from pathlib import Path

import httpx
import pytest

from rag import build_index, load_settings
from rag.chat.door import Door
from rag.chat.room import Room
from rag.chat.server import create_app
from rag.config import load_chat_settings
from recipes.bench.load import Messages, Tally, ask_chat, late
from tests.server import served

ROOT = Path(__file__).parents[1]
ASKED = "영국에서 처음 커피하우스가 문을 연 해는?"


def said(*words: str) -> Messages:
    return [{"role": ("user", "assistant")[row % 2], "content": text} for row, text in enumerate(words)]


def test_the_chat_is_asked_by_its_own_endpoint(tmp_path: Path) -> None:
    settings = load_settings({"reader": "none"}, None, {})
    build_index(settings, [ROOT / "corpus" / "coffee.md"], tmp_path / "index", skip=lambda _: None)
    room = Room(settings, load_chat_settings(), tmp_path / "index", tmp_path / "data")
    tally = Tally()

    async def ask(url: str, messages: Messages) -> str:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            return await ask_chat(client, messages, tally)

    try:
        with served(create_app(room, Door(tmp_path / "index", tmp_path / "data", "127.0.0.1", 1))) as url:
            assert "커피하우스" in asyncio.run(ask(url, said(ASKED)))
            assert asyncio.run(ask(url, said(ASKED, "1650년입니다. [1]", "그럼 런던은?")))
            with pytest.raises(RuntimeError):
                asyncio.run(ask(url, said(" ")))
    finally:
        room.close()
    assert len(tally.whole) == 2


def test_the_95th_percentile_is_never_below_the_middle() -> None:
    assert (late([1.0, 2.0]), late([7.0]), late([float(n) for n in range(1, 101)])) == (2.0, 7.0, 95.0)
