"""Pictures of the chat for the README, taken in a headless Chromium on the project's own corpus.

python -m recipes.screenshots [--out docs/images]
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from rag import build_index, load_settings
from rag.chat.room import Room
from rag.config import load_chat_settings
from tests.browser import ask, chromium, opened, served

QUESTION = "카카오 디지털 허브 완공 시점은?"
UNANSWERED = "카카오 디지털 허브의 시공사는 어디입니까?"
DESKTOP = {"width": 1360, "height": 850}
PHONE = {"width": 390, "height": 844}
NOTICE = (
    "# 은빛마을 정전 안내\n\n발행: 2027-02-20 · 은빛마을 관리소\n\n은빛마을 정전은 2027년 3월 4일에 있다.\n"
)


@contextmanager
def tab(browser: Browser, url: str, **options: object) -> Iterator[Page]:
    """A new visitor's page; motion is off, so that a picture is the same each time."""
    context = browser.new_context(locale="ko-KR", reduced_motion="reduce", **options)
    yield opened(context.new_page(), url)
    context.close()


def desktop(browser: Browser, url: str, out: Path) -> None:
    with tab(browser, url, viewport=DESKTOP) as page:
        page.screenshot(path=out / "welcome.png")
        ask(page, QUESTION)
        page.click("#log button.marker")
        page.wait_for_selector("#source mark")
        page.screenshot(path=out / "answer.png")
        page.keyboard.press("Escape")
        ask(page, UNANSWERED)
        page.screenshot(path=out / "refusal.png")


def documents(browser: Browser, url: str, out: Path, place: Path) -> None:
    with tab(browser, url, viewport=DESKTOP) as page:
        (place / "은빛마을 정전 안내.md").write_text(NOTICE, "utf-8")
        page.click("#brand [data-act=documents]")
        page.set_input_files("#upload input[type=file]", place / "은빛마을 정전 안내.md")
        page.wait_for_selector("#job .done")
        page.fill("#find-document input, #find-document textarea", "안내")
        page.wait_for_function("document.querySelectorAll('#documents li').length < 20")
        page.click("#documents li:has-text('은빛마을') [data-act=choose]")
        page.wait_for_selector("#scope .scope")
        ask(page, "은빛마을 정전은 언제인가?")
        page.screenshot(path=out / "documents.png")


def dark(browser: Browser, url: str, out: Path) -> None:
    with tab(browser, url, viewport=DESKTOP, color_scheme="dark") as page:
        ask(page, "애플 개발자 아카데미 교육 기간은 얼마나 됩니까?")
        ask(page, QUESTION)
        page.click("#log .turn:last-child button.marker")
        page.wait_for_selector("#source mark")
        page.screenshot(path=out / "dark.png")
        page.click("#brand [data-act=settings]")
        page.click("#language label:has-text('English')")
        page.wait_for_selector("#ask:has-text('Ask')")
        page.screenshot(path=out / "settings.png")


def phone(browser: Browser, url: str, out: Path) -> None:
    options = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
    with tab(browser, url, **options) as page:
        ask(page, QUESTION)
        page.screenshot(path=out / "phone-answer.png")
        page.tap("#log button.marker")
        page.wait_for_selector("#source mark")
        time.sleep(0.3)  # the panel scrolls to the words
        page.screenshot(path=out / "phone-source.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=Path("docs/images"))
    out = arguments.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        settings = load_settings()
        build_index(settings, [Path("corpus")], place / "index", skip=print)
        room = Room(settings, load_chat_settings(), place / "index", place / "data")
        room.suggestions.gather()
        with served(room, place / "data") as url, chromium() as browser:
            desktop(browser, url, out)
            dark(browser, url, out)
            phone(browser, url, out)
            documents(browser, url, out, place)
        room.close()
    print(f"{len(list(out.glob('*.png')))} pictures in {out}")


if __name__ == "__main__":
    main()
