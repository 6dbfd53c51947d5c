"""Questions about a page rather than its subject: who published it, when, who wrote it."""

from __future__ import annotations

import re

#: Longer passages are prose, whatever they mention.
MASTHEAD_MAX_CHARS = 160

_ABOUT = r"(?:기사|글|보도|뉴스|게시물|포스트|칼럼|사설|자료|공고|소식)"
_ASKED = re.compile(
    r"언론사|신문사|방송사|매체|발행[인처일]|게재일|게시일|작성[자일]|등록일|입력\s?시[간각]|승인\s?(?:일|날짜)|글쓴이|필자|저자"
    rf"|{_ABOUT}[을를이가은는의]?\s?(?:\S+\s){{0,2}}?(?:쓴|쓰|썼|낸|냈|실은|실린|올린|올라|나온|나왔|작성|발행|게시|등록|보도|날짜|출처)"
    r"|(?:취재|작성|편집|집필|보도)(?:한|했|하신|된|됐)|기자(?:는|가|의|\s이름|\?|$|님|야|인)"
)
_STATED = re.compile(
    r"(?:19|20)\d\d\s?[.년/-]\s?\d|기자|ⓒ|©|저작권|copyright|발행|편집|등록|입력|승인|작성|게시|글쓴이|출처",
    re.IGNORECASE,
)


def asks_of_page(question: str) -> bool:
    """Whether a question asks who published or wrote a page, or when; may err on the side of yes."""
    return _ASKED.search(question) is not None


def states_page(text: str, *, opens: bool) -> bool:
    """Whether a passage outside the article says who published or wrote it, or when.

    Args:
        text: The passage.
        opens: Whether it is the first of its document: a short line there is the site's name.
    """
    return len(text) <= MASTHEAD_MAX_CHARS and (opens or _STATED.search(text) is not None)
