"""Names that a text itself says are one thing."""

import pytest

from rag.evidence import ask, matched
from rag.evidence.alias import aliases
from tests.test_evidence import evidence


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("한국토지주택공사(LH) 사장", (("한국토지주택공사", "LH"),)),
        ("과학기술정보통신부(이하 과기정통부)는", (("과학기술정보통신부", "과기정통부"),)),
        ("새로운 인공지능(AI)을", (("인공지능", "AI"),)),
        ("AI(인공지능) 기술", (("AI", "인공지능"),)),
        ("누리산업단지관리공단(누산공)은", (("누리산업단지관리공단", "누산공"),)),
        ("한빛 반도체 연구원(한반연)이", (("한빛 반도체 연구원", "한반연"),)),
        ("굴뚝(24m)을 허물었다", ()),
        ("김하늘(52) 대표", ()),
        ("문가람(관장)은", ()),
        ("나루역(2번 출구) 앞", ()),
        ("", ()),
    ],
)
def test_aliases(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert aliases(text) == pairs


def test_another_name_in_the_text_is_the_same_word() -> None:
    question = ask("한누리토지공사 사장은 누구인가?")
    stated = "한누리토지공사(HT)와 협약을 맺었다."
    said = "이어 가온 HT 사장이 서명했다."
    rows = slice(0, 3)  # 한누리, 토지, 공사
    alone = matched(question, evidence(said))[0].match[rows].max()
    both = matched(question, evidence(stated, said))[1].match[rows].min(axis=0).max()
    assert alone < 0.7
    assert both == 1.0


def test_the_other_way_round() -> None:
    question = ask("LH 사장은?")
    pages = matched(question, evidence("한국토지주택공사(LH)가 맡는다.", "한국토지주택공사 사장이 말했다."))
    assert pages[1].match[question.forms.index("lh")].max() == 1.0
