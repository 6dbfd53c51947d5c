"""Time through the page: from Enter to the first word and to the whole answer, as a browser shows them."""

import json
import statistics
from pathlib import Path

from playwright.sync_api import Page

from rag.chat.room import Room
from rag.config import load_chat_settings, load_settings
from tests.browser import CHROMIUM, chromium, opened, served

#: Notes when the first word of an answer, and when all of it, is in the page. What streams stands in #live.
_WATCH = """() => {
  window.times = {};
  const turns = document.querySelectorAll('#log .turn').length;
  const look = () => {
    const word = document.querySelector('#live .said');
    const whole = document.querySelectorAll('#log .turn').length > turns;
    if ((word || whole) && !times.first) times.first = performance.now();
    if (whole && !times.whole) { times.whole = performance.now(); watch.disconnect(); }
  };
  const watch = new MutationObserver(look);
  watch.observe(document.querySelector('#scroll'), { childList: true, subtree: true, characterData: true });
  const began = () => { times.began = performance.now(); };
  document.querySelector('#box textarea').addEventListener('keydown', began, { once: true, capture: true });
}"""


def _asked(page: Page, question: str) -> tuple[float, float]:
    """Milliseconds to the first word and to the whole answer."""
    page.fill("#box textarea", question)
    page.evaluate(_WATCH)
    page.press("#box textarea", "Enter")
    page.wait_for_function("window.times.whole")
    page.wait_for_selector("#ask:visible")
    times = page.evaluate("window.times")
    return times["first"] - times["began"], times["whole"] - times["began"]


def page_speed(index: Path, data: Path, questions: list[str]) -> None:
    """Print medians and 95th percentiles; the first question warms caches and is not counted."""
    if CHROMIUM is None:
        print("page                  not measured: no chromium")
        return
    room = Room(load_settings(), load_chat_settings(), index, data)
    with served(room, data) as url, chromium() as browser:
        page = opened(browser.new_page(locale="ko-KR"), url)
        times = []
        for question in questions:
            times.append(_asked(page, question))
            page.click("#brand [data-act=new]")
            page.wait_for_selector("#log .welcome")
    room.close()
    for name, column in zip(("first word", "whole answer"), zip(*times[1:], strict=True), strict=True):
        ordered = sorted(column)
        late = ordered[int(0.95 * (len(ordered) - 1))]
        print(
            f"page {name:<17}median {statistics.median(ordered):.0f} ms, p95 {late:.0f} ms ({len(ordered)})"
        )


def main() -> None:
    """Only this part of ``make bench``, on the index of the corpus."""
    lines = Path("eval/sets/smoke.jsonl").read_text("utf-8").splitlines()
    page_speed(
        Path("index/corpus"), Path("index/bench.chat"), [json.loads(line)["question"] for line in lines]
    )


if __name__ == "__main__":
    main()
