"""What the page shows: nothing of a document is markup, and every answer carries its proofs."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chat import panel, source, view
from rag.chat.exchange import Ending, Exchange
from rag.chat.history import Conversation, Turn
from rag.chat.library import Job, Stage
from rag.chat.markup import safe
from rag.chat.words import LANGUAGES, words
from rag.types import Document
from tests.test_chat_history import ANSWER, CARD, REFUSAL

KO = words("ko")
TAGS = {
    "article",
    "div",
    "p",
    "span",
    "button",
    "svg",
    "path",
    "ul",
    "li",
    "b",
    "q",
    "small",
    "h1",
    "h2",
    "h3",
}
TAGS |= {"header", "mark", "a", "form", "input", "section", "nav", "i", "progress"}


class Shown(HTMLParser):
    """Elements, attributes and text of a piece of HTML, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_word_is_said_somewhere() -> None:
    files = (path for path in Path(view.__file__).parent.iterdir() if path.suffix in {".py", ".html", ".js"})
    written = "".join(path.read_text("utf-8") for path in files)
    put_together = tuple(re.findall(r'f"([a-z]+_)\{', written))
    plain = (name for name in KO.names if not name.startswith(put_together))
    assert [name for name in plain if not re.search(rf"""["']{name}["']""", written)] == []


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "[x](javascript:alert(1)) ![](http://evil.example/beacon.png)",
    "${alert(1)} {{constructor}} {{{x}}} @children `x`",
    "&lt;b&gt; &#60;script&#62;",
    "<!-- --><svg/onload=alert(1)>",
    "\ud800\0\u202e",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_everywhere(text: str) -> None:
    card = replace(CARD, title=text, publisher=text, place=text, source=text, quote=text, document_id=text)
    said = replace(ANSWER, asked=text, text=f"{text} [3]", complete=text, cards=(card,), unsupported=(text,))
    no = replace(REFUSAL, asked=text, cards=(card,), suggestions=(text,))
    document = Document(text, text, f"앞\n{text}\n뒤", source=text, publisher=text)
    job = Job((text,), Stage.FAILED, notes=[text])
    html = [
        view.log([Turn(1, said, False, text), Turn(2, no, None, "")], KO),
        view.live(text, text, f"{text} [1]", KO),
        view.welcome([text], KO, empty=False),
        source.cited(card, document, KO),
        source.whole(document, KO),
        panel.conversations([Conversation(1, text, "")], 1, KO, searched=False),
        panel.documents([document], [text], KO),
        panel.scope([text], KO),
        panel.job(job, KO),
        view.log([Turn(3, Exchange(text, Ending.FAILED, text), None, "")], KO),
    ]
    for piece in html:
        shown = Shown(piece)
        assert set(shown.tags) <= TAGS
        assert not [name for name, _ in shown.attributes if name.startswith("on")]
        links = [value for name, value in shown.attributes if name in {"href", "src"}]
        assert all(link.startswith(("/export/", "https://", "http://", "#")) for link in links)
        assert not re.search(r"[${}@`]", piece)


@given(st.text(max_size=80))
def test_safe_text_reads_back(text: str) -> None:
    shown = Shown(f'<p title="{safe(text)}">{safe(text)}</p>')
    unseen = re.compile("[\ud800-\udfff\0\u202a-\u202e\u2066-\u2069]")
    expected = unseen.sub("\N{REPLACEMENT CHARACTER}", text)
    assert shown.tags == ["p"]
    assert shown.attributes == [("title", expected)]
    assert shown.text == expected


def test_each_marker_opens_its_card() -> None:
    two = replace(
        ANSWER, text="하나입니다. [3] 둘입니다. [5] 셋입니다. [9]", cards=(CARD, replace(CARD, marker=5))
    )
    html = view.log([Turn(7, two, None, "")], KO)
    buttons = re.findall(r'class="marker" data-act="source"[^>]*data-turn="7" data-card="(\d)">(\d)<', html)
    assert buttons == [("0", "1"), ("1", "2")]
    assert "[9]" not in html  # names no evidence
    assert html.count('class="card"') == 2
    assert "확신 높음" in html
    assert "지어낸 말" in html


