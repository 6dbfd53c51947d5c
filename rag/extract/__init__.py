"""The embedded reader: finds the answer's words in the evidence, and says how sure it is.

Sentences, then spans in them, are ranked by trees over features and by small networks; a last judge says
how sure to be. Trained in ``recipes/reader``. The only family that uses LightGBM.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.crossencoder import FOLDER as CROSSENCODER
from rag.crossencoder import CrossEncoder
from rag.encoder import FOLDER as ENCODER
from rag.encoder import SentenceEncoder
from rag.errors import ModelDamagedError
from rag.evidence import sentence_of
from rag.evidence.paraphrase import FOLDER as PARAPHRASES
from rag.evidence.paraphrase import Paraphrases
from rag.extract.booster import Booster
from rag.extract.companion import accompanied
from rag.extract.joint import read_jointly
from rag.extract.network import Network, mean_logs
from rag.extract.qualifier import qualified
from rag.extract.reading import Final, Narrow, attend, compare, distinct, judge_row, laid, look, narrow
from rag.manifest import NAME, Json, file_digest, verify_model
from rag.types import Delta, Draft, Evidence, Located, Span
from rag.vector import FOLDER as MORPHEMES
from rag.vector import MorphemeVectors

__all__ = ["FORMAT", "KIND", "Booster", "SpanReader"]

KIND = "reader"
#: Of the weights: which arrays and columns there are.
FORMAT = 7
_PARTS = ("sentence", "span", "final", "holds", "exact")
_NETWORKS = "network-*.npz"
_NOTHING = Draft("", (), 0.0, refused=True)


def _span_below(manifest: Mapping[str, Json]) -> float:
    value = manifest.get("span_below")
    if not isinstance(value, int | float):
        raise ModelDamagedError(
            "답 찾기 모델의 manifest.json에 기준값이 없습니다.", "패키지를 다시 설치해 주세요."
        )
    return float(value)


def _named(folder: Path) -> str:
    """A name for the weights and for what they read with: all of it decides the answer."""
    digests = (file_digest(one / NAME) for one in (folder, MORPHEMES, PARAPHRASES, ENCODER, CROSSENCODER))
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def _probability(raw: float) -> float:
    return float(1.0 / (1.0 + np.exp(-raw)))


class SpanReader:
    """Reads by ranking sentences, then spans, then judging the best one.

    Args:
        trees: Boosters by part.
        networks: Their mean is used; at least one.
        encoder: Of sentences.
        crossencoder: Of a question and sentences together.
        span_below: Least probability that the bare span is an answer, given that its sentence holds one;
            below it the whole sentence is the answer. Chosen by the recipe, kept in the manifest.
        fingerprint: Names the weights.
    """

    def __init__(
        self,
        trees: Mapping[str, Booster],
        networks: Sequence[Network],
        encoder: SentenceEncoder,
        crossencoder: CrossEncoder,
        span_below: float,
        fingerprint: str,
    ) -> None:
        self._trees = trees
        self._networks = networks
        self._encoder = encoder
        self._crossencoder = crossencoder
        self._span_below = span_below
        self._fingerprint = fingerprint

    @classmethod
    def load(cls, folder: Path) -> SpanReader:
        """The reader in ``folder``: about 0.1 s.

        Raises:
            ModelMissingError: No such folder, or none of what it reads with, or LightGBM is not installed.
            ModelDamagedError: A file differs from its manifest, or the format is of another version.
        """
        manifest = verify_model(folder, KIND)
        Paraphrases.load()  # they and the vectors would be missed in the middle of a question
        MorphemeVectors.load()
        encoder, crossencoder = SentenceEncoder.load(), CrossEncoder.load()
        if manifest.get("version") != FORMAT:
            raise ModelDamagedError(
                f"답 찾기 모델 {folder}은(는) 이 판의 것이 아닙니다.", "패키지를 다시 설치해 주세요."
            )
        trees = {part: Booster((folder / f"{part}.txt").read_text("utf-8")) for part in _PARTS}
        networks = [Network.load(path) for path in sorted(folder.glob(_NETWORKS))]
        return cls(trees, networks, encoder, crossencoder, _span_below(manifest), f"reader-{_named(folder)}")

    @property
    def fingerprint(self) -> str:
        """Names the weights; see :class:`rag.protocols.Reader`."""
        return self._fingerprint

    def read(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Delta | Draft]:
        """See :class:`rag.protocols.Reader`. Yields one draft and no deltas.

        ``located`` is best first: the answer, then up to two other sentences that may hold it.
        ``confidence`` is the probability that the first quoted sentence holds the answer; how much is
        enough is the assistant's to say, so only evidence without any candidate is refused here.
        """
        seen = look(question, accompanied(evidence))
        if not seen.places or not seen.question.forms:
            yield _NOTHING
            return
        narrowed = narrow(seen, self._trees["sentence"].scores(seen.table), self._encoder)
        if not narrowed.found:
            yield _NOTHING
            return
        attended = attend(narrowed, mean_logs(self._networks, laid(narrowed)))
        final = compare(attended, self._trees["span"].scores(attended.spans))
        yield self._draft(final, self._trees["final"].scores(final.table), len(evidence))

    def _draft(self, final: Final, scores: NDArray[np.float64], passages: int) -> Draft:
        seen = final.narrow
        read = read_jointly(seen.look.question, seen.look.pages, seen.kept, self._crossencoder, passages)
        picks = distinct(final, scores, passages, read)
        if not picks:
            return _NOTHING
        rows = np.stack([judge_row(final, scores, pick, read) for pick in picks])
        holds = [_probability(raw) for raw in self._trees["holds"].scores(rows).tolist()]
        exact = [_probability(raw) for raw in self._trees["exact"].scores(rows).tolist()]
        order = sorted(range(len(picks)), key=lambda n: -holds[n])  # the judge decides, ties by rank
        located = tuple(self._located(final.narrow, final.rows[picks[n]], holds[n], exact[n]) for n in order)
        return Draft("", located, holds[order[0]], refused=False)

    def _located(self, seen: Narrow, row: int, support: float, exact: float) -> Located:
        spot = seen.found[row]
        place = seen.kept[spot.sentence]
        page = seen.look.pages[place.passage]
        sentence = sentence_of(page, place, support)
        morphemes = page.seen.analysis.morphemes
        offset = page.item.passage.span.start
        found = Span(morphemes[spot.first].start, morphemes[spot.last - 1].end)
        around = Span(sentence.span.start - offset, sentence.span.end - offset)
        bare = exact >= self._span_below and around.start <= found.start and found.end <= around.end
        span = qualified(page.seen.text, found, around) if bare else None
        return Located(sentence.marker, sentence.span, span.shift(offset) if span else None, support)
