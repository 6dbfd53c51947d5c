"""Many users at once on a server over loopback, against one user alone.

    python -m recipes.bench.load [--door chat] [--users 20] [--seconds 60] [--think 0] [--index index/corpus]

Starts ``rag serve``, or ``rag chat`` with ``--door chat``, then lets every user ask in conversations of
``eval/sets/dialogue.jsonl``, over and over, waiting ``--think`` seconds between an answer and the next
question: of ``serve`` by its streaming OpenAI endpoint, of ``chat`` by the queue of its page's ``/answer``.
Prints, for one user and for all: answers, errors, answers a second, median and 95th percentile of the time
to the first word (of ``chat``: to the whole answer, which comes at once) and to the whole answer. Each
answer is held to the one that a user alone was given: a difference counts as an error. Figures depend on
the machine; the ratios say more.
"""

import argparse
import asyncio
import json
import math
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

Messages = list[dict[str, str]]


@dataclass
class Tally:
    """What one way of asking measured, in milliseconds."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def conversations(path: Path) -> list[Messages]:
    """Every turn as the messages that lead to it."""
    made: list[Messages] = []
    for line in path.read_text("utf-8").splitlines():
        messages: Messages = []
        for turn in json.loads(line)["turns"]:
            messages = [*messages, {"role": "user", "content": turn["question"]}]
            made.append(messages)
            messages = [*messages, {"role": "assistant", "content": f"{turn['answers'][0]}입니다. [1]"}]
    return made


async def ask_serve(client: httpx.AsyncClient, messages: Messages, tally: Tally) -> str:
    """One answer streamed by ``rag serve``, timed."""
    started = time.perf_counter()
    first, text = 0.0, ""
    body = {"model": "geungeo", "messages": messages, "stream": True}
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if not line.startswith("data: {"):
                continue
            event = json.loads(line.removeprefix("data: "))
            if "error" in event:
                raise RuntimeError(event["error"]["message"])
            for choice in event["choices"]:
                piece = choice["delta"].get("content") or ""
                first = first or (time.perf_counter() - started if piece else 0.0)
                text += piece
    tally.first.append(first * 1e3)
    tally.whole.append((time.perf_counter() - started) * 1e3)
    return text


async def ask_chat(client: httpx.AsyncClient, messages: Messages, tally: Tally) -> str:
    """One answer by the chat page's own queue, as Gradio's clients call it, timed."""
    started = time.perf_counter()
    *before, question = [message["content"] for message in messages]
    history = [list(pair) for pair in zip(before[::2], before[1::2], strict=True)]
    joined = await client.post("/gradio_api/call/answer", json={"data": [question, history]})
    joined.raise_for_status()
    event = line = ""
    async with client.stream("GET", f"/gradio_api/call/answer/{joined.json()['event_id']}") as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            event = line.removeprefix("event: ") if line.startswith("event: ") else event
            if line.startswith("data: ") and event in {"complete", "error"}:
                break
    if event != "complete":
        raise RuntimeError(line)
    [record] = json.loads(line.removeprefix("data: "))
    taken = (time.perf_counter() - started) * 1e3
    tally.first.append(taken)
    tally.whole.append(taken)
    return str(record["answer"])


Ask = Callable[[httpx.AsyncClient, Messages, Tally], Awaitable[str]]
#: How to ask at each door, and a page that answers once the door is open.
DOORS: dict[str, tuple[Ask, str]] = {"serve": (ask_serve, "/api/health"), "chat": (ask_chat, "/config")}


async def user(
    ask: Ask,
    client: httpx.AsyncClient,
    asked: Sequence[Messages],
    wanted: dict[str, str],
    tally: Tally,
    seed: int,
    until: float,
    think: float,
) -> None:
    choose = random.Random(seed)
    while time.perf_counter() < until:
        messages = choose.choice(asked)
        key = json.dumps(messages)
        try:
            text = await ask(client, messages, tally)
            if wanted.setdefault(key, text) != text:
                tally.errors.append(f"{messages[-1]['content']}: {text!r}, alone {wanted[key]!r}")
        except (httpx.HTTPError, RuntimeError) as error:
            tally.errors.append(f"{type(error).__name__}: {error}")
        await asyncio.sleep(think)


async def measure(
    ask: Ask, url: str, asked: Sequence[Messages], users: int, seconds: float, think: float
) -> list[Tally]:
    limits = httpx.Limits(max_connections=users)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        wanted = {json.dumps(messages): await ask(client, messages, Tally()) for messages in asked}
        tallies = []
        for count in (1, users):
            tally = Tally()
            until = time.perf_counter() + seconds
            await asyncio.gather(
                *(user(ask, client, asked, wanted, tally, seed, until, think) for seed in range(count))
            )
            report(count, tally, seconds)
            tallies.append(tally)
    return tallies


def late(values: Sequence[float]) -> float:
    """The 95th percentile, by nearest rank."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else 0.0


def report(users: int, tally: Tally, seconds: float) -> None:
    n = len(tally.whole)
    print(
        f"{users} user(s): {n} answers in {seconds:.0f} s ({n / seconds:.1f}/s), {len(tally.errors)} errors"
    )
    for name, values in (("first word", tally.first), ("whole answer", tally.whole)):
        middle = statistics.median(values) if values else 0.0
        print(f"  {name:<13} median {middle:.0f} ms, p95 {late(values):.0f} ms")
    for error in tally.errors[:5]:
        print(f"  error: {error}")


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port: int = place.getsockname()[1]
        return port


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--door", choices=DOORS, default="serve")
    arguments.add_argument("--index", type=Path, default=Path("index/corpus"))
    arguments.add_argument("--set", type=Path, default=Path("eval/sets/dialogue.jsonl"))
    arguments.add_argument("--users", type=int, default=20)
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--turns", type=int, default=48, help="different questions asked")
    arguments.add_argument("--think", type=float, default=0.0)
    options = arguments.parse_args()
    ask, page = DOORS[options.door]
    asked = conversations(options.set)[: options.turns]
    with running(options.door, options.index, page) as url:
        print(f"rag {options.door}, {options.users} users for {options.seconds:.0f} s")
        alone, together = asyncio.run(measure(ask, url, asked, options.users, options.seconds, options.think))
    if alone.whole and together.whole:
        rate = len(together.whole) / len(alone.whole)
        print(
            f"ratio: {rate:.2f} times the answers, p95 {late(together.whole) / late(alone.whole):.1f} times"
        )
    sys.exit(1 if together.errors or alone.errors else 0)


@contextmanager
def running(door: str, index: Path, page: str) -> Iterator[str]:
    """The URL of ``rag serve`` or ``rag chat`` on loopback; the chat's conversations are thrown away."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "rag", door, "--index", str(index), "--port", str(port)]
        command += ["--data", data] if door == "chat" else []
        server = subprocess.Popen(command)
        try:
            wait_for(f"{url}{page}", server)
            yield url
        finally:
            server.terminate()
            server.wait(30)


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise SystemExit("the server ended")
        try:
            httpx.get(url).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("the server does not answer")


if __name__ == "__main__":
    main()
