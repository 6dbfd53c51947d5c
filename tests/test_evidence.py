import pytest

from rag.evidence import NAMES, Kind, SentenceReader, Unit, ask, features, matched, sentences
from rag.evidence.view import LETTER_COUNT, letter_class
from rag.types import Draft, Evidence, Hit, Passage, Route, Span

TEXT = "해솔도서관은 2019년에 문을 열었다. 지하에는 서고가 있고, 연면적은 3,200㎡이다. 관장은 문가람이다."


def evidence(*texts: str, title: str = "") -> tuple[Evidence, ...]:
    made = []
    for number, text in enumerate(texts, 1):
        passage = Passage(f"p{number}", f"d{number}", Span(10, 10 + len(text)), text, title)
        made.append(Evidence(number, Hit(passage, 1.0 / number, Route.FUSED)))
    return tuple(made)


def test_question_knows_what_it_asks_for() -> None:
    assert (ask("연면적은 몇 ㎡인가요?").kind, ask("연면적은 몇 ㎡인가요?").unit) == (Kind.HOWMUCH, Unit.AREA)
    assert (ask("도서관은 언제 열었어?").kind, ask("도서관은 언제 열었어?").unit) == (Kind.WHEN, Unit.YEAR)
    assert ask("관장은 누구인가?").focus == "관장"
    assert ask("관장은 누구인가?").unit is Unit.NONE
    assert ask("완공 시점은?").focus == "시점"


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("도서관이 문을 닫은 까닭은 무엇으로 꼽히나요?", Kind.WHY),
        ("공사가 늦어진 건 왜인가요?", Kind.WHY),
        ("도서관은왜문을닫았나", Kind.WHY),
        ("임진왜란은 몇 년에 일어났나?", Kind.WHEN),
        ("해솔도서관 개관일", Kind.WHEN),
        ("완공 목표는?", Kind.WHEN),
        ("비 때문에 공사비가 얼마나 늘었어?", Kind.HOWMUCH),
        ("하루 몇 시간 근무해?", Kind.HOWMUCH),
        ("도서관을 다녀간 사람 수", Kind.HOWMUCH),
        ("구조 계산을 이끈 교수는 누구인가요?", Kind.WHO),
        ("관장님 성함이 어떻게 되나요?", Kind.WHO),
        ("도매시장은 어디로 옮기나요?", Kind.WHERE),
        ("면적이 으뜸인 곳은 어디인가요?", Kind.WHERE),
        ("시장은 비용을 어떻게 마련하나요?", Kind.HOW),
        ("군은 운영비를 무슨 수로 마련한대요?", Kind.HOW),
        ("문가람 시장은 도서관을 무엇에 빗댔나요?", Kind.NAME),
        ("누구나 나갈 수 있는 대회의 이름은?", Kind.NAME),
        ("이 사업을 맡은 부처는 어디인가요?", Kind.NAME),
        ("지역 상생 활동에는 어떤 것들이 있어?", Kind.NAME),
        ("김해는 어떤 산업을 키우나?", Kind.NAME),
        ("이 사업의 목표는?", Kind.OTHER),
    ],
)
def test_the_question_word_decides_not_a_word_beside_it(question: str, kind: Kind) -> None:
    assert ask(question).kind is kind
    assert (ask(question).unit is not Unit.NONE) <= (kind in {Kind.WHEN, Kind.HOWMUCH})


def test_question_weights_sum_to_one_and_names_are_hard() -> None:
    asked = ask("해솔도서관의 연면적은?")
    assert abs(float(asked.weights.sum()) - 1.0) < 1e-5
    assert len(asked.forms) == len(asked.weights) == len(asked.hard) == len(asked.rows)


def test_question_without_words_is_not_an_error() -> None:
    assert ask("뭐?").forms == ()
    assert sentences("뭐?", evidence(TEXT))


def test_best_sentence_stands_where_it_says() -> None:
    best = sentences("해솔도서관 지하에는 무엇이 있나?", evidence(TEXT))[0]
    assert best.text == "지하에는 서고가 있고, 연면적은 3,200㎡이다."
    assert TEXT[best.span.start - 10 : best.span.end - 10] == best.text


def test_title_counts_as_said() -> None:
    without = features(
        ask("해솔도서관 관장은?"), matched(ask("해솔도서관 관장은?"), evidence("관장은 문가람이다."))
    )[1]
    pages = matched(ask("해솔도서관 관장은?"), evidence("관장은 문가람이다.", title="해솔도서관 안내"))
    with_title = features(ask("해솔도서관 관장은?"), pages)[1]
    missing = NAMES.index("missing")
    assert with_title[0, missing] < without[0, missing]


def test_sentence_reader_quotes_and_refuses() -> None:
    (answered,) = SentenceReader().read("해솔도서관 연면적은?", evidence(TEXT))
    (refused,) = SentenceReader().read("잠수함 어뢰 발사관의 지름은?", evidence(TEXT))
    assert isinstance(answered, Draft)
    assert isinstance(refused, Draft)
    assert not answered.refused
    assert refused.refused
    assert answered.located[0].span is None


def test_no_evidence_is_refused() -> None:
    (draft,) = SentenceReader().read("연면적은?", ())
    assert isinstance(draft, Draft)
    assert draft.refused


def test_what_the_rest_of_a_document_says_counts_for_each_of_its_sentences() -> None:
    asked = ask("해솔도서관 관장은 누구인가?")
    about, named = "해솔도서관이 문을 열었다.", "관장은 문가람이다."
    hits = [
        Evidence(n, Hit(Passage(f"p{n}", of, Span(0, len(text)), text, ""), 1.0, Route.FUSED))
        for n, (of, text) in enumerate([("a", about), ("a", named), ("b", named)], 1)
    ]
    found, table = features(asked, matched(asked, hits))
    own, missing = (table[:, NAMES.index(name)].tolist() for name in ("own", "own_missing"))
    assert [place.passage for place in found] == [0, 1, 2]
    assert own[0] == own[1] == pytest.approx(1.0, abs=1e-5)
    assert own[2] < own[1]
    assert missing[1] == 0 < missing[2]


def test_letters_of_each_kind_have_numbers_of_their_own() -> None:
    numbers = [letter_class(letter) for letter in "가힝장부7A漢똠.é"]
    assert all(0 <= number < LETTER_COUNT for number in numbers)
    assert len(set(numbers[:-1])) == len(numbers) - 1
    assert letter_class("힝") == LETTER_COUNT - 1
    assert letter_class("a") == letter_class("Z")
    assert letter_class("é") == letter_class(".")
