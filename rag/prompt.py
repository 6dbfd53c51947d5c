"""Questions and passages to chat messages. The words are data in ``prompts/``; this fills them in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from rag.text import digest, squeeze
from rag.types import Evidence, Turn

FOLDER = Path(__file__).with_name("prompts")

# Document text may neither close its passage, nor pose as a marker, nor spell a chat template's
# control tokens (<|im_end|>, <start_of_turn>, [INST], [|user|], </s>), all of which need one of these
# brackets: they become full-width ones. Citations are found in the source, so the copy may differ from it.
_HARMLESS = str.maketrans({"<": "＜", ">": "＞", "[": "［", "]": "］"})
_NO_QUOTES = str.maketrans({'"': "”"})

# Models refuse in words of their own; a sentence about the passages that denies holding something.
_DENIAL = re.compile(
    r"(?:구절|문서|자료|지문|본문|제공된|주어진)[^.\[\]]*"
    r"(?:(?:찾을|알|확인할|답할|답변할) 수(?:가|는)? 없|확인되지 않"
    r"|나와 있지 않|나오지 않|나타나지 않|언급(?:되|하)[^.]{0,6}않|명시되[^.]{0,6}않|포함되[^.]{0,6}않"
    r"|정보(?:가|는) 없|내용(?:이|은) 없|언급(?:이|은) 없)"
)


@lru_cache(maxsize=8)
def template(name: str) -> str:
    """The prompt text ``name`` without its last line end."""
    return (FOLDER / f"{name}.txt").read_text("utf-8").rstrip("\n")


def refusal() -> str:
    """The one sentence that says that the passages do not hold the answer."""
    return template("refusal")


def prompt_digest() -> str:
    """First 16 hex digits of a SHA-256 over all prompt texts, in name order."""
    texts = (f"{path.name}\x1f{path.read_text('utf-8')}" for path in sorted(FOLDER.glob("*.txt")))
    return digest("\x1e".join(texts))[:16]


def harmless(text: str) -> str:
    """Text that cannot leave its place in the prompt."""
    return text.translate(_HARMLESS)


def system_message() -> str:
    """What the model is told to do."""
    return template("system").format(refusal=refusal())


def user_message(question: str, evidence: Sequence[Evidence]) -> str:
    """Numbered passages, then the question; document text is made harmless."""
    passages = "\n".join(
        template("passage").format(
            marker=item.marker,
            title=harmless(squeeze(item.passage.context)).translate(_NO_QUOTES),
            text=harmless(item.passage.text),
        )
        for item in evidence
    )
    return template("user").format(passages=passages, question=harmless(squeeze(question)))


#: GBNF: a question and its answer on two lines.
QUESTION_GRAMMAR = r"""root ::= " "? "질문: " letter words "?\n답: " letter answer
letter ::= [^\x00-\x20\x7f?<>\[\]]
words ::= [^\x00-\x1f\x7f?]{4,120}
answer ::= [^\x00-\x1f\x7f]{0,80}"""


#: GBNF: one question on one line.
FOLLOW_UP_GRAMMAR = r"""root ::= " "? "질문: " letter words "?"
letter ::= [^\x00-\x20\x7f?<>\[\]]
words ::= [^\x00-\x1f\x7f?<>\[\]]{1,160}"""


def follow_up_system_message() -> str:
    """What a model is told that makes a follow-up stand alone."""
    return template("follow_up_system")


def follow_up_message(question: str, history: Sequence[Turn]) -> str:
    """Earlier turns and the question, made harmless."""
    lines = (f"질문: {_one_line(turn.question)}\n답: {_one_line(turn.answer)}" for turn in history)
    return template("follow_up_user").format(turns="\n".join(lines), question=_one_line(question))


def _one_line(text: str) -> str:
    return harmless(squeeze(text))


def question_system_message() -> str:
    """What a model is told that writes questions."""
    return template("question_system")


def question_message(text: str) -> str:
    """The text to ask about, made harmless."""
    return template("question_user").format(text=harmless(text))


@lru_cache(maxsize=1)
def _scoring() -> dict[str, str]:
    return tomllib.loads((FOLDER / "scoring.toml").read_text("utf-8"))


def scoring_system_message() -> str:
    """What a model is told whose answers are given, and only weighed."""
    return _scoring()["system"]


def scoring_message(question: str, texts: Sequence[str]) -> str:
    """Texts and a question, made harmless."""
    shown = "\n".join(harmless(text) for text in texts)
    return _scoring()["user"].format(texts=shown, question=harmless(squeeze(question)))


def denies(text: str) -> bool:
    """Whether an answer says, in the model's own words too, that the passages do not hold it.

    Only an answer of one sentence counts: what follows or precedes other sentences may be a part of them.
    """
    bare = re.sub(r"\s*\[\d+\]", "", text).strip()
    if bare.startswith(refusal()):
        return True
    return not re.search(r"[.!?]\s", bare) and _DENIAL.search(bare) is not None


def grammar(markers: Sequence[int]) -> str:
    """GBNF: sentences that each end in markers of shown passages, or exactly the refusal.

    Within a sentence a full stop is followed by no space ("3.5", "U.S.A"), but for dates and list
    numbers ("2024. 3. 5."), so that no sentence goes without its marker. Brackets, line breaks and control
    characters occur nowhere else.

    Args:
        markers: Numbers of the passages shown; with none, only the refusal is left.
    """
    quoted = refusal().replace("\\", "\\\\").replace('"', '\\"')
    lines = [f'refusal ::= "{quoted}"']
    if not markers:
        return "\n".join(["root ::= refusal", *lines])
    numbers = " | ".join(f'"{marker}"' for marker in markers)
    lines += [
        r"letter ::= [^\x00-\x20\x7f<>\[\].!?…。]",
        r"stops ::= [.!?…。]+",
        r'step ::= letter | " " letter | stops letter | [0-9] (". " [0-9]+)* ". " letter',
        f'marker ::= " "? "[" ({numbers}) "]"',
        "sentence ::= letter step+ stops? marker+",
        r"answer ::= sentence ([ \n] sentence)*",
    ]
    # Some vocabularies begin every answer with a space.
    return "\n".join(['root ::= " "? (refusal | answer)', *lines])
