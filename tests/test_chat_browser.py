"""The page in a real Chromium, used as people use it: mouse, keyboard, phone, several at once."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from rag import build_index, load_settings
from rag.chat.room import Room
from rag.config import load_chat_settings
from tests.browser import CHROMIUM, ask, chromium, opened, served

if CHROMIUM is None and not os.environ.get("CI_BROWSER"):
    pytest.skip("no chromium here (.ci/run installs it)", allow_module_level=True)

CORPUS = Path(__file__).parents[1] / "corpus"
NAMES = ("kakao-digital-hub.md", "pohang-apple-center.md", "saebyeok-library-notice.md", "cheomseongdae.md")
QUESTION = "카카오 디지털 허브 완공 시점은?"
UNANSWERED = "카카오 디지털 허브의 시공사는 어디입니까?"
CUT_OFF = re.compile("^AbortError|Connection errored out")
NOTICE = "# 은빛마을 정전 안내\n\n은빛마을 정전은 2027년 3월 4일에 있다. 전기 안전 점검 때문이다.\n"
HOSTILE = """# <img src=x onerror="window.hurt=1">검은달 안내

검은달 축제의 입장료는 7,000원이다. <script>window.hurt=2</script> [눌러](javascript:window.hurt=3)
![표식](http://beacon.example/x.png) <iframe src="http://beacon.example/"></iframe>
${window.hurt=4} {{constructor}}
<svg onload="window.hurt=5"> <a href="javascript:window.hurt=6">여기</a> @children
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("chat")
    settings = load_settings({}, None, {})
    build_index(settings, [CORPUS / name for name in NAMES], place / "index", skip=lambda _: None)
    room = Room(settings, load_chat_settings(), place / "index", place / "data")
    room.suggestions.gather()
    with served(room, place / "data") as address:
        yield address
    room.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(locale="ko-KR", viewport={"width": 1280, "height": 800})
    yield made
    made.close()


@pytest.fixture
def faults() -> list[str]:
    """What went wrong in the page so far."""
    return []


@pytest.fixture
def page(context: BrowserContext, url: str, faults: list[str]) -> Iterator[Page]:
    """A page whose script never failed and which asked nobody else for anything."""
    made = context.new_page()
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    made.on("dialog", lambda dialog: faults.append(dialog.message))
    elsewhere: list[str] = []
    made.on(
        "request",
        lambda r: elsewhere.append(r.url) if not r.url.startswith((url, "data:", "blob:")) else None,
    )
    yield opened(made, url)
    assert faults == []
    assert elsewhere == []


def reload(page: Page, faults: list[str]) -> None:
    """Load the page again; requests that this cuts off are no faults, though Gradio says they are."""
    assert faults == []
    page.reload()
    page.wait_for_selector("body[data-ready]")
    faults[:] = [fault for fault in faults if not CUT_OFF.search(fault)]


def test_from_the_first_question_to_the_highlighted_citation(page: Page) -> None:
    ask(page, QUESTION)
    answer = page.locator("#log .turn").last
    expect(answer.locator(".said")).to_contain_text("2029년입니다.")
    expect(answer.locator(".card")).to_contain_text("카카오, 남양주 왕숙에 디지털 허브 짓는다")
    expect(answer.locator(".facts")).to_contain_text(re.compile(r"확신 (높음|보통).*초"))
    answer.locator("button.marker").first.click()
    mark = page.locator("#source mark")
    expect(mark).to_have_text("카카오 디지털 허브의 완공 시점은 2029년으로 잡았다.")
    expect(mark).to_be_in_viewport()
    expect(page.locator("#source .cited")).to_contain_text("문을 열면 카카오 임직원 150여 명")
    expect(page.locator("#source h2")).to_have_text("카카오, 남양주 왕숙에 디지털 허브 짓는다")
    expect(page.locator("#source .source-facts")).to_contain_text("2025-06-13")


def test_everything_by_keyboard(page: Page) -> None:
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 700, "y": 60})
    page.keyboard.press("/")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    marker = page.locator("#log button.marker")
    marker.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#source mark")).to_be_visible()
    expect(page.locator("#source h2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#source mark")).to_be_hidden()
    expect(marker).to_be_focused()
    page.keyboard.press("Alt+n")
    expect(page.locator("#log .welcome")).to_be_visible()


