"""Closed word lists of reading: units of measure, kinds of question, titles, places."""

from __future__ import annotations

import re
from enum import IntEnum


class Kind(IntEnum):
    """What a question asks for, see :func:`asked_kind`."""

    WHY = 0
    WHEN = 1
    HOWMUCH = 2
    WHO = 3
    WHERE = 4
    HOW = 5
    NAME = 6
    OTHER = 7


class Unit(IntEnum):
    """What a number counts. ``NUMBER`` is any; ``NONE`` is no number at all."""

    NONE = 0
    YEAR = 1
    MONTH = 2
    DAY = 3
    CLOCK = 4
    PERSON = 5
    MONEY = 6
    PERCENT = 7
    AREA = 8
    LENGTH = 9
    WEIGHT = 10
    COUNT = 11
    AGE = 12
    ORDER = 13
    CENTURY = 14
    NUMBER = 15


_UNIT_WORDS = {
    Unit.YEAR: "년 년도 년대",
    Unit.MONTH: "월 개월 달",
    Unit.DAY: "일 주 주일 주년 주간",
    Unit.CLOCK: "시 분 초 시간 시간대",
    Unit.PERSON: "명 인 사람 가구 세대",
    Unit.MONEY: "원 달러 엔 유로 위안 프랑 파운드 루블 냥",
    Unit.PERCENT: "% 퍼센트 프로 포인트 배",
    Unit.AREA: "㎡ 평 ha ㏊ 헥타르 제곱미터 m2 ㎢ 제곱킬로미터",
    Unit.LENGTH: "m km cm mm 미터 킬로미터 센티미터 마일 리 피트 ㎞ ㎝ ㎜ ㎚ 해리",
    Unit.WEIGHT: "kg g t 톤 킬로그램 그램 mg ㎏ L 리터 MW kW GW ℃ 도",
    Unit.COUNT: "개 곳 군데 개소 개사 사 건 대 채 편 권 종 가지 마리 장 벌 통 층 칸 석 좌석 척 동 필지 "
    "곡 개국 업체 그루 부 표 골 점 승 포기 자루 송이 켤레 과목 종목 문항 문제 구간 쪽 면 줄 글자 자",
    Unit.AGE: "세 살",
    Unit.ORDER: "위 등 번째 차 회 번 호 차례 단계 강 조 항 기 급 호선 학년",
    Unit.CENTURY: "세기",
}
#: Unit by its word; the first list that names a word owns it.
UNIT_OF: dict[str, Unit] = {}
for _unit, _words in _UNIT_WORDS.items():
    for _word in _words.split():
        UNIT_OF.setdefault(_word, _unit)

#: Tags that a unit word can have right after its number.
UNIT_TAGS = frozenset({"NNB", "NNG", "SW", "SL", "XSN", "NR"})
#: Times that can stand for each other ("언제": a year, a month or a day).
TIMES = frozenset({Unit.YEAR, Unit.MONTH, Unit.DAY, Unit.CLOCK, Unit.CENTURY})


def _patterns(*pairs: tuple[Kind, str]) -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(pattern)) for kind, pattern in pairs)


