"""Reading step by step: look, narrow to sentences, list spans, compare the best, judge the answer.

Training and use run the same steps; only the scores between them come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag.encoder import SentenceEncoder
from rag.evidence import NAMES as SENTENCE_NAMES
from rag.evidence import Matched, Place, Question, ask, matched
from rag.evidence import features as sentence_features
from rag.extract.candidate import Candidate, candidates
from rag.extract.feature import CATEGORIES, texts_of
from rag.extract.feature import NAMES as SPAN_NAMES
from rag.extract.feature import features as span_features
from rag.extract.joint import NAMES as JOINT_NAMES
from rag.extract.joint import Joint
from rag.extract.meaning import NAMES as MEANING_NAMES
from rag.extract.meaning import Meaning, meaning
from rag.extract.tokens import Tokens, tokens
from rag.types import Evidence

Floats = NDArray[np.float32]

#: Sentences in which spans are sought.
KEEP = 12
#: Spans that are compared with each other.
FINALISTS = 16
#: Sentences that are judged and shown at most.
SHOWN = 3

COMPARED = tuple(
    (
        "score gap rank mass twin_mass over_gap under_gap start_gap end_gap overlapping added_left "
        "added_right spread"
    ).split()
)
#: What the network says of a candidate, given that one of them is right: log probability, its distance from
#: the best, probability, rank, probability of its words anywhere and of its sentence; and how probable it is
#: that none is.
NETWORK = ("net", "net_gap", "net_share", "net_rank", "net_words", "net_sentence", "net_none")
#: What the sentence encoder says of a candidate's sentence.
MEANING = tuple(f"meaning_{name}" for name in MEANING_NAMES)
ALL_NAMES = (*SPAN_NAMES, *MEANING, *NETWORK)
FINAL_NAMES = (*ALL_NAMES, *COMPARED)
FINAL_CATEGORIES = CATEGORIES


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A question held against its evidence: all sentences and their features."""

    question: Question
    pages: tuple[Matched, ...]
    places: tuple[Place, ...]
    table: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Narrow:
    """The best sentences, best first, and every span in them.

    Attributes:
        kept: Sentences.
        table: ``(k, …)`` their features.
        scores: ``(k,)`` their trained scores, descending.
        found: Spans.
        texts: Their words.
        spans: ``(c, …)`` their features of :data:`ALL_NAMES`; those of :data:`NETWORK` after :func:`attend`.
        meant: What the sentence encoder says of the sentences.
    """

    look: Look
    kept: tuple[Place, ...]
    table: Floats
    scores: Floats
    found: tuple[Candidate, ...]
    texts: tuple[str, ...]
    spans: Floats
    meant: Meaning


def look(question: str, evidence: Sequence[Evidence]) -> Look:
    """First step: match words, describe sentences."""
    asked = ask(question)
    pages = matched(asked, evidence)
    found, table = sentence_features(asked, pages)
    return Look(asked, pages, found, table)


def narrow(seen: Look, scores: NDArray[np.float64], encoder: SentenceEncoder) -> Narrow:
    """Second step: keep the best sentences by ``(s,)`` scores, and list their spans."""
    order = np.argsort(-scores, kind="stable")[:KEEP]
    kept = tuple(seen.places[row] for row in order.tolist())
    table, best = seen.table[order], scores[order].astype(np.float32)
    found = tuple(candidates(seen.question, seen.pages, kept))
    meant = meaning(seen.question, seen.pages, kept, encoder)
    if not found:
        nothing = np.zeros((0, len(SPAN_NAMES) + len(MEANING)), np.float32)
        return Narrow(seen, kept, table, best, (), (), nothing, meant)
    spans = span_features(seen.question, seen.pages, kept, table, best, found)
    owner = [one.sentence for one in found]
    spans = np.concatenate([spans, meant.table[owner]], axis=1)
    return Narrow(seen, kept, table, best, found, tuple(texts_of(seen.pages, kept, found)), spans, meant)


