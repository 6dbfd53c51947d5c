"""Questions and passages to chat messages. The words are data in ``prompts/``; this fills them in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from rag.text import digest, squeeze
from rag.types import Evidence

FOLDER = Path(__file__).with_name("prompts")

# Document text may neither close its passage, nor pose as a marker, nor spell a chat template's
# control tokens (<|im_end|>, <start_of_turn>, [INST], </s>): their brackets become full-width ones.
# Citations are found in the source, so the copy in the prompt may differ from it.
_HARMLESS = str.maketrans({"<": "＜", ">": "＞", "[": "［", "]": "］", '"': "”"})


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
            title=harmless(squeeze(item.passage.context)),
            text=harmless(item.passage.text),
        )
        for item in evidence
    )
    return template("user").format(passages=passages, question=harmless(squeeze(question)))


def grammar(markers: Sequence[int]) -> str:
    """GBNF: sentences that each end in markers of shown passages, or exactly the refusal.

    Args:
        markers: Numbers of the passages shown; with none, only the refusal is left.
    """
    quoted = refusal().replace("\\", "\\\\").replace('"', '\\"')
    lines = [f'refusal ::= "{quoted}"']
    if not markers:
        return "\n".join(["root ::= refusal", *lines])
    numbers = " | ".join(f'"{marker}"' for marker in markers)
    lines += [
        f'marker ::= "[" ({numbers}) "]"',
        r"letter ::= [^\x00-\x1f<>\[\]]",
        'sentence ::= letter letter+ (" "? marker)+',
        r"answer ::= sentence ([ \n] sentence)*",
    ]
    return "\n".join(["root ::= refusal | answer", *lines])