def test_every_control_has_a_name_and_the_page_a_language(page: Page) -> None:
    ask(page, QUESTION)
    page.click("#brand [data-act=settings]")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('#frame button, #frame input, #frame textarea')]
        .filter((one) => one.offsetParent && !(one.getAttribute('aria-label') || one.title
          || one.innerText.trim() || (one.labels && one.labels.length)
          || one.getAttribute('aria-labelledby')))
        .map((one) => one.outerHTML.slice(0, 200))"""
    )
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "ko"
    for role in ("navigation", "main", "complementary", "log"):
        assert page.locator(f"[role={role}]").count() >= 1


def test_a_refusal_offers_what_can_be_answered(page: Page) -> None:
    ask(page, UNANSWERED)
    answer = page.locator("#log .turn .answer.refused")
    expect(answer).to_contain_text("문서에 답이 없습니다")
    expect(answer.locator(".card")).to_have_count(0)
    answer.locator(".passage").first.click()
    expect(page.locator("#source mark").first).to_be_visible()
    page.keyboard.press("Escape")
    answer.locator(".chip").first.click()
    expect(page.locator("#log .turn")).to_have_count(2)
    expect(page.locator("#log .turn").last.locator(".answer.answered")).to_be_visible()


def test_a_double_click_on_an_example_asks_once(page: Page) -> None:
    page.locator("#log .welcome .chip").first.dblclick()
    expect(page.locator("#log .turn .answer.answered")).to_have_count(1)
    ask(page, QUESTION)
    expect(page.locator("#log .turn")).to_have_count(2)
    expect(page.locator("#past li")).to_have_count(1)


def test_a_follow_up_is_shown_as_it_was_asked(page: Page) -> None:
    ask(page, QUESTION)
    ask(page, "그럼 면적은?")
    last = page.locator("#log .turn").last
    expect(last.locator(".complete")).to_contain_text("카카오 디지털 허브의 면적은?")
    expect(last.locator(".said")).to_contain_text("92,000㎡")


def test_from_upload_to_answer_to_removal(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "은빛마을 정전 안내.md"
    path.write_text(NOTICE, "utf-8")
    page.click("#brand [data-act=documents]")
    expect(page.locator("#documents li")).to_have_count(4)
    page.set_input_files("#upload input[type=file]", path)
    expect(page.locator("#job .job.done")).to_be_visible()
    expect(page.locator("#top .state")).to_contain_text("문서 5개")
    ask(page, "은빛마을 정전은 언제인가?")
    expect(page.locator("#log .said")).to_contain_text("2027년 3월 4일")
    page.fill("#find-document input, #find-document textarea", "은빛")
    row = page.locator("#documents li")
    expect(row).to_have_count(1)
    row.locator("[data-act=choose]").click()
    expect(page.locator("#scope")).to_contain_text("1개 문서에서만")
    ask(page, QUESTION)
    expect(page.locator("#log .turn").last).not_to_contain_text("2029")
    row.locator(".name").click()
    expect(page.locator("#source .text")).to_contain_text("전기 안전 점검 때문이다.")
    page.click("#brand [data-act=documents]")
    row.locator("[data-act=confirm]").click()
    row.locator(".danger").click()
    expect(page.locator("#top .state")).to_contain_text("문서 4개")
    expect(page.locator("#scope .scope")).to_have_count(0)


def test_text_of_documents_is_never_run(page: Page, tmp_path: Path) -> None:
    (tmp_path / "검은달<img src=x onerror=window.hurt=7>.md").write_text(HOSTILE, "utf-8")
    page.click("#brand [data-act=documents]")
    page.set_input_files("#upload input[type=file]", next(tmp_path.iterdir()))
    expect(page.locator("#job .job.done")).to_be_visible()
    ask(page, "검은달 축제의 입장료는 얼마인가?")
    expect(page.locator("#log .said")).to_contain_text("7,000원")
    page.click("#log button.marker")
    source = page.locator("#source")
    for text in (
        "<script>window.hurt=2</script>",
        "[눌러](javascript:window.hurt=3)",
        "${window.hurt=4}",
        "@children",
    ):
        expect(source).to_contain_text(text)
    ask(page, "<img src=x onerror=window.hurt=8> {{constructor}} ${window.hurt=9} 입장료?")
    expect(page.locator("#log .asked").last).to_contain_text(
        "<img src=x onerror=window.hurt=8> {{constructor}}"
    )
    assert page.locator("#frame img, #frame iframe, #frame script, #frame a[href^=javascript]").count() == 0
    assert page.evaluate("window.hurt") is None
    page.click("#brand [data-act=documents]")
    row = page.locator("#documents li", has_text="검은달")
    row.locator("[data-act=confirm]").click()
    row.locator(".danger").click()
    expect(row).to_have_count(0)


def test_history_after_reload_found_renamed_exported_deleted(page: Page, faults: list[str]) -> None:
    ask(page, QUESTION)
    reload(page, faults)
    expect(page.locator("#log .said")).to_contain_text("2029년입니다.")
    page.click("#brand [data-act=new]")
    expect(page.locator("#log .welcome")).to_be_visible()
    ask(page, "첨성대는 언제 국보로 지정되었나요?")
    expect(page.locator("#past li")).to_have_count(2)
    page.fill("#find input, #find textarea", "디지털")
    rows = page.locator("#past li")
    expect(rows).to_have_count(1)
    rows.hover()
    rows.locator("[data-act=rename]").click()
    page.keyboard.type("허브 이야기")
    page.keyboard.press("Enter")
    page.fill("#find input, #find textarea", "")
    row = page.locator("#past li", has_text="허브 이야기")
    expect(row).to_have_count(1)
    row.hover()
    with page.expect_download() as download:
        row.locator("a[download]").click()
    text = Path(download.value.path()).read_text("utf-8")
    assert text.startswith("# 허브 이야기\n")
    assert "카카오 디지털 허브의 완공 시점은 2029년으로 잡았다." in text
    row.locator(".name").click()
    expect(page.locator("#log .said")).to_contain_text("2029년입니다.")
    row.locator("[data-act=confirm]").click()
    row.locator(".danger").click()
    expect(page.locator("#past li")).to_have_count(1)
    expect(page.locator("#log .welcome")).to_be_visible()


def test_opinions_copy_and_again(page: Page, context: BrowserContext, url: str) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, QUESTION)
    page.click("#log [data-act=copy]")
    expect(page.locator("#told")).to_have_text("복사했습니다")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("2029년입니다. [1]\n")
    assert "“카카오 디지털 허브의 완공 시점은 2029년으로 잡았다.”" in copied
    page.click("#log [data-act=good]")
    expect(page.locator("#log [data-act=good]")).to_have_attribute("aria-pressed", "true")
    assert "2029년" in context.request.get(f"{url}/export/good.jsonl").text()
    page.click("#log [data-act=bad]")
    page.fill("#log .opinion input", "더 자세히")
    page.keyboard.press("Enter")
    expect(page.locator("#log .opinion input")).to_have_value("더 자세히")
    page.click("#log [data-act=again]")
    expect(page.locator("#log [data-act=bad]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#log .turn")).to_have_count(1)


def test_two_people_at_once_do_not_mix(page: Page, browser: Browser, url: str) -> None:
    others = browser.new_context(locale="ko-KR")
    other = opened(others.new_page(), url)
    page.fill("#box textarea", QUESTION)
    other.fill("#box textarea", "새벽강도서관 연체료는 하루에 얼마인가요?")
    page.press("#box textarea", "Enter")
    other.press("#box textarea", "Enter")
    expect(page.locator("#log .said")).to_contain_text("2029년입니다.")
    expect(other.locator("#log .said")).to_contain_text("원")
    for one in (page, other):
        expect(one.locator("#past li")).to_have_count(1)
        expect(one.locator("#log .turn")).to_have_count(1)
    expect(other.locator("#past li")).to_contain_text("새벽강도서관")
    others.close()


def test_phone_width(browser: Browser, url: str) -> None:
    phone = browser.new_context(
        locale="ko-KR", viewport={"width": 375, "height": 720}, is_mobile=True, has_touch=True
    )
    page = opened(phone.new_page(), url)
    ask(page, QUESTION)
    widths = "[document.documentElement, document.querySelector('#scroll')].map((one) => one.scrollWidth)"
    assert max(page.evaluate(widths)) <= 375
    page.tap("#log button.marker")
    expect(page.locator("#source mark")).to_be_in_viewport()
    assert page.locator("#pane").bounding_box() == {"x": 0, "y": 0, "width": 375, "height": 720}
    page.tap("#source [data-act=close]")
    page.tap("#top [data-act=menu]")
    expect(page.locator("#past li")).to_be_in_viewport()
    page.tap("#past li .name")
    expect(page.locator("#past")).not_to_be_in_viewport()
    tools = "[...document.querySelectorAll('#log button.tool, #top button')].filter((b) => b.offsetParent)"
    small = page.evaluate(f"{tools}.filter((b) => b.offsetHeight < 32).length")
    assert small == 0
    phone.close()


def test_settings_stay_and_speak_english(page: Page, faults: list[str]) -> None:
    page.click("#brand [data-act=settings]")
    page.click("#theme label:has-text('어둡게')")
    expect(page.locator("body")).to_have_class(re.compile(r"\bdark\b"))
    page.click("#language label:has-text('English')")
    expect(page.locator("#ask")).to_have_text("Ask")
    expect(page.locator("#settings h2")).to_have_text("Settings")
    page.fill("#reader input, #reader textarea", "/없는/모델.gguf")
    page.click("#apply")
    expect(page.locator("#applied .notice")).to_be_visible()
    page.fill("#reader input, #reader textarea", "none")
    page.click("#apply")
    expect(page.locator("#applied .note")).to_contain_text("Settings changed.")
    reload(page, faults)
    page.wait_for_selector("body.dark #log .welcome")
    expect(page.locator("#box textarea")).to_have_attribute("placeholder", "Ask about the documents")
    assert page.evaluate("document.documentElement.lang") == "en"
    ask(page, QUESTION)
    expect(page.locator("#log .facts")).to_contain_text("Confidence")
    channels = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(channels) < 60


def test_dark_devices_get_a_dark_page(browser: Browser, url: str) -> None:
    dark = browser.new_context(color_scheme="dark")
    page = opened(dark.new_page(), url)
    expect(page.locator("body")).to_have_class(re.compile(r"\bdark\b"))
    dark.close()
