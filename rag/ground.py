"""Drafts to proven answers: every citation is a verbatim stretch of the source, found by the program.

A generative draft's markers say where to look, never where the proof is: the best-supporting sentence of
the marked passage is found here. An extractive draft already carries positions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag.korean import Analysis, analyse
from rag.quantity import find, same
from rag.types import Citation, Draft, Evidence, Located, Span

_MARKER = re.compile(r"\[(\d{1,3})\]")
_MARKER_RUN = re.compile(r"(?:\s*\[\d{1,3}\])+")
_NUMBER = re.compile(r"\d[\d,.]*(?:\s?[십백천만억조]+)?")
_ITEM_NUMBER = re.compile(
    r"^[ \t]*\d{1,2}[.)]\s+", re.MULTILINE
)  # counts the claims of a list, states nothing
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")

#: A sentence with less support than this is not proof.
LEAST_SUPPORT = 0.35


@dataclass(frozen=True, slots=True)
class Grounded:
    """Answer text with its proofs.

    Attributes:
        text: The draft's text without markers that no citation carries.
        citations: In the order of their claims; the same stretch is cited once per marker.
        unsupported: Claims that no cited sentence carries.
        stray_markers: Markers that named no shown passage, ascending.
    """

    text: str
    citations: tuple[Citation, ...]
    unsupported: tuple[str, ...]
    stray_markers: tuple[int, ...]


def ground(draft: Draft, evidence: Sequence[Evidence], sources: Mapping[str, str]) -> Grounded:
    """Find the proof of every claim of ``draft``.

    Args:
        draft: What a reader said.
        evidence: What it was shown.
        sources: Source by document id, for the citations.
    """
    shown = {item.marker: item for item in evidence}
    if draft.located:
        return Grounded("", tuple(_by_position(draft.located, shown, sources)), (), ())
    return _by_search(draft.text, shown, sources)


def _by_position(
    located: Iterable[Located], shown: Mapping[int, Evidence], sources: Mapping[str, str]
) -> Iterable[Citation]:
    for place in located:
        item = shown[place.marker]
        yield _citation(item, place.sentence, place.support, sources)


def _citation(item: Evidence, span: Span, support: float, sources: Mapping[str, str]) -> Citation:
    passage = item.passage
    start = span.start - passage.span.start
    return Citation(
        marker=item.marker,
        document_id=passage.document_id,
        title=passage.title or passage.heading,
        source=sources.get(passage.document_id, ""),
        span=span,
        quote=passage.text[start : start + len(span)],
        support=max(0.0, min(1.0, support)),
    )


def _by_search(text: str, shown: Mapping[int, Evidence], sources: Mapping[str, str]) -> Grounded:
    named = {int(number) for number in _MARKER.findall(text)}
    citations: dict[tuple[int, Span], Citation] = {}
    unsupported: list[str] = []
    for claim, markers in claims(text):
        found = [_best(claim, shown[marker], sources) for marker in markers if marker in shown]
        good = [citation for citation in found if citation is not None and citation.support >= LEAST_SUPPORT]
        for citation in good:
            citations.setdefault((citation.marker, citation.span), citation)
        if not good:
            unsupported.append(claim)
    carried = {citation.marker for citation in citations.values()}
    kept = _MARKER.sub(lambda match: match.group() if int(match.group(1)) in carried else "", text)
    stray = tuple(sorted(named - shown.keys()))
    return Grounded(kept.strip(), tuple(citations.values()), tuple(unsupported), stray)


def claims(text: str) -> list[tuple[str, tuple[int, ...]]]:
    """Sentences of an answer with the markers that follow or end them; those without text are left out."""
    found: list[tuple[str, tuple[int, ...]]] = []
    listed = _ITEM_NUMBER.sub("", text)
    joined = _MARKER_RUN.sub(lambda match: match.group().replace("\n", " ").replace(" ", ""), listed)
    # "…입니다. [1] 다음…": the marker belongs to the sentence before it
    joined = re.sub(r"([.!?…])((?:\[\d{1,3}\])+)", r"\2\1", joined)
    for sentence in _SENTENCE_END.split(joined):
        markers = tuple(dict.fromkeys(int(number) for number in _MARKER.findall(sentence)))
        claim = _MARKER.sub("", sentence).strip()
        if any(char.isalnum() for char in claim):
            found.append((claim, markers))
    return found


def _best(claim: str, item: Evidence, sources: Mapping[str, str]) -> Citation | None:
    """The sentence of one passage that supports the claim most; ties go to the first."""
    wanted = analyse(claim)
    passage = item.passage
    best: tuple[float, Span] | None = None
    analysis = analyse(passage.text)
    for span, bounds in zip(analysis.sentences, analysis.bounds, strict=True):
        score = support(wanted, passage.text[span.start : span.end], analysis, bounds)
        if best is None or score > best[0]:
            best = (score, span)
    if best is None:
        return None
    return _citation(item, best[1].shift(passage.span.start), best[0], sources)


def support(claim: Analysis, sentence: str, source: Analysis, bounds: tuple[int, int]) -> float:
    """How far a sentence carries a claim, in [0, 1].

    Mean of the share of the claim's content morphemes and of its character bigrams that the sentence
    holds; 0 if the claim states a number that the sentence lacks, since a wrong number is a wrong claim
    however many words agree.
    """
    if not _holds_numbers(claim.text, sentence):
        return 0.0
    forms = {m.form for m in source.morphemes[bounds[0] : bounds[1]]}
    content = [m.form for m in claim.morphemes if m.is_content]
    share = sum(form in forms for form in content) / len(content) if content else 0.0
    flat, flat_sentence = re.sub(r"\W", "", claim.text), re.sub(r"\W", "", sentence)
    grams = [flat[i : i + 2] for i in range(len(flat) - 1)]
    overlap = sum(gram in flat_sentence for gram in grams) / len(grams) if grams else 0.0
    return float((share + overlap) / 2)


def _holds_numbers(claim: str, sentence: str) -> bool:
    """Whether the sentence holds each number of the claim, written the same or not ("6,000억", "육천억")."""
    held = {_numeral(match) for match in _NUMBER.finditer(sentence)}
    lacking = [match for match in _NUMBER.finditer(claim) if _numeral(match) not in held]
    if not lacking:
        return True
    stated, theirs = find(claim), find(sentence)
    return all(
        any(
            one.span.start <= match.start() < one.span.end and any(same(one, other) for other in theirs)
            for one in stated
        )
        for match in lacking
    )


def _numeral(match: re.Match[str]) -> str:
    """A whole number without commas and blanks: 50 is not part of 150, nor 5 of 5만."""
    return re.sub(r"[,\s]|\.(?!\d)", "", match.group())