_WHICH = r"(어느|어떤|무슨)\s*"
_REASON = r"(이유|원인|까닭|목적|취지|계기|배경)"
#: Question words that say themselves what they ask for; the first that matches decides. "누구나" asks
#: nothing, nor does the 왜 of 왜란.
_INTERROGATIVES = _patterns(
    (
        Kind.WHY,
        r"((?<!\S)|(?<=[은는이가을를에도]))왜(?![곡관구국군란변성소적정])|어째서|(무엇|뭐|뭣)\s*때문"
        rf"|{_WHICH}{_REASON}|{_REASON}\s*[은는이가을를]?\s*(무엇|뭐|뭘|뭔|[두세네]\s*가지|다섯\s*가지)",
    ),
    (
        Kind.WHEN,
        r"언제(?!나|든)|며칠|몇\s*(년|월|일|시(?!간)|분기|세기)"
        rf"|{_WHICH}(해|날|때|달|철)(?=[에은는이가을를의\s,?]|부터|까지|$)"
        rf"|{_WHICH}(요일|계절|연도|년도|시기|시점|시대|시각|세기|날짜)",
    ),
    (Kind.HOWMUCH, r"얼마(?!\s*(전|안|뒤|후))|얼만|몇"),
    # "…회사는 어디인가" asks for a name; "회사는 어디에 있나" for a place.
    (
        Kind.NAME,
        r"(회사|업체|기업|기관|단체|법인|부서|부처|조합|재단|협회|학회|구단|정당|주체|은행|학교|대학|연구[소원]|위원회|지자체"
        r"|(시공|시행|운영|제조|개발|건설|제작|배급|출판|방송|항공|통신|언론|신문|설계|주관|주최|후원|판매|공급)사)"
        r"\s*(은|는|이|가|란)?\s*(바로|과연)?\s*"
        r"어디(인가|인지|입니까|이야|이지|이며|이었나|였나|야|예|에요|죠|지|일까|냐|니)?요?\s*\??$",
    ),
    (
        Kind.WHO,
        r"누구(?!나|든|라도)|누가|누굴|누군"
        rf"|{_WHICH}(사람|인물|선수|감독|작가|배우|가수|대통령|장관|교수|분(?=[은이을께들\s?]|$))",
    ),
    (Kind.WHERE, rf"어디(?!나|든)|어딘|어딜|{_WHICH}(곳|장소|도시|나라|국가|지역|지방|동네|마을|위치|부지)"),
    (Kind.HOW, rf"어떻게(?!\s*(되|돼|됩|됐|된))|{_WHICH}(방법|방식|식으로|수단|절차|과정)|무슨\s*수로"),
)
#: The noun that is asked for, by its end, where no such word is there: "…목적은 무엇인가", "완공 시점은?".
_ASKED_NOUNS = _patterns(
    (Kind.WHY, r"(이유|원인|까닭|목적|취지|배경|계기|동기)$"),
    (
        Kind.WHEN,
        r"(시점|시기|날짜|일자|일시|시각|년도|연도|기한|시한|마감|기간|요일|세기|^해|^때|날|[가-힣](?<![독과파제통내매])일)$",
    ),
    (
        Kind.HOWMUCH,
        r"(금액|비용|예산|가격|요금|규모|면적|길이|높이|크기|무게|비율|퍼센트|확률|나이|연세|인원|명수|총액|수량"
        r"|^수|[원자객]수|학생수|개수|횟수|건수|점수|가구수|조회수|대수)$",
    ),
    (
        Kind.WHO,
        r"(사람|인물|대표|대표이사|(?<!전)시장|(?<!발)사장|회장|수장|감독|작가|대통령|장관|선수|위원장|총장|저자|지은이"
        r"|주인공|성함|존함)$",
    ),
    (Kind.WHERE, r"(장소|지역|위치|도시|나라|국가|^곳|부지|본사|소재지)$"),
    (Kind.HOW, r"(방법|방식|수단|절차)$"),
    (Kind.NAME, r"(이름|명칭|제목|별명|누리집)$"),
)
_WHAT = re.compile(r"무엇|무슨|뭐|뭘|뭔|뭣|어떤|어느|이름|명칭")
#: "완공 목표" is a time, another goal is none.
_TARGET = re.compile(r"(완공|준공|착공|개통|개장|개관|개원|개교|입주|가동|출시)\s*목표")

# What a number counts, by the end of the noun that is asked for; the first match decides.
_UNIT_ENDINGS: tuple[tuple[re.Pattern[str], Unit], ...] = tuple(
    (re.compile(pattern), unit)
    for pattern, unit in (
        (r"(비율|비중|퍼센트|확률|할인|[가-힣][율률]|%)$", Unit.PERCENT),
        (r"(인원|인원수|명수|사람수|인구|정원|[원자생객]수|^명|대상자)$", Unit.PERSON),
        (r"(면적|넓이|㎡|부지)$", Unit.AREA),
        (r"(길이|높이|거리|너비|깊이|폭|지름|키|연장)$", Unit.LENGTH),
        (r"(무게|중량|체중)$", Unit.WEIGHT),
        (r"(나이|연령)$", Unit.AGE),
        (r"(순위|등수)$", Unit.ORDER),
        (r"(며칠|날짜|날|기한|마감|마감일|[가-힣]일)$", Unit.DAY),
        (r"(시각|시간대)$", Unit.CLOCK),
        (r"(연도|년도|시점|시기|^해|^때|기간)$", Unit.YEAR),
        (
            r"(금액|예산|비용|가격|요금|총액|값|이익|매출|운임|연봉|한도|과태료|수익|자본|적자|보조금|임금|월급|빚|돈"
            r"|[가-힣][료비액금])$",
            Unit.MONEY,
        ),
        (r"(수|량|양|규모|용량|물량|점수|크기|속도|온도|강도|기록|성적)$", Unit.NUMBER),
    )
)
_ASKED = re.compile(
    r"몇\s*(년대|년도|년|개월|달(?!러)|월|일|주년|주|시간|시|분|명|인|가구|세대|퍼센트|%|프로|배|㎡|평|미터|m|km|킬로|개국|개소|개|곳"
    r"|군데|개사|㏊|헥타르|건|대|채|편|권|종|가지|마리|층|석|세기|세|살|위|등|번째|차례|차|회|번|호|원|달러|톤|kg|사람|표|장|부|골|점)"
)
_ASKED_ALIASES = {"사람": Unit.PERSON, "킬로": Unit.LENGTH}


