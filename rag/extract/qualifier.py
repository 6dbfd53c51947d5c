"""Words at the sides of a number without which it would say something else: "약", "지난", "이상", "넘는"."""

from __future__ import annotations

import re

from rag.types import Span

_START = r"(?<![가-힣0-9])"
#: Before any number; before an age; before a time of day; before a month or day of no stated year.
_ALWAYS = (
    "약|총|최대|최소|최고|최저|평균|누적|영하|거의|무려|대략|적어도|상위|하위|매년|매월|매달|매주|매일|연간"
    "|월평균|연평균"
)
#: Before what is no year: "하루 3번", "연 12회"; but "문을 연 3곳", "이번 주 3일".
_EACH = "하루|월|연|주"
_NO_RATE = re.compile(r"(?:을|를|그|이|한|번|다음|지난) \Z")
_COUNTED = re.compile(r"[0-9][0-9,.]* ?(?:회|차례|번|건|%|퍼센트)")
_YEAR = re.compile(r"[12][0-9]{3} ?년")
_AGE = "만"
_HALF = "오전|오후|새벽|아침|낮|저녁|밤"
_OF_DAY = "지난|오는|이달|지난달|다음 달"
_OF_MONTH = "지난|오는|지난해|작년|재작년|올해|내년|내후년|이듬해"
_UNITS = (
    "[A-Za-z%㎡℃㎞㎏㎜㎝㎥]+|원|달러|유로|엔|위안|명|인|세|살|개사|개소|개국|개월|개|곳|군데|건|대|회|차례|번|년|달|일|주|시간|시|분|초|층"
    "|동|호|가구|세대|점|권|쪽|장|마리|그루|평|미터|킬로미터|톤|도|배|퍼센트|포인트|석|팀|종|편|쌍|가지|채|필지|병상|실|량|척|기|간"
    "|위|급|등급|자|학년|학점|병|단계|면|그램|데시벨"
)
_BEGINS = re.compile(r"[0-9]")
_ENDS = re.compile(rf"[0-9][0-9,.]*(?: ?[조억만천백십]+[0-9,.]*)*(?: ?(?:여 ?)?(?:{_UNITS}))?\Z")
#: A noun that qualifies, and what may follow it: "300명 이상이", not "300명 이상하다고".
_NOUN = re.compile(
    r"\A ?(?:이상|이하|미만|초과|가량|정도|안팎|남짓|내외|이내|쯤|가까이)"
    r"(?=[^가-힣]|[이인의으로을를은는에도과만까부씩일다라면가여지였한밖뿐됩되]|\Z)"
)
_VERB = re.compile(
    r"\A(?: ?(?:[이가을를] ?)?(?:넘는|넘게)|[을를] ?(?:웃도는|밑도는)|에 ?못 미치는|도 ?안 되는)(?![가-힣])"
)
#: A comparison that ends the sentence, or that none of the above can be; "넘어지다" and "넘겨받다" are none.
_COMPARED = re.compile(
    r"\A ?(?:[이가을를에도] ?)?(?:(?:채|훌쩍|크게|이미|약간|조금|훨씬|벌써) ?)?"
    r"(?:넘(?!어[지져가갔오와뜨]|겨[받주줬])|웃[도돌]|밑[도돌]|못 ?미치|미치지 못|안 [되돼된됐될]"
    r"|육박|가깝|가까[운워웠])"
)
#: Words that are taken in on the left, one after the other ("하루 평균").
_MOST = 2


def qualified(text: str, span: Span, sentence: Span) -> Span | None:
    """``span`` with the words of its sentence that qualify its number, which is written in digits.

    A span without such a number stays as it is. None where a comparison follows that cannot be told with it
    ("1,200개를 넘었다"): only the sentence says that.
    """
    start, end = span.start, span.end
    inside, after = text[start:end], text[end : sentence.end]
    if _BEGINS.match(inside):
        before = re.compile(rf"{_START}(?:{'|'.join(_fitting(inside, after))}) ?\Z")
        for _ in range(_MOST):
            left = text[sentence.start : start]
            found = before.search(left)
            if found is None or _misread(found[0].strip(), left[: found.start()], inside):
                break
            start = sentence.start + found.start()
    if _ENDS.search(inside):
        if found := (not _YEAR.fullmatch(inside) and _NOUN.match(after)) or _VERB.match(after):
            end += found.end()
        elif _COMPARED.match(after):
            return None
    return Span(start, end)


def _fitting(number: str, after: str) -> list[str]:
    """Words that may qualify a number from the left."""
    fitting = [_ALWAYS] if _YEAR.match(number) else [_ALWAYS, _EACH]
    if re.match(r"[0-9]+ ?(?:세|살)", number):
        fitting.append(_AGE)
    if re.match(r"[0-9]+ ?시(?!간)", number):
        fitting.append(_HALF)
    if re.match(r"1?[0-9] ?월", number):
        fitting.append(_OF_MONTH)
    if re.match(r"[123]?[0-9] ?일(?!간)", number) and not re.match(r" ?(?:간|동안)", after):
        fitting.append(_OF_DAY)
    return fitting


def _misread(word: str, before: str, number: str) -> bool:
    """Whether 연, 주 or the like is no rate there: "문을 연 3곳", but "상담을 연 12회"."""
    counted = word == "연" and _COUNTED.match(number)
    return word in _EACH.split("|") and bool(_NO_RATE.search(before)) and not counted