def test_a_refusal_looks_different_and_offers_passages_and_questions() -> None:
    html = view.log([Turn(1, REFUSAL, None, "")], KO)
    assert "answer refused" in html
    assert "문서에 답이 없습니다" in html
    assert 'class="passage"' in html
    assert 'data-act="ask"' in html
    assert 'class="card"' not in html


@pytest.mark.parametrize(
    ("value", "level"), [(1.0, "high"), (0.8, "high"), (0.79, "middle"), (0.5, "middle"), (0.49, "low")]
)
def test_confidence_in_words(value: float, level: str) -> None:
    assert view.confidence(value) == level


def test_copied_text_has_the_sources() -> None:
    assert view.plain(ANSWER).splitlines() == [
        "2029년입니다. [1]",
        "",
        "[1] 카카오, 허브 짓는다 · 편집부 · 2025-06-13 · 일정",
        "    “완공 시점은 2029년으로 잡았다.”",
        "    https://example.com/a",
    ]


TEXT = "첫 문단이다.\n\n앞말 완공 시점은 2029년으로 잡았다. 뒷말\n## 제목\n끝"


def placed(text: str = TEXT) -> source.Card:
    start = text.index(CARD.quote)
    return replace(CARD, start=start, end=start + len(CARD.quote))


def test_the_cited_words_are_marked_in_their_paragraph() -> None:
    html = source.cited(placed(), Document("허브.md", "제목", TEXT), KO)
    paragraph = re.search(r'<p class="cited">(.*?)</p>', html)
    assert paragraph
    assert Shown(paragraph[1]).text == "앞말 완공 시점은 2029년으로 잡았다. 뒷말"
    assert re.findall(r"<mark[^>]*>(.*?)</mark>", html) == [CARD.quote]
    for fact in ("편집부", "2025-06-13", "일정", 'href="https://example.com/a"'):
        assert fact in html


def test_words_that_span_paragraphs_are_marked_in_each() -> None:
    quote = "첫 문단이다.\n\n앞말"
    card = replace(CARD, start=0, end=len(quote), quote=quote)
    html = source.cited(card, Document("허브.md", "제목", TEXT), KO)
    assert re.findall(r"<mark[^>]*>(.*?)</mark>", html) == ["첫 문단이다.", "앞말"]


def test_a_changed_or_removed_document_is_said() -> None:
    moved = source.cited(replace(placed(), start=0, end=3), Document("허브.md", "제목", TEXT), KO)
    assert CARD.quote in moved
    assert KO("source_moved") in moved
    for gone in (None, Document("허브.md", "제목", "다른 글")):
        html = source.cited(placed(), gone, KO)
        assert KO("source_gone") in html
        assert CARD.quote in html


def test_a_long_document_is_cut_around_the_words() -> None:
    text = "가" * 50_000 + f"\n{CARD.quote}\n" + "나" * 50_000
    html = source.cited(placed(text), Document("허브.md", "제목", text), KO)
    assert len(html) < 3 * source.MARGIN_CHARS
    assert html.count('class="cut"') == 2
    assert f'<mark aria-label="{KO("cited_here")}">{CARD.quote}</mark>' in html


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "//evil", "file:///etc/passwd", ""]
)
def test_only_web_addresses_become_links(link: str) -> None:
    assert "href" not in source.cited(replace(placed(), source=link), Document("a", "b", TEXT), KO)


def test_both_languages_have_every_word_with_the_same_places() -> None:
    tables = [words(language) for language, _ in LANGUAGES]
    assert tables[0].names == tables[1].names
    for name in tables[0].names:
        places = [sorted(re.findall(r"\{(\w+)\}", table._table[name])) for table in tables]
        assert places[0] == places[1], name
    assert words("xx")("ask") == "묻기"