def asked_kind(question: str, noun: str) -> Kind:
    """What the question asks for.

    A question word decides; where it is 무엇 or the like, or none, the noun that is asked for does.

    Args:
        question: As asked.
        noun: The compound noun that is asked for, or "" where the question word is no noun's.
    """
    found = next((kind for kind, pattern in _INTERROGATIVES if pattern.search(question)), None)
    if found is not None:
        return found
    if _TARGET.search(question):
        return Kind.WHEN
    plain = Kind.NAME if _WHAT.search(question) else Kind.OTHER
    if "어떻게" in question:  # "성함이 어떻게 되나" asks for a name, "비용이 어떻게 되나" for a sum
        plain = Kind.HOW
    return next((kind for kind, pattern in _ASKED_NOUNS if pattern.search(noun)), plain)


def asked_unit(question: str, kind: Kind, focus: str) -> Unit:
    """The unit that an answer should have; ``NONE`` where the question asks for no number.

    Args:
        question: As asked.
        kind: What it asks for.
        focus: The compound noun that names what is asked for, or "".
    """
    direct = _ASKED.search(question)
    if direct:
        word = direct.group(1)
        return _ASKED_ALIASES.get(word) or UNIT_OF.get(word, Unit.NUMBER)
    if kind not in {Kind.WHEN, Kind.HOWMUCH, Kind.OTHER}:
        return Unit.NONE
    if _COUNTED.search(question):
        return Unit.NUMBER
    named = next((unit for pattern, unit in _UNIT_ENDINGS if pattern.search(focus)), Unit.NONE)
    if named is not Unit.NONE:
        return named
    return {Kind.WHEN: Unit.YEAR, Kind.HOWMUCH: Unit.NUMBER}.get(kind, Unit.NONE)


_COUNTED = re.compile(
    r"\s수(는|가|은)?\s*[?]?$|얼마나\s*(걸|길|높|넓|크|커|많|자주|오래|떨어|깊|늘|줄|오르|올|내)"
)


#: Words of a question that say nothing about what it is about.
QUESTION_STOP = frozenset(
    (
        "무엇 누구 언제 어디 하 되 있 것 이 수 때 뭐 뭣 얼마 몇 어느 어떤 무슨 왜 어떻 어떻게 점 곳 나오 "
        "알 알리 말 뜻 이름 위하 대하 통하 따르 받 그 이것 해 및 등 약 총 거 어떠 이렇 그렇 않 없 보 주 "
        "가 오"
    ).split()
)

TITLES = frozenset(
    (
        "시장 대표 사장 교수 총장 장관 대통령 회장 이사 지사 도지사 구청장 군수 위원장 의원 감독 기자 "
        "박사 선수 원장 소장 부장 국장 과장 본부장 청장 대표이사 왕 황제 총리 이사장 센터장 팀장 실장 "
        "차관 시인 작가 화가 장군 관장 단장 학장 의장 연구원 건축가 소설가 감독관 배우 가수 판사 검사 "
        "변호사 의사 씨 공작 백작 여왕"
    ).split()
)

PLACE_END = re.compile(
    r"(시|도|군|구|동|읍|면|리|역|산|강|섬|항|공원|센터|대학교|대학|학교|병원|청사|시청|도청|구청|호텔|단지|밸리|타운|캠퍼스|국|로|길|관)$"
)
