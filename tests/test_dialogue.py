"""Follow-ups: what is carried over, what is left alone, and that particles fit."""

import pytest

from rag.dialogue import MAX_TURNS, Titles, standalone
from rag.dialogue.josa import with_josa
from rag.types import Turn

TITLES = Titles(
    ["카카오, 남양주 왕숙에 디지털 허브 짓는다", "수달", "김치", "제주 해녀", "한라산", "독립신문"]
)
HUB = Turn("카카오 디지털 허브 완공 시점은?", "2029년입니다. [1]")
PAPER = Turn("독립신문을 창간한 사람은 누구야?", "서재필입니다. [1]")
STARS = Turn("별마중천문대 관람료는 얼마야?", "7,000원입니다. [1]")


@pytest.mark.parametrize(
    ("earlier", "question", "wanted"),
    [
        (HUB, "그럼 면적은?", "카카오 디지털 허브의 면적은?"),
        (HUB, "누가 서명했어?", "카카오 디지털 허브는 누가 서명했어?"),
        (HUB, "거기 몇 명이 일해?", "카카오 디지털 허브에서 몇 명이 일해?"),
        (HUB, "언제 시작했는데?", "카카오 디지털 허브는 언제 시작했는데?"),
        (HUB, "이 사업에는 얼마가 들어가?", "카카오 디지털 허브에는 얼마가 들어가?"),
        (HUB, "그럼 네이버는?", "네이버 완공 시점은?"),
        (PAPER, "그 사람 직책은?", "독립신문 서재필의 직책은?"),
        (PAPER, "그분은 언제 떠났어?", "독립신문 서재필은 언제 떠났어?"),
        (PAPER, "그 신문은 언제 문을 닫았어?", "독립신문은 언제 문을 닫았어?"),
        (PAPER, "언제 창간했어?", "독립신문은 언제 창간했어?"),
        (STARS, "어린이는?", "별마중천문대 어린이 관람료는 얼마야?"),
        (STARS, "거긴 어디야?", "별마중천문대는 어디야?"),
        (Turn("다솜도서관은 몇 시까지 열어?", ""), "주말에는?", "다솜도서관은 주말에는 몇 시까지 열어?"),
        (Turn("첨성대는 언제 국보로 지정됐어?", ""), "왜?", "첨성대는 왜 국보로 지정됐어?"),
        (Turn("백두산의 높이는 얼마야?", ""), "한라산은?", "한라산의 높이는 얼마야?"),
        (Turn("백두산은 높이가 얼마야?", ""), "그럼 한강대교는?", "한강대교는 높이가 얼마야?"),
        (Turn("장영실은 자격루를 언제 완성했어?", ""), "옥루는?", "장영실은 옥루를 언제 완성했어?"),
        (Turn("서울에서 부산까지 KTX 요금은?", ""), "대전까지는?", "서울에서 대전까지 KTX 요금은?"),
        (HUB, "더 자세히 알려줘", "카카오 디지털 허브 완공 시점은?"),
        (HUB, "위약금은?", "카카오 디지털 허브의 위약금은?"),
        (Turn("KTX는 언제 개통했어?", ""), "부산까지 얼마나 걸려?", "KTX는 부산까지 얼마나 걸려?"),
    ],
)
def test_follow_ups_are_completed(earlier: Turn, question: str, wanted: str) -> None:
    assert standalone(question, [earlier], TITLES) == wanted


@pytest.mark.parametrize(
    "question",
    [
        "한라산은 언제 국립공원이 됐어?",
        "수달은 무엇을 먹고 살아?",
        "해녀는 무슨 일을 해?",
        "새벽강도서관 연체료는 하루에 얼마야?",
        "카카오 디지털 허브 연면적은 얼마야?",
    ],
)
def test_a_question_with_its_own_subject_stays(question: str) -> None:
    assert standalone(question, [HUB], TITLES) == question


@pytest.mark.parametrize("talk", ["고마워", "알겠어.", "감사합니다"])
def test_thanks_ask_nothing(talk: str) -> None:
    assert standalone(talk, [HUB], TITLES) == talk


def test_a_thing_is_not_a_person() -> None:
    turns = [PAPER, Turn("그는 언제 떠났어?", "")]
    assert standalone("그 매체는 언제 생겼어?", turns) == "독립신문은 언제 생겼어?"


def test_titles_tell_names_from_other_nouns() -> None:
    assert standalone("수달은 무엇을 먹어?", [HUB]) != "수달은 무엇을 먹어?"
    assert standalone("수달은 무엇을 먹어?", [HUB], TITLES) == "수달은 무엇을 먹어?"


def test_a_topic_is_carried_over_three_turns_and_switched() -> None:
    turns = [HUB, Turn("누가 서명했어?", ""), Turn("그럼 면적은?", "")]
    assert standalone("언제 착공해?", turns, TITLES).startswith("카카오 디지털 허브")
    turns.append(Turn("한라산은 언제 국립공원이 됐어?", ""))
    assert standalone("높이는?", turns, TITLES) == "한라산의 높이는?"


def test_only_the_last_turns_count() -> None:
    assert standalone("면적은?", [HUB, *[Turn("그래?", "")] * MAX_TURNS], TITLES) == "면적은?"


def test_without_history_nothing_changes() -> None:
    assert standalone("그럼  면적은?", []) == "그럼 면적은?"


def test_what_was_made_stand_alone_stays_so() -> None:
    made = standalone("그럼 면적은?", [HUB], TITLES)
    assert standalone(made, [HUB], TITLES) == made


@pytest.mark.parametrize(
    "question",
    [
        "",
        "   ",
        "?",
        "그",
        "그럼",
        "\ud800",
        "그 " * 400,
        "왜" * 500,
        "<script>",
        "🙂",
        "the?",
        "[1] [2]",
        "거기",
    ],
)
def test_odd_follow_ups_do_no_harm(question: str) -> None:
    assert isinstance(standalone(question, [HUB, Turn(question, question)], TITLES), str)


@pytest.mark.parametrize(
    ("word", "particle", "wanted"),
    [
        ("허브", "은", "허브는"),
        ("한라산", "는", "한라산은"),
        ("서울", "로", "서울로"),
        ("부산", "로", "부산으로"),
        ("KTX", "이", "KTX가"),
        ("LTE-M", "이", "LTE-M이"),
        ("2016", "은", "2016은"),
        ("2029", "은", "2029는"),
        ("『직지』", "을", "『직지』를"),
        ("허브", "에서", "허브에서"),
    ],
)
def test_particles_fit_their_word(word: str, particle: str, wanted: str) -> None:
    assert with_josa(word, particle) == wanted
