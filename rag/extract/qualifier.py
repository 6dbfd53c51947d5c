"""Words at the side of a number without which it would say something else: "약", "지난", "이상", "넘는"."""

from __future__ import annotations

import re

from rag.types import Span

_BEFORE = re.compile(
    r"(?<![가-힣])(?:약|총|최대|최소|최고|최저|평균|누적|지난|오는|올해|내년|내후년|지난해|작년|재작년|매년|매월|매달|매주"
    r"|매일|연간|월평균|연평균|하루|한 해|한 달|오전|오후|새벽|밤|낮|거의|무려|대략|적어도|많아야|1인당)\s*\Z"
)
_AFTER = re.compile(
    r"\A\s?(?:이상|이하|미만|초과|가량|정도|안팎|남짓|내외|이내|쯤"
    r"|[이가을를]\s?(?:넘는|넘게|웃도는|밑도는|못 미치는))"
    r"(?=[^가-힣]|이[다며고라었]|인|의|으로|을|를|은|는|에|도|과|만|\Z)"
)
#: Words that are taken in on the left, one after the other ("지난해 약").
_MOST = 2


def qualified(text: str, span: Span, sentence: Span) -> Span:
    """``span`` with the words that qualify its number, within its sentence; unchanged where it holds none."""
    if not any(letter.isdigit() for letter in text[span.start : span.end]):
        return span
    start, end = span.start, span.end
    for _ in range(_MOST):
        if found := _BEFORE.search(text[sentence.start : start]):
            start = sentence.start + found.start()
    if found := _AFTER.search(text[end : sentence.end]):
        end += found.end()
    return Span(start, end)
