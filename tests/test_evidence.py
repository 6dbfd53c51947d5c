from rag.evidence import NAMES, Kind, SentenceReader, Unit, ask, features, matched, sentences
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
