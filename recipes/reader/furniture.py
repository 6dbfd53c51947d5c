"""Articles dressed as web pages state themselves: who published them, when, and who wrote them.

Names and dates are invented, places and wording vary; the pages go through the package's own loader, so
that the reader sees mastheads and datelines as it will in use.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from rag.load.page import parse
from rag.text import normalise
from rag.types import Document
from recipes.reader.data import Article, Asked

_FIRST = "한빛 나루 새벽 누리 가람 들꽃 해솔 다온 미리내 온새 푸른 동녘 서해 남강 북악 큰길".split()
_LAST = "일보 신문 경제 뉴스 타임스 저널 투데이 미디어 매일 경제신문".split()
_FAMILY = "김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황".split()
_GIVEN = "서연 도윤 하준 지민 은호 수아 태경 나래 민규 보람 이안 가온 세림 준서 다현 우진".split()
_ASK_PUBLISHER = (
    "{t} 기사를 낸 언론사는?",
    "{t} 소식을 보도한 매체는 어디인가요?",
    "{t} 기사를 실은 신문사 이름",
    "{t} 글은 어느 언론사 기사야?",
    "{t} 글을 발행한 곳은?",
)
_ASK_DATE = (
    "{t} 기사 날짜는?",
    "{t} 기사는 언제 나왔나요?",
    "{t} 글의 발행일은 언제입니까?",
    "{t} 기사 승인 날짜",
    "{t} 기사가 등록된 날은?",
    "{t} 기사 발행 일시 알려줘",
    "{t} 글이 올라온 날짜는?",
)
_ASK_WRITER = (
    "{t} 기사를 쓴 기자는 누구인가요?",
    "{t} 기사 작성 기자 이름",
    "{t} 글 누가 썼어?",
    "{t} 취재한 기자는?",
    "{t} 편집한 기자는 누구야?",
)


def _date(chance: random.Random) -> tuple[str, tuple[str, ...]]:
    """A dateline's date, and the answers that name it."""
    year, month, day = chance.randint(2012, 2026), chance.randint(1, 12), chance.randint(1, 28)
    clock = f"{chance.randint(6, 22):02}:{chance.randint(0, 59):02}"
    written = chance.choice(
        (
            f"{year}.{month:02}.{day:02}",
            f"{year}-{month:02}-{day:02}",
            f"{year}. {month}. {day}.",
            f"{year}년 {month}월 {day}일",
        )
    )
    if chance.random() < 0.5:
        return f"{written} {clock}", (written, f"{written} {clock}")
    return written, (written,)


def _page(title: str, text: str, facts: dict[str, str], chance: random.Random) -> str:
    head = [title]
    label = chance.choice(("", "승인 ", "입력 ", "발행: ", "등록 ", "기사입력 ", "작성일: "))
    byline = chance.choice(("{} 기자", "편집: {} 기자", "기자 {}", "{} 기자 news@example.kr"))
    foot: list[str] = []
    if "publisher" in facts:
        if chance.random() < 0.7:
            head.insert(0, facts["publisher"])
        else:
            foot.append(f"저작권자 ⓒ {facts['publisher']} 무단전재 및 재배포 금지")
    if "writer" in facts:
        (head if chance.random() < 0.6 else foot).append(byline.format(facts["writer"]))
    if "date" in facts:
        head.append(label + facts["date"])
    if chance.random() < 0.5:
        head.append(chance.choice(("댓글 0", "공유하기", "이 기사를 공유합니다", "글자크기 조절")))
    gap = chance.choice(("\n", "\n\n"))
    return (
        gap.join(head)
        + "\n\n"
        + text
        + "\n\n"
        + "\n".join([*foot, chance.choice(("관련기사", "댓글 남기기", ""))])
    )


def furnished(articles: Sequence[Article], seed: int) -> list[Article]:
    """Each article as a page, with questions about its publisher, date and writer; some have no answer."""
    chance = random.Random(seed)
    made = []
    for article in articles:
        stated, dates = _date(chance)
        facts = {
            "publisher": chance.choice(_FIRST) + chance.choice(_LAST),
            "writer": chance.choice(_FAMILY) + chance.choice(_GIVEN),
            "date": stated,
        }
        for name in [name for name in facts if chance.random() < 0.25]:
            del facts[name]
        page = normalise(_page(article.document.title, article.document.text, facts, chance))
        parsed = parse(page)
        document = Document(
            id=f"page/{article.document.id}",
            title=parsed.title or article.document.title,
            text=page,
            sections=parsed.sections,
        )
        words = article.document.title.split()
        asked = []
        for name, forms in (("publisher", _ASK_PUBLISHER), ("date", _ASK_DATE), ("writer", _ASK_WRITER)):
            kept = [word for word in words if chance.random() < 0.7] or words
            answers = dates if name == "date" else (facts.get(name, ""),)
            start = page.find(facts[name]) if name in facts else -1
            question = chance.choice(forms).format(t=" ".join(kept).strip(",.…"))
            asked.append(Asked(question, answers if start >= 0 else (), start, None, "page"))
        made.append(replace(article, document=document, asked=tuple(asked)))
    return made
