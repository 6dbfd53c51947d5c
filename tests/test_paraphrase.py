"""Other words for the same, and words however they are cut."""

import shutil
from pathlib import Path

import pytest

from rag.errors import ModelDamagedError, ModelMissingError
from rag.evidence import ask, matched
from rag.evidence.paraphrase import FILES, FOLDER, Paraphrases, phrase, said, written
from rag.korean import analyse
from recipes.paraphrases.__main__ import apart, compiled, paired, senses
from tests.test_evidence import evidence

GROUPS = Paraphrases(*written([[("완공",), ("다", "짓"), ("공사", "끝나")], [("국비",), ("나라", "돈")]]))


def best(question: str, text: str, word: str) -> float:
    """How well ``text`` says one word of the question."""
    asked = ask(question)
    return float(matched(asked, evidence(text))[0].match[asked.forms.index(word)].max())


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("도서관은 언제 다 지어져?", [0]),
        ("공사가 끝나는 해는?", [0]),
        ("공사가 모두 끝나는 해는?", [0]),
        ("공사가 내년 가을에 끝나면 좋겠다", []),
        ("나라에서 대주는 돈은?", [1]),
        ("나라 돈으로 완공했다", [1, 0]),
        ("돈은 나라가 낸다", []),
        ("하수도 공사. 끝나는 시간은 여섯 시", []),
        ("하수도 공사\n끝나는 시간은 여섯 시", []),
        ("", []),
    ],
)
def test_a_phrase_is_found_whole_and_close_together(text: str, groups: list[int]) -> None:
    assert [number for _, number in GROUPS.asked(analyse(text))] == groups


def test_rows_are_those_of_the_phrase() -> None:
    analysis = analyse("내년이다. 공사가 모두 끝나는 해는?")
    ((rows, _),) = GROUPS.asked(analysis)
    assert [analysis.morphemes[row].form for row in rows] == ["공사", "끝나"]


def test_a_text_is_searched_for_the_groups_of_the_question_only() -> None:
    text = analyse("국비로 지어 내년에 완공한다")
    assert [number for _, number in said(text, GROUPS.sought([1, 1]))] == [1]
    assert not list(said(text, GROUPS.sought([])))


def test_a_phrase_in_two_groups_is_found_in_both() -> None:
    both = Paraphrases(*written([[("열",), ("개최",)], [("열",), ("열", "닫")], [("열매",), ("과일",)]]))
    assert [number for _, number in both.asked(analyse("문을 열다"))] == [0, 1]
    assert both.group(1) == (("열",), ("열", "닫"))


def test_auxiliaries_are_no_words_of_a_phrase() -> None:
    assert phrase(analyse("다 지어지다")) == phrase(analyse("다 짓다")) == ("다", "짓")


def test_what_denies_a_phrase_is_a_word_of_it() -> None:
    assert phrase(analyse("찬성하지 않다")) == ("찬성", "않")
    assert phrase(analyse("돈을 내지 못하다")) == ("돈", "내", "못하")
    assert phrase(analyse("정규직이 아니다")) == ("정규직", "아니")


def test_what_makes_another_thing_of_a_word_is_a_word_of_it() -> None:
    assert phrase(analyse("재작년")) == ("재-", "작년")
    assert phrase(analyse("합격률")) == ("합격", "-률")
    assert phrase(analyse("제2회")) == phrase(analyse("2회"))
    assert phrase(analyse("사람들")) == ("사람",)


def test_what_ships_says_the_same_and_not_what_merely_goes_with_it() -> None:
    assert best("도서관은 언제 다 지어져?", "2029년 완공을 목표로 한다.", "짓") == pytest.approx(0.9)
    assert best("나라에서 대주는 돈은 얼마?", "국비 63억 원을 지원한다.", "나라") == pytest.approx(0.9)
    assert best("작년 매출은?", "지난해 매출은 3억 원이었다.", "작년") == pytest.approx(0.9)
    assert best("완공 시점은?", "내년 3월에 준공한다.", "완공") == pytest.approx(0.9)
    assert best("완공 시점은?", "내년 3월에 착공한다.", "완공") < 0.7


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pair.split("/")
        for pair in (
            "찬성/반대 합격/탈락 위험/안전 인정/부인 가결/부결 착공/완공 국비/도비 비밀/공개 증가/감소 "
            "이상/이하 입학/졸업 작년/올해 작년/재작년 고소득/저소득"
        ).split()
    ],
)
def test_no_group_that_ships_holds_opposites(one: str, other: str) -> None:
    known = Paraphrases.load()
    groups = [{number for _, number in known.asked(analyse(word))} for word in (one, other)]
    assert groups[0]
    assert groups[1]
    assert not groups[0] & groups[1]


def test_every_phrase_that_ships_has_words() -> None:
    known = Paraphrases.load()
    groups = [known.group(number) for number in range(len(known))]
    assert len(groups) > 10_000
    assert all(len(group) > 1 and all(one and all(one) for one in group) for group in groups)


