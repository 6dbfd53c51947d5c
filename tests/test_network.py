"""The network: the same numbers as in PyTorch, and candidates that stay where they are."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag.encoder import SentenceEncoder
from rag.evidence import plain_score
from rag.evidence.view import view
from rag.extract.network import Network, mean_logs
from rag.extract.reading import ALL_NAMES, NETWORK, Narrow, attend, laid, look, narrow
from rag.extract.tokens import LONGEST, Tokens
from tests.test_extract import OTHER, TEXT, evidence

if TYPE_CHECKING:
    from recipes.reader.net import Net

QUESTION = "해솔도서관 연면적은 얼마인가?"


def made_net() -> "Net":
    """A small one; what begins as zeros in training is filled, so that it counts."""
    import torch

    from recipes.reader.net import Net

    torch.manual_seed(3)
    net = Net(16, 0.0).eval()
    torch.nn.init.normal_(net.sentence_back.weight)
    torch.nn.init.normal_(net.sentence_back.bias)
    return net


def narrowed(*texts: str) -> Narrow:
    seen = look(QUESTION, evidence(*texts, titles=("해솔도서관",) * len(texts)))
    return narrow(seen, plain_score(seen.table).astype(np.float64), SentenceEncoder.load())


@pytest.fixture(scope="module")
def seen() -> Narrow:
    return narrowed(TEXT, OTHER)


@pytest.fixture(scope="module")
def tokens(seen: Narrow) -> Tokens:
    return laid(seen)


@pytest.fixture(scope="module")
def network() -> Network:
    state = made_net().state_dict()
    return Network({name: value.numpy() for name, value in state.items() if not name.startswith("words.")})


def test_numpy_and_torch_agree(network: Network, tokens: Tokens) -> None:
    import torch

    from recipes.reader.net import SPANS, Item, batch_of

    net = made_net()
    short = laid(narrowed("해솔도서관의 연면적은 3,840㎡이다."))
    assert short.sentences.max() == 0 < tokens.sentences.max(), "sentences are padded too"
    shown = (tokens, short)
    items = [Item(one, np.zeros(len(one.spans), np.float32)) for one in shown]
    batch, target = batch_of(items, np.random.default_rng(0))
    with torch.no_grad():
        scores = net(batch).log_softmax(-1).numpy()
    for row, one in enumerate(shown):
        count = len(one.spans)
        assert count < SPANS
        assert np.allclose(scores[row, [*range(count), SPANS]], network.logs(one), atol=1e-4)
        assert target[row, SPANS] == 1.0, "without a good candidate the answer is none"


def test_logs_are_of_one_distribution(network: Network, tokens: Tokens) -> None:
    logs = network.logs(tokens)
    assert logs.shape == (len(tokens.spans) + 1,)
    assert np.exp(logs).sum() == pytest.approx(1.0, abs=1e-5)
    assert np.allclose(mean_logs([network, network], tokens), logs, atol=1e-6)


def test_candidates_stay_where_they_are(seen: Narrow, tokens: Tokens) -> None:
    for one, (first, last) in zip(seen.found, tokens.spans.tolist(), strict=True):
        view = seen.look.pages[seen.kept[one.sentence].passage].seen
        assert tokens.tags[first : last + 1].tolist() == view.tags[one.first : one.last].tolist()
        assert tokens.ids[first : last + 1].tolist() == view.ids[one.first : one.last].tolist()


def test_sentences_stand_in_reading_order(seen: Narrow, tokens: Tokens) -> None:
    words = [
        tag
        for place in sorted(seen.kept, key=lambda p: (p.passage, p.sentence))
        for tag in seen.look.pages[place.passage].seen.tags[place.first : place.last].tolist()
    ]
    assert tokens.tags.tolist() == words


def test_words_are_near_in_reading_order_too(seen: Narrow, tokens: Tokens) -> None:
    asked = view(QUESTION)
    order = sorted(range(len(seen.kept)), key=lambda row: (seen.kept[row].passage, seen.kept[row].sentence))
    expected = []
    for row in order:
        place = seen.kept[row]
        page = seen.look.pages[place.passage].seen
        start = page.analysis.sentences[place.sentence].start
        words = (page.starts[place.first : place.last] - start, page.ends[place.first : place.last] - start)
        expected.append(seen.meant.near(row, words, (asked.starts, asked.ends)))
    assert np.allclose(tokens.near, np.concatenate(expected), atol=1e-3)
    assert tokens.near.max() > 0.5


def test_a_sentence_counts_for_its_spans(network: Network, seen: Narrow, tokens: Tokens) -> None:
    assert tokens.sentences.tolist() == sorted(tokens.sentences.tolist())
    assert len(set(tokens.sentences.tolist())) == len(seen.kept)
    other = Network({**network.arrays, "sentence_out.bias": network.arrays["sentence_out.bias"] + 5.0})
    sure, surer = network.logs(tokens)[-1], other.logs(tokens)[-1]
    assert surer < sure, "better sentences make 'no answer' less probable"
    one = network.logs(replace(tokens, sentences=np.zeros_like(tokens.sentences)))
    assert not np.allclose(one, network.logs(tokens), atol=1e-3)


def test_what_does_not_fit_is_improbable_not_lost(network: Network) -> None:
    long = " ".join(
        f"해솔도서관은 {n}층에 책상 {n}개와 의자 {n}개와 전등 {n}개를 두었고 또 넓혔다." for n in range(90)
    )
    found = narrowed(long)
    shown = laid(found)
    assert len(shown.ids) <= LONGEST
    outside = shown.spans[:, 0] < 0
    logs = network.logs(shown)
    assert np.isfinite(logs).all()
    if outside.any():
        assert logs[:-1][outside].max() <= logs[:-1][~outside].min() + 1e-6


def test_a_question_without_known_words_is_read(network: Network) -> None:
    found = look("뷁쉙?", evidence(TEXT))
    kept = narrow(found, plain_score(found.table).astype(np.float64), SentenceEncoder.load())
    assert np.isfinite(network.logs(laid(kept))).all()


def test_attend_says_what_the_network_says(seen: Narrow) -> None:
    count = len(seen.found)
    shares = np.full(count, 0.5 / (count - 1))
    shares[2] = 0.3
    shares[np.arange(count) != 2] *= 0.5 / shares[np.arange(count) != 2].sum()
    logs = np.log(np.append(shares, 0.2)).astype(np.float32)
    told = attend(seen, logs)
    assert told.spans.shape == (count, len(ALL_NAMES))
    said = dict(zip(NETWORK, told.spans[2, -len(NETWORK) :].tolist(), strict=True))
    assert (said["net_gap"], said["net_rank"]) == (0.0, 0.0)
    assert said["net_share"] == pytest.approx(0.375, abs=1e-5)  # of 0.8, the rest is "none"
    assert said["net_none"] == pytest.approx(0.2, abs=1e-5)
    assert said["net_sentence"] >= said["net_share"]
