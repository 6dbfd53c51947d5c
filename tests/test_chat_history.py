"""Conversations stay with their visitor, survive strange text, and leave as files that can be read back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from eval.case import load_set
from rag.chat.exchange import Card, Ending, Exchange
from rag.chat.export import plain_markdown, to_cases, to_complaints, to_markdown
from rag.chat.history import History, Turn
from rag.chat.words import words

CARD = Card(
    marker=3,
    document_id="허브.md",
    title="카카오, 허브 짓는다",
    publisher="편집부",
    published="2025-06-13",
    place="일정",
    source="https://example.com/a",
    start=10,
    end=25,
    quote="완공 시점은 2029년으로 잡았다.",
    support=0.9,
)
ANSWER = Exchange(
    asked="완공 시점은?",
    ending=Ending.ANSWERED,
    text="2029년입니다. [3]",
    complete="카카오 디지털 허브 완공 시점은?",
    short="2029년",
    confidence=0.9,
    seconds=0.1,
    cards=(CARD,),
    unsupported=("지어낸 말",),
    model="reader-1",
)
REFUSAL = Exchange(
    "시공사는?", Ending.REFUSED, "찾지 못했습니다.", cards=(replace(CARD, marker=0),), suggestions=("언제?",)
)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "deep" / "history.sqlite")


def test_an_exchange_comes_back_as_it_was() -> None:
    assert Exchange.from_json(ANSWER.to_json()) == ANSWER
    later = json.dumps(json.loads(ANSWER.to_json()) | {"of_a_later_version": 1})
    assert Exchange.from_json(later) == ANSWER


def test_turns_are_kept_in_order_and_after_reopening(history: History, tmp_path: Path) -> None:
    shelf = history.of("가")
    talk = shelf.begin(ANSWER.asked)
    first, second = shelf.append(talk, ANSWER), shelf.append(talk, REFUSAL)
    again = History(tmp_path / "deep" / "history.sqlite").of("가")
    assert [(turn.id, turn.exchange) for turn in again.turns(talk)] == [(first, ANSWER), (second, REFUSAL)]
    shelf.replace(first, REFUSAL)
    assert [turn.exchange for turn in again.turns(talk)] == [REFUSAL, REFUSAL]


def test_nobody_reaches_another_visitors_rows(history: History) -> None:
    mine, other = history.of("가"), history.of("나")
    talk = mine.begin("비밀")
    turn = mine.append(talk, ANSWER)
    mine.judge(turn, True)
    assert other.conversations() == [] == other.turns(talk) == other.judged()
    assert other.turn(turn) is None
    assert other.conversation(talk) is None
    other.rename(talk, "내 것")
    other.judge(turn, False, "x")
    other.replace(turn, REFUSAL)
    other.delete(talk)
    with pytest.raises(KeyError):
        other.append(talk, REFUSAL)
    kept = mine.turns(talk)
    assert [(one.exchange, one.good, one.reason) for one in kept] == [(ANSWER, True, "")]
    assert mine.conversations()[0].title == "비밀"
    assert "가" not in (Path(history._path).read_bytes().decode("latin-1"))  # the token itself is not kept


def test_conversations_are_found_by_title_question_and_answer(history: History) -> None:
    shelf = history.of("가")
    first, second = shelf.begin("허브"), shelf.begin("Seoul 올림픽")
    shelf.append(first, ANSWER)
    shelf.append(second, REFUSAL)
    assert [one.id for one in shelf.conversations()] == [second, first]
    for query, expected in (
        ("2029년", [first]),
        ("seoul", [second]),
        ("완공 2029", [first]),
        ("%", []),
        ("_", []),
    ):
        assert [one.id for one in shelf.conversations(query)] == expected, query
    decomposed = "\u1112\u1165\u1107\u1173"  # 허브 as a Mac writes it
    assert [one.id for one in shelf.conversations(decomposed)] == [first]


def test_a_whole_page_can_be_searched_for(history: History) -> None:
    shelf = history.of("가")
    talk = shelf.begin("허브")
    shelf.append(talk, ANSWER)
    assert [one.id for one in shelf.conversations("완공 " * 5000)] == [talk]


def test_rename_and_delete(history: History) -> None:
    shelf = history.of("가")
    talk = shelf.begin("x" * 500)
    assert len(shelf.conversations()[0].title) == 60
    shelf.rename(talk, "  ")
    shelf.rename(talk, "새\n이름")
    assert shelf.conversations()[0].title == "새 이름"
    turn = shelf.append(talk, ANSWER)
    shelf.delete(talk)
    assert (shelf.conversations(), shelf.turns(talk), shelf.turn(turn)) == ([], [], None)


@pytest.mark.parametrize("text", ["\ud800", "\0", "'; DROP TABLE turn; --", "🙂" * 2000, "\u202e거꾸로"])
def test_hostile_text_is_stored(history: History, text: str) -> None:
    shelf = history.of(text)
    talk = shelf.begin(text)
    turn = shelf.append(talk, replace(ANSWER, asked=text, text=text))
    shelf.judge(turn, False, text)
    shelf.rename(talk, text or "x")
    shelf.conversations(text)
    assert len(shelf.turns(talk)) == 1
    to_markdown(text, shelf.turns(talk), words("ko")).encode("utf-8", "replace")


def test_opinions_change_and_go(history: History) -> None:
    shelf = history.of("가")
    turn = shelf.append(shelf.begin("x"), ANSWER)
    shelf.judge(turn, False, "연도가 다름")
    assert [(one.good, one.reason) for one in shelf.judged()] == [(False, "연도가 다름")]
    shelf.judge(turn, None)
    assert shelf.judged() == []


def test_good_turns_are_an_eval_set(tmp_path: Path) -> None:
    turns = [Turn(1, ANSWER, True, ""), Turn(2, REFUSAL, True, ""), Turn(3, ANSWER, False, "다름")]
    path = tmp_path / "good.jsonl"
    path.write_text(to_cases(turns), "utf-8")
    answered, refused = load_set(path)
    assert (answered.question, answered.answers) == ("카카오 디지털 허브 완공 시점은?", ("2029년",))
    assert answered.evidence[0].quote == CARD.quote
    assert (refused.answerable, refused.evidence) == (False, ())
    (bad,) = map(json.loads, to_complaints(turns).splitlines())
    assert (bad["reason"], bad["answer"]) == ("다름", ANSWER.text)


def test_markdown_has_numbered_citations_and_no_live_markup() -> None:
    evil = replace(
        CARD, title="[눌러](javascript:alert(1)) <img src=x>", quote="![](http://evil/b.png) **굵게**"
    )
    text = to_markdown("제목", [Turn(1, replace(ANSWER, cards=(evil,)), True, "좋음")], words("ko"))
    assert "2029년입니다. (1)" in text
    assert "<https://example.com/a>" in text
    tokens = [child for token in MarkdownIt().parse(text) for child in [token, *(token.children or [])]]
    links = [token.attrGet("href") for token in tokens if token.type == "link_open"]
    assert links == ["https://example.com/a"]
    assert not {token.type for token in tokens} & {"image", "html_inline", "html_block", "strong_open"}
    assert plain_markdown("# 머리") == "\\# 머리"