def test_damage_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError):
        Paraphrases.load(tmp_path / "none")
    copy = tmp_path / "copy"
    shutil.copytree(FOLDER, copy)
    (copy / FILES[0]).write_text("완공/준공\n", "utf-8")
    with pytest.raises(ModelDamagedError):
        Paraphrases.load(copy)


@pytest.mark.parametrize(
    ("question", "text", "word", "worth"),
    [
        ("선발투수는?", "선발 투수 강다윗", "선발투수", 1.0),
        ("나루고 교장은?", "나루고등학교장 방미선", "나루고", 0.9),
        ("R&D센터는 어디?", "r & d 센터는 서울이다.", "센터", 1.0),
        ("AI는 무엇에 쓰이나?", "DAIRY 농장이다.", "ai", 0.0),
        ("30일에 여는 가게는?", "130일 동안 연다.", "30", 0.0),
        ("500억 원을 낸 곳은?", "1,500억 원을 냈다.", "500", 0.0),
        ("500명이 온 날은?", "500,000명이 왔다.", "500", 0.0),
        ("교통 사고는 몇 건?", "교통사고가 3건 났다.", "교통", 1.0),
        ("〈종점 다음 역〉은?", "종점에서 내린다.", "종점", 1.0),
    ],
)
def test_a_noun_is_found_however_it_is_cut(question: str, text: str, word: str, worth: float) -> None:
    assert best(question, text, word) == pytest.approx(worth, abs=1e-6)


def test_a_longer_word_that_only_begins_alike_is_another() -> None:
    assert best("도시 이름은?", "도시락을 먹었다.", "도시") < 0.7


@pytest.mark.parametrize(
    ("question", "text", "word"),
    [
        line.split("/")
        for line in (
            "시장은 누구?/전시장은 3층에 있다./시장",
            "정부가 낸 돈은?/의정부에서 돈을 냈다./정부",
            "경기도 인구는?/경기도 나빠졌다./경기도",
            "날씨는 어떤가?/비정규직은 30명이다./날씨",
            "위반한 곳은?/급속 충전기는 한국에 있다./위반",
            "찬성한 나라는?/동의하지 않은 나라는 가온국이다./찬성",
            "가온전자의 매출은?/영업이익은 3억 원이다./매출",
            "작년 매출은?/재작년에는 3억 원을 팔았다./매출",
        )
    ],
)
def test_what_only_looks_alike_is_another(question: str, text: str, word: str) -> None:
    assert best(question, text, word) < 0.7


def test_a_particle_that_is_taken_for_the_end_of_an_unknown_name_is_none_of_it() -> None:
    assert best("AX 얼라이언스에는 누가 들어가나?", "AX 얼라이언스를 운영한다.", "얼라이언스에") > 0.8
    assert best("서가은 관장은 누구?", "서가 두 곳을 고쳤다.", "서가은") < 0.7


def test_a_word_that_only_two_others_make_up_across_a_space_is_another() -> None:
    assert best("가수는 누구?", "참가 수는 300곳이다.", "가수") < 0.7


def test_groups_that_share_another_phrase_are_one_sense() -> None:
    one, two, three, four = ("열",), ("개최",), ("개막",), ("개방",)
    found = senses([[one, two, three], [one, two], [one, four]])
    assert (found[one], found[two], found[four]) == (2, 1, 1)


def test_phrases_are_compiled_to_words_and_vague_ones_left_out() -> None:
    lists = [["완공", "다 짓다", "완공되다"], ["무엇", "어디"], ["홀로"]]
    assert compiled(lists, {}) == [[("완공",), ("다", "짓")]]
    vague = [[f"열매{number}가 익다", "보다"] for number in range(9)]
    assert compiled(vague, {}) == []


def test_what_is_not_the_first_of_a_group_is_left_out() -> None:
    lists = [["통과", "가결", "부결", "통과되다", "의결"]]
    assert compiled(lists, apart([["가결 / 통과", "부결 / 떨어지다"]])) == [[("통과",), ("가결",), ("의결",)]]


def test_a_kind_stands_for_each_and_these_not_for_one_another() -> None:
    assert paired([["학자", "교수", "박사"]], {}) == [[("학자",), ("교수",)], [("학자",), ("박사",)]]
    assert paired([["벌", "벌금", "상금"]], apart([["벌", "상금"]])) == [[("벌",), ("벌금",)]]


@pytest.mark.parametrize(
    ("written_", "words"),
    [
        tuple(pair.split("/"))
        for pair in "사라지다/사라지 막다/막 바다/바다 어기다/어기 단가/단가 PDF/pdf 발아/발아".split()
    ],
)
def test_an_item_is_understood_without_a_sentence_around_it(written_: str, words: str) -> None:
    assert paired([["끝", written_]], {}) == [[("끝",), (words,)]]
