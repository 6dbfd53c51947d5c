"""Closed word lists of follow-up questions: attributes, contrasts, pointing words, kinds of things."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Nouns that ask for a property of something; alone they name nothing ("면적은?").
ATTRIBUTES = _words(
    """
    면적 연면적 넓이 크기 규모 길이 높이 깊이 너비 폭 둘레 거리 무게 몸무게 키 속도 온도 나이 수명 용량
    부피 세로 가로 시점 시기 시각 시간 날짜 일자 일정 기간 기한 마감 마감일 연도 년도 해 때 날 요일
    개관일 휴관일 창간일 유래 역사 비용 사업비 예산 가격 값 요금 관람료 입장료 연체료 수수료 임대료
    이용료 운임 과태료 벌금 보상금 지원금 투자액 금액 총액 매출 연봉 급여 월급 보조금 분양가 공사비 국비
    보증금 상금 부담금 참가비 등록비 경비 주차료 인원 정원 인구 수 개수 횟수 명수 고용 비율 비중 확률
    경쟁률 참가자 방문객 이용객 관람객 승객 직원 임직원 위치 장소 주소 자리 소재지 부지 터 본사 고향
    출신지 발원지 근무지 이름 명칭 별명 뜻 의미 제목 종류 재료 원료 구조 모양 색 색깔 특징 기능 용도
    쓰임 역할 임무 직책 직업 직위 신분 대표 사장 시장 시공사 주관 부처 기관 회사 운영사 설계자 작가 저자
    지은이 감독 대장 주인 소유자 발명자 발명가 창업자 설립자 창간자 주필 담당자 책임자 관장 위원장
    아버지 어머니 부모 스승 제자 아들 딸 아내 남편 형 이유 원인 까닭 목적 취지 배경 계기 방법 방식 절차
    과정 조건 자격 대상 기준 결과 효과 성과 계획 목표 전망 서류 준비물 문의처 전화번호 전화 연락처
    누리집 예약 신청 접수 완공 준공 착공 개관 개통 개장 개막 창간 설립 창립 지정 발견 발명 분양 입주
    출근 공사 면접 발표 합격 환불 반납 대출 연장 수습 보증 무상 수리 유상 학력 먹이 천적 사람 인물 곳 것
    점 일 문 평균 최대 최고 최저 총 전체 하루 한번 배차 간격 정거장 구간 노선 칸 좌석 투자 협약 서명
    체결 운영 개최 준비 완성 출간 간행 건립 건설 사망 출생 탄생 죽음 별세 등재 국보 보물 등록 최초
    마지막
    """
)
_ATTRIBUTE_END = re.compile(
    r"[가-힣](?:료|비|금|율|률|액|일자|기간|기한|시점|장소|방법|인원|면적|시간|날짜|이유)$"
)

#: What makes a case of the same question differ: age groups, days, seasons, ordinals, kinds of member.
CONTRASTS = (
    _words(
        "어른 성인 어린이 청소년 노인 학생 대학생 중학생 고등학생 유아 아기 군인 장애인 경로 단체 개인 회원"
    ),
    _words("평일 주말 공휴일 휴일 월요일 화요일 수요일 목요일 금요일 토요일 일요일 명절 설날 추석"),
    _words("오전 오후 아침 점심 저녁 밤 새벽 낮"),
    _words("봄 여름 가을 겨울 봄철 여름철 가을철 겨울철"),
    _words("올해 작년 지난해 내년 재작년 이듬해"),
    _words("경차 전기차 소형차 대형차 승용차 트럭 버스 오토바이"),
    _words("신입 경력 신입생 재학생 정규직 계약직 초보자"),
    _words("상반기 하반기 초반 후반 1분기"),
    _words("암컷 수컷 새끼 남자 여자 남성 여성"),
    _words("동쪽 서쪽 남쪽 북쪽 위쪽 아래쪽 안쪽 바깥쪽 왼쪽 오른쪽"),
)
#: The class of "두 번째" and its like.
ORDINAL = len(CONTRASTS)
_ORDINAL = re.compile(r"^(?:첫|두|세|네|다섯|여섯|일곱|\d+)\s*(?:번)?\s*(?:째|차|호|회|위)")

#: Endings of nouns that name an institution, a building, a place or an event.
FACILITY_END = re.compile(
    r"(?:도서관|박물관|미술관|기념관|천문대|센터|허브|단지|아파트|공원|병원|학교|대학|대학교|회사|식품|물산|전자|은행|신문|일보"
    r"|축제|대회|야시장|운하|다리|대교|궁|전각|산성|왕릉|강|산|섬|호수|해수욕장|시청|군청|도청|공항|항구|역|선|철도|열차|조합"
    r"|트램|지도|실록|대장경|아카데미|올림픽|월드컵|협회|재단|공사|공단|연구소|연구원|서점|책방|호텔|공장|성당|교회|사찰|탑|굴암"
    r"|청정기|레인지|세탁기|냉장고|자동차|데이터센터|바이오단지|제도|규정|규칙|협정|조약|사업)$"
)

#: Nouns after 그/이/저 that point at a person, a place, a time.
PERSONS = _words(
    "사람 분 인물 여자 남자 아이 양반 친구 학자 작가 장군 왕 임금 선비 기술자 의사 박사 과학자 시인 화가"
)
PLACES = _words("곳 지역 도시 나라 동네 마을 장소 국가 섬 자리 고장")
TIMES = _words("때 해 날 당시 시절 무렵 시기 달 시대")
#: Nouns that relate to what was said; the pointing word stays with them.
RELATIONS = _words(
    "뒤 후 다음 전 이후 이전 밖 외 중 가운데 위 아래 옆 앞 안 속 결과 이유 덕분 대신 동안 사이 밑 정도 만큼"
)

PERSON_PRONOUNS = _words("그 그녀 그분 이분 저분 그이 걔 그들 이들 그사람")
PLACE_PRONOUNS = _words("거기 그곳 여기 이곳 저기 저곳")
THING_PRONOUNS = _words("그것 그거 이것 이거 저것 저거 그게 이게 요거")
TIME_PRONOUNS = _words("그때 이때 그해 그날")
DETERMINERS = _words("그 이 저 해당 요")
#: Words that only tie a question to the one before.
CONNECTIVES = re.compile(
    r"^(?:(?:그럼|그러면|그렇다면|그리고|그런데|근데|그래서|그러니까|하지만|아니|아|음|어|오|네|응|참|자|또|또한)[\s,.!~…]+)+"
)

WH = {
    "누구": "who",
    "누": "who",
    "어디": "where",
    "언제": "when",
    "얼마": "howmuch",
    "얼마나": "howmuch",
    "무엇": "what",
    "뭐": "what",
    "뭣": "what",
    "왜": "why",
    "어떻게": "how",
    "어떡": "how",
    "며칠": "when",
    "몇": "howmuch",
    "무슨": "what",
    "어떤": "what",
    "어느": "what",
}


def is_attribute(noun: str) -> bool:
    """Whether a noun asks for a property and names nothing by itself."""
    return noun in ATTRIBUTES or (len(noun) >= 3 and _ATTRIBUTE_END.search(noun) is not None)


def contrast_class(phrase: str) -> int:
    """The list of :data:`CONTRASTS` that the phrase begins or ends with; ordinals follow; -1 for none."""
    if _ORDINAL.search(phrase):
        return ORDINAL
    words = phrase.split()
    ends = {words[0], words[-1]} if words else set()
    return next((row for row, names in enumerate(CONTRASTS) if names & ends), -1)


#: Predicates of talk that asks nothing ("고마워", "알겠어"), and of talk that asks for the same again.
SMALL_TALK = _words("고맙 감사 알 좋 안녕 미안 되 괜찮 맞 그렇")
AGAIN = _words("자세히 자세하 다시 더")


#: Attributes whose value is a person, or a place.
PERSON_ATTRIBUTES = _words(
    "대표 사장 시장 설계자 작가 저자 지은이 감독 대장 주인 발명자 발명가 창업자 설립자 창간자 주필 담당자 "
    "책임자 관장 위원장 사람 인물 아버지 어머니 부모 스승 제자"
)
PLACE_ATTRIBUTES = _words("위치 장소 소재지 본사 고향 출신지 발원지 근무지 곳 부지")
