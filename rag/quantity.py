"""Quantities as values: Korean numbers, sums, dates and times in text. Pure; no vendor.

``6,000억 원``, ``0.6조 원`` and ``육천억 원`` are one amount; ``2029년`` and ``‘29년`` are one date.
Nothing is guessed from context: what is not clearly a quantity stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from rag.types import Span

#: Two-digit years below this are 20xx, others 19xx ("‘29년" is 2029, "‘98년" is 1998).
CENTURY_TURN = 50


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit.

    Attributes:
        span: Position in the searched text.
        value: Exact, in the canonical unit.
        unit: Canonical ("원", "m", "kg", "초", "개월", "명", …); empty for a bare number.
    """

    span: Span
    value: Fraction
    unit: str


@dataclass(frozen=True, slots=True)
class Date:
    """A calendar date as far as the text states it; at least one part is present.

    Attributes:
        span: Position in the searched text.
        year: Four digits, or ``None``.
        month: 1 … 12, or ``None``.
        day: 1 … 31, or ``None``.
    """

    span: Span
    year: int | None
    month: int | None
    day: int | None


Quantity = Amount | Date

_SMALL = {"십": 10, "백": 100, "천": 1000}
_BIG = {"만": 10**4, "억": 10**8, "조": 10**12, "경": 10**16}
_SINO = {char: value for value, char in enumerate("영일이삼사오육칠팔구")}
_TENS = {
    word: 10 * n
    for n, words in enumerate(
        ("열", "스물 스무", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"), start=1
    )
    for word in words.split()
}
_ONES = {
    word: n
    for n, words in enumerate(
        ("하나 한", "둘 두", "셋 세 석", "넷 네 넉", "다섯", "여섯", "일곱", "여덟", "아홉"), start=1
    )
    for word in words.split()
}

_COUNTERS = (
    "가지 마리 대 권 채 척 그루 건 층 위 종 배 장 편 쪽 동 점 호 "
    "가구 세대 분기 세기 년대 호선 학년 개국 개사 단계 평 포기 쌍 차"
)
#: Canonical unit and factor of each way to write it.
_UNITS: dict[str, tuple[str, Fraction]] = {word: (word, Fraction(1)) for word in _COUNTERS.split()} | {
    word: (canonical, Fraction(factor))
    for canonical, factor, words in (
        ("원", "1", "원"),
        ("달러", "1", "달러 불"),
        ("유로", "1", "유로"),
        ("엔", "1", "엔"),
        ("위안", "1", "위안"),
        ("%", "1", "% ％ 퍼센트 프로"),
        ("%p", "1", "%p %P %포인트 퍼센트포인트"),
        ("m", "1000", "km ㎞ KM 킬로미터"),
        ("m", "1", "m 미터"),
        ("m", "1/100", "cm ㎝ 센티미터"),
        ("m", "1/1000", "mm ㎜ 밀리미터"),
        ("㎡", "1", "㎡ m² m2 제곱미터"),
        ("㎡", "1000000", "㎢ km² km2 제곱킬로미터"),
        ("㎡", "10000", "ha 헥타르"),
        ("㎥", "1", "㎥ m³ m3 세제곱미터"),
        ("kg", "1000", "t 톤"),
        ("kg", "1", "kg ㎏ KG 킬로그램"),
        ("kg", "1/1000", "g 그램"),
        ("kg", "1/1000000", "mg ㎎ 밀리그램"),
        ("L", "1", "L ℓ l 리터"),
        ("L", "1/1000", "ml mL ㎖ 밀리리터"),
        ("W", "1", "W 와트"),
        ("W", "1000", "kW KW ㎾ 킬로와트"),
        ("W", "1000000", "MW ㎿ 메가와트"),
        ("W", "1000000000", "GW 기가와트"),
        ("Wh", "1000", "kWh KWh ㎾h 킬로와트시"),
        ("Wh", "1000000", "MWh ㎿h 메가와트시"),
        ("Wh", "1000000000", "GWh 기가와트시"),
        ("개월", "12", "년 해 년간 해간"),
        ("개월", "1", "개월 달 개월간 달간"),
        ("일", "7", "주일 주간 주"),
        ("일", "1", "일 일간"),
        ("초", "3600", "시간"),
        ("초", "60", "분 분간"),
        ("초", "1", "초 초간"),
        ("명", "1", "명 인 사람"),
        ("회", "1", "회 번 차례"),
        ("세", "1", "세 살"),
        ("곳", "1", "곳 개소 군데"),
        ("개", "1", "개"),
        ("℃", "1", "℃ °C 도씨"),
        ("도", "1", "도"),
    )
    for word in words.split()
}
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
# A Latin unit ends where its letters end; some one-syllable units begin other words.
_UNIT_END = r"(?![A-Za-z])(?<!분)(?<!대)|(?<=분)(?!기|야|의)|(?<=대)(?!로|학|회|상|표|한|중|비|기)"
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?"
_SCALE = r"(?:[십백천만억경]|조(?!각|례|항))"
_AMOUNT = re.compile(
    rf"(?P<number>(?<![0-9.,])(?:{_DIGITS}\s?{_SCALE}+\s?)*{_DIGITS}(?:\s?{_SCALE}+)?)"
    rf"여?(?:\s?(?P<unit>{_UNIT})(?:{_UNIT_END}))?"
)
_SINO_AMOUNT = re.compile(
    r"(?<![0-9가-힣])(?P<number>[일이삼사오육칠팔구]?[십백천만억조][일이삼사오육칠팔구십백천만억조]*)"
    r"여?\s?(?P<unit>원|달러|명|개월|개|년|퍼센트|미터|킬로미터|톤|일|시간|건|곳|마리|권|대)(?![간적기])"
)
_NATIVE_AMOUNT = re.compile(
    rf"(?<![0-9가-힣])(?P<tens>{'|'.join(_TENS)})?(?P<ones>{'|'.join(_ONES)})?"
    r"(?:\s(?P<unit>명|개|살|번|곳|가지|달|마리|대|권|채|척|그루|사람|시간|차례|종|쌍|배|해|장|개월)"
    r"|(?P<tight>명|곳|가지|달|마리|개월|살|시간|차례|배|사람))(?![가-힣]*적)"
)
_FRACTION = re.compile(r"(?<![0-9])(?P<below>[0-9]+)\s?분의\s?(?P<above>[0-9]+)")
_MONTH, _DAY = r"1[0-2]|0?[1-9]", r"3[01]|[12][0-9]|0?[1-9]"
_YEAR = r"(?:(?<![0-9.,])(?P<year>[12][0-9]{3})|['‘’`´](?P<short>[0-9]{2}))"
_DATES = (
    re.compile(
        rf"{_YEAR}\s?[.\-/]\s?(?P<month>{_MONTH})\s?[.\-/]\s?(?P<day>{_DAY})(?![0-9])(?:\.(?![0-9]))?"
    ),
    re.compile(rf"{_YEAR}\s?년도?(?![대간])(?:\s?(?P<month>{_MONTH})\s?월(?:\s?(?P<day>{_DAY})\s?일)?)?"),
    re.compile(rf"(?<![0-9])(?P<short>[0-9]{{2}})년\s?(?P<month>{_MONTH})\s?월(?:\s?(?P<day>{_DAY})\s?일)?"),
    re.compile(r"['‘’`´](?P<short>[0-9]{2})(?![0-9])"),
    re.compile(rf"(?<![0-9.,])(?P<month>{_MONTH})\s?월(?:\s?(?P<day>{_DAY})\s?일)?"),
)
_CLOCK = re.compile(
    r"(?:(?P<half>오전|오후|새벽|아침|낮|저녁|밤)\s?)?(?<![0-9])(?P<hour>2[0-4]|1[0-9]|0?[0-9])"
    r"(?:\s?시(?!간)(?:\s?(?P<minute>[0-5]?[0-9])\s?분|\s?(?P<thirty>반))?|:(?P<colon>[0-5][0-9])(?![0-9:]))"
)


def _valued(numeral: str) -> Fraction:
    """The value of digits, commas and scales ("1조 2천500억"), or of Sino-Korean digits ("육천억")."""
    total = section = Fraction(0)
    pending: Fraction | None = None
    for token in re.findall(rf"{_DIGITS}|[가-힣]", numeral):
        if token in _SMALL:
            section += (1 if pending is None else pending) * _SMALL[token]
            pending = None
        elif token in _BIG:
            section += pending or 0
            total += (section or 1) * _BIG[token]
            section, pending = Fraction(0), None
        else:
            pending = Fraction(_SINO[token]) if token in _SINO else Fraction(token.replace(",", ""))
    return total + section + (pending or 0)


def _date(match: re.Match[str]) -> Date:
    parts = match.groupdict()
    year = parts.get("year")
    short = parts.get("short")
    if short is not None:
        year = str((2000 if int(short) < CENTURY_TURN else 1900) + int(short))
    month, day = parts.get("month"), parts.get("day")
    return Date(
        Span(*match.span()),
        int(year) if year else None,
        int(month) if month else None,
        int(day) if day else None,
    )


def _clock(match: re.Match[str]) -> Amount:
    hour = int(match["hour"])
    if match["half"] in {"오후", "저녁", "밤", "낮"} and hour < 12 and (match["half"] != "낮" or hour < 6):
        hour += 12
    minute = int(match["minute"] or match["colon"] or (30 if match["thirty"] else 0))
    return Amount(Span(*match.span()), Fraction(hour * 60 + minute), "시각")


def _amount(match: re.Match[str], value: Fraction, word: str | None) -> Amount:
    unit, factor = _UNITS[word] if word else ("", Fraction(1))
    return Amount(Span(*match.span()), value * factor, unit)


def _native(match: re.Match[str]) -> Amount | None:
    value = _TENS.get(match["tens"], 0) + _ONES.get(match["ones"], 0)
    return _amount(match, Fraction(value), match["unit"] or match["tight"]) if value else None


def _at(text: str, start: int) -> Quantity | None:
    """The quantity that begins at ``start``; dates and times before amounts."""
    for pattern in _DATES:
        if match := pattern.match(text, start):
            return _date(match)
    if match := _FRACTION.match(text, start):
        below = int(match["below"])
        return _amount(match, Fraction(int(match["above"]), below), None) if below else None
    if match := _CLOCK.match(text, start):
        return _clock(match)
    for pattern in (_AMOUNT, _SINO_AMOUNT):
        if match := pattern.match(text, start):
            return _numeral(text, match)
    return _native(match) if (match := _NATIVE_AMOUNT.match(text, start)) else None


def _numeral(text: str, match: re.Match[str]) -> Amount:
    if match["number"].endswith("조") and text[: match.start()].endswith("제"):  # 제10조: an article of law
        bare = match["number"][:-1].rstrip()
        return Amount(Span(match.start(), match.start() + len(bare)), _valued(bare), "")
    return _amount(match, _valued(match["number"]), match["unit"])


_STARTS = re.compile(
    r"[0-9'‘’`´]|오전|오후|새벽|아침|낮|저녁|밤"
    rf"|(?<![0-9가-힣])(?:[일이삼사오육칠팔구십백천만억조]|{'|'.join([*_TENS, *_ONES])})"
)


def _scan(text: str) -> Iterator[Quantity]:
    position = 0
    while start := _STARTS.search(text, position):
        found = _at(text, start.start())
        if found is None:
            position = start.start() + 1
        else:
            yield found
            position = found.span.end


def _joined(text: str, parts: Iterator[Quantity]) -> Iterator[Quantity]:
    """Amounts of one unit that follow each other, larger first, are one: "2년 8개월", "1시간 30분"."""
    last: Quantity | None = None
    for part in parts:
        if isinstance(last, Amount) and isinstance(part, Amount) and _continues(text, last, part):
            last = Amount(Span(last.span.start, part.span.end), last.value + part.value, part.unit)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


_COMPOUND = frozenset({"개월", "초", "m", "kg", "일"})


def _continues(text: str, last: Amount, part: Amount) -> bool:
    gap = text[last.span.end : part.span.start]
    return last.unit == part.unit and last.unit in _COMPOUND and gap in {"", " "} and part.value < last.value


def find(text: str) -> tuple[Quantity, ...]:
    """All quantities of ``text`` in order, never overlapping; cost linear in its length."""
    return tuple(_joined(text, _scan(text)))


def worded(text: str) -> tuple[Amount, ...]:
    """Amounts in words alone ("삼백만 원", "열두 명"): Sino-Korean ones, then native ones, in order."""
    sino = (_amount(match, _valued(match["number"]), match["unit"]) for match in _SINO_AMOUNT.finditer(text))
    native = map(_native, _NATIVE_AMOUNT.finditer(text))
    return (*sino, *(amount for amount in native if amount is not None))


def same(left: Quantity, right: Quantity) -> bool:
    """Whether two quantities are equal; a missing unit matches any, and ``2029`` matches ``2029년``."""
    if isinstance(left, Date) and isinstance(right, Date):
        return (left.year, left.month, left.day) == (right.year, right.month, right.day)
    if isinstance(left, Amount) and isinstance(right, Amount):
        return left.value == right.value and (left.unit == right.unit or not (left.unit and right.unit))
    date, amount = (left, right) if isinstance(left, Date) else (right, left)
    if not isinstance(date, Date) or not isinstance(amount, Amount):
        return False
    return amount.unit == "" and amount.value == date.year and date.month is None


def _paired(left: tuple[Quantity, ...], right: tuple[Quantity, ...]) -> bool:
    rest = list(right)
    for item in left:
        twin = next((other for other in rest if same(item, other)), None)
        if twin is None:
            return False
        rest.remove(twin)
    return not rest


_HEDGE = re.compile(r"(?:약|총|모두|무려|대략|최대|평균|연간)?\s*\0\s*(?:여|가량|정도|쯤|규모|동안|만에|씩)?")
_TAIL = re.compile(r"(?<=\0)(?:입니다|이었다|였다|이다|이며|이고|으로|로|은|는|이|가|을|를|에|의)(?![가-힣])")
_NOISE = re.compile(r"[^0-9A-Za-z가-힣㐀-鿿\0%]+")


def _frame(text: str, found: tuple[Quantity, ...]) -> str:
    """What is said around the quantities, without hedges, particles, spaces and signs."""
    pieces: list[str] = []
    last = 0
    for item in found:
        pieces += [text[last : item.span.start], "\0"]
        last = item.span.end
    framed = _TAIL.sub("", _HEDGE.sub("\0", "".join([*pieces, text[last:]])))
    return _NOISE.sub("", framed).casefold()


def agree(left: str, right: str) -> bool:
    """Whether two short answers state equal quantities and otherwise the same.

    ``False`` where either holds no quantity: then it is no question of quantities.
    """
    ours, theirs = find(left), find(right)
    if not ours or not theirs or not _paired(ours, theirs):
        return False
    return _frame(left, ours) == _frame(right, theirs)


def conflict(left: str, right: str) -> bool:
    """Whether both state quantities, and not the same ones."""
    ours, theirs = find(left), find(right)
    return bool(ours and theirs) and not _paired(ours, theirs)