def laid(seen: Narrow) -> Tokens:
    """What the network is shown."""
    look = seen.look
    return tokens(look.question, look.pages, seen.kept, seen.table, seen.scores, seen.meant, seen.found)


def attend(seen: Narrow, logs: Floats) -> Narrow:
    """Third step: add what the network says, ``(c + 1,)`` as :meth:`Network.logs` gives it."""
    none = float(logs[-1])
    found = logs[:-1] - np.logaddexp.reduce(logs[:-1])
    share = np.exp(found)
    ranks = np.empty(len(found))
    ranks[np.argsort(-found, kind="stable")] = np.arange(len(found))
    _, words = np.unique(np.array(seen.texts), return_inverse=True)
    owner = np.array([one.sentence for one in seen.found])
    columns = [
        np.maximum(found, -15.0),
        np.maximum(found - found.max(), -15.0),
        share,
        np.minimum(ranks, 40.0),
        np.bincount(words, share)[words],
        np.bincount(owner, share)[owner],
        np.full(len(found), np.exp(none)),
    ]
    table = np.stack(columns, axis=1).astype(np.float32)
    return replace(seen, spans=np.concatenate([seen.spans, table], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Final:
    """The best spans with what sets them apart; ``rows`` are their numbers in ``narrow.found``."""

    narrow: Narrow
    rows: tuple[int, ...]
    table: Floats


def distinct(final: Final, scores: NDArray[np.float64], passages: int, read: Joint) -> list[int]:
    """A finalist of each of the best sentences, at most :data:`SHOWN`; ties by order of rank.

    Sentences are ranked by the best score in them; in each the finalist is taken that score and cross-encoder
    together like best: it knows better where an answer begins and ends. Only those of the first ``passages``
    passages: what lies in companions is no answer.
    """
    seen = final.narrow
    best: dict[int, list[int]] = {}
    for row in np.argsort(-scores, kind="stable").tolist():
        sentence = seen.found[final.rows[row]].sentence
        if seen.kept[sentence].passage < passages:
            best.setdefault(sentence, []).append(row)

    def liked(row: int) -> float:
        spot = seen.found[final.rows[row]]
        place = seen.kept[spot.sentence]
        bounds = _inside(seen.look.pages[place.passage], place, spot)
        return float(scores[row]) + read.span(spot.sentence, *bounds)

    return [max(rows, key=liked) for rows in list(best.values())[:SHOWN]]


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(scores - scores.max())
    return np.asarray(raised / raised.sum(), np.float64)


def compare(seen: Narrow, scores: NDArray[np.float64]) -> Final:
    """Fourth step: the finalists by ``(c,)`` scores, each held against those it overlaps."""
    order = np.argsort(-scores, kind="stable")[:FINALISTS]
    best = scores[order]
    share = _softmax(best)
    owner = np.array([seen.found[r].sentence for r in order.tolist()])
    first = np.array([seen.found[r].first for r in order.tolist()])
    last = np.array([seen.found[r].last for r in order.tolist()])
    texts = [seen.texts[r] for r in order.tolist()]
    same = owner[:, None] == owner[None, :]
    over = same & (first[None, :] <= first[:, None]) & (last[None, :] >= last[:, None])
    np.fill_diagonal(over, val=False)
    meets = same & (first[None, :] < last[:, None]) & (first[:, None] < last[None, :])
    twins = np.array([[a == b for b in texts] for a in texts])

    def rival(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Score less that of the best one masked in; 9 where there is none."""
        others = np.where(mask, best[None, :], -np.inf).max(axis=1)
        return np.where(np.isfinite(others), best - others, 9.0)

    alone = ~np.eye(len(order), dtype=np.bool_)
    columns = [
        best,
        best - best[0],
        np.arange(len(order)),
        (meets * share).sum(axis=1),
        (twins * share).sum(axis=1),
        rival(over),
        rival(over.T & alone),
        rival(same & alone & (first[:, None] == first[None, :])),
        rival(same & alone & (last[:, None] == last[None, :])),
        meets.sum(axis=1),
        np.where(meets[:, 0], first - first[0], 99),
        np.where(meets[:, 0], last - last[0], 99),
        np.full(len(order), best[0] - best[-1]),
    ]
    extra = np.stack(columns, axis=1).astype(np.float32)
    return Final(seen, tuple(order.tolist()), np.concatenate([seen.spans[order], extra], axis=1))


_JUDGED_SPAN = (
    "sentence_score sentence_gap sentence_rank shape chars inside_exact far_any near_hard clause rest "
    "kind asked_unit unit unit_match focus_last focus_max focus_before focus_after proxy_last "
    "predicate_next predicate_near focus_inside focus_distance has_wh distances next_tag same_unit_rivals "
    "passages in_question"
).split()
_JUDGED_SENTENCE = (
    "exact soft bigrams with_next with_previous context document own own_missing passage_score passage_rank "
    "question_words has_unit predicate has_focus is_question aside missing hard_missing passage_soft "
    "focus_cosine exact_hard has_number"
).split()
JUDGE_NAMES = (
    *(f"span_{name}" for name in _JUDGED_SPAN),
    *(f"sentence_{name}" for name in _JUDGED_SENTENCE),
    *(
        "score margin apart share second_sentence sentence_margin spans names_missing words_missing "
        "worst_word rarest_match"
    ).split(),
    *MEANING,
    *NETWORK,
    *JOINT_NAMES,
)
JUDGE_CATEGORIES = tuple(
    JUDGE_NAMES.index(f"span_{name}") for name in ("kind", "asked_unit", "unit", "next_tag")
)


def judge_row(final: Final, scores: NDArray[np.float64], choice: int, read: Joint) -> Floats:
    """Fifth step: ``(len(JUDGE_NAMES),)`` what tells a right answer from a wrong or missing one.

    Args:
        final: The finalists.
        scores: ``(f,)`` their final scores.
        choice: Which finalist is to be judged.
        read: What the cross-encoder says of the kept sentences.
    """
    seen = final.narrow
    spans = [seen.found[row] for row in final.rows]
    chosen = spans[choice]
    sentence = seen.table[chosen.sentence]
    span = final.table[choice]
    others = np.delete(scores, choice)
    apart = [
        s
        for s, one in zip(scores.tolist(), spans, strict=True)
        if one.sentence != chosen.sentence or one.last <= chosen.first or chosen.last <= one.first
    ]
    best = float(scores[choice])
    place = seen.kept[chosen.sentence]
    page = seen.look.pages[place.passage]
    words = np.maximum(page.match.max(axis=1, initial=0.0), page.context)
    weights, hard = seen.look.question.weights, seen.look.question.hard
    kept = seen.scores
    other = [s for row, s in enumerate(kept.tolist()) if row != chosen.sentence]
    return np.array(
        [
            *(span[SPAN_NAMES.index(name)] for name in _JUDGED_SPAN),
            *(sentence[SENTENCE_NAMES.index(name)] for name in _JUDGED_SENTENCE),
            best,
            best - float(others.max()) if len(others) else 9.0,
            best - max(apart, default=best - 9.0),
            float(_softmax(scores)[choice]),
            float(max(other, default=-9.0)),
            float(kept[chosen.sentence] - max(other, default=-9.0)),
            float(len(seen.found)),
            float((hard & (words < 0.5)).sum()),
            float((words < 0.5).sum()),
            float(words.min(initial=1.0)),
            float(words[int(weights.argmax())]) if len(weights) else 1.0,
            *(span[FINAL_NAMES.index(name)] for name in (*MEANING, *NETWORK)),
            *read.row(chosen.sentence, *_inside(page, place, chosen)),
        ],
        np.float32,
    )


def _inside(page: Matched, place: Place, spot: Candidate) -> tuple[int, int]:
    """Where a candidate begins and ends, in code points of its sentence."""
    morphemes, origin = page.seen.analysis.morphemes, page.seen.analysis.sentences[place.sentence].start
    return morphemes[spot.first].start - origin, morphemes[spot.last - 1].end - origin
