"""The embedded embedder as a sentence-transformers module: ``SentenceTransformer("rag/weights/embedder")``.

The same sums as the numpy path of :class:`rag.embed.EmbeddedEmbedder`, in torch, so that the model can be
used, fine-tuned and published with sentence-transformers' own tools.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from sentence_transformers.base.modules import InputModule

from rag.embed import Bag, EmbeddedEmbedder
from rag.korean import analyse_many


class MorphemeEncoder(InputModule):
    """Texts to unit vectors; parameters are the learned ones, Kiwi's vectors a buffer.

    Args:
        folder: Weights in the layout of ``rag/weights/embedder``.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in the base class
        self.folder = folder
        self._light = EmbeddedEmbedder.load(Path(folder))
        vectors, weights, mapping, table = self._light.arrays()
        self.register_buffer("vectors", torch.from_numpy(vectors))
        self.weights = torch.nn.Parameter(torch.from_numpy(weights))
        self.mapping = torch.nn.Parameter(torch.from_numpy(mapping))
        self.table = torch.nn.Parameter(torch.from_numpy(table))

    @classmethod
    def load(  # type: ignore[override]  # a local folder is all there is to say
        cls, model_name_or_path: str, **options: object
    ) -> MorphemeEncoder:
        """Load from a local folder; other options of sentence-transformers mean nothing here."""
        return cls(model_name_or_path)

    def save(self, output_path: str, *args: object, **options: object) -> None:
        """Copy the folder that this was loaded from; a fine-tuned model is quantised by the recipe."""
        for path in Path(self.folder).iterdir():
            shutil.copy2(path, output_path)

    def get_embedding_dimension(self) -> int:
        """Length of a vector."""
        return int(self.mapping.shape[1])

    get_sentence_embedding_dimension = get_embedding_dimension

    @property
    def max_seq_length(self) -> int:
        """There is no limit: a text is a bag of words."""
        return 2**31 - 1

    def preprocess(
        self,
        inputs: Sequence[object],
        prompt: str | None = None,
        **options: object,
    ) -> dict[str, torch.Tensor]:
        """Ids and square-rooted counts, padded to the longest text: four ``(b, n)`` tensors."""
        texts = [(prompt or "") + str(text) for text in inputs]
        bags = [self._light.bags(analysis) for analysis in analyse_many(texts)]
        words, letters = [bag[0] for bag in bags], [bag[1] for bag in bags]
        features = {**_padded("morpheme", words), **_padded("ngram", letters)}
        features["attention_mask"] = torch.ones(len(texts), 1, dtype=torch.int64)
        return features

    def forward(self, features: dict[str, torch.Tensor], **options: object) -> dict[str, torch.Tensor]:
        """Add ``sentence_embedding`` ``(b, dim)``, unit rows or zero rows."""
        ids, counts = features["morpheme_ids"], features["morpheme_counts"]
        words = (counts * self.weights[ids])[:, :, None] * self.vectors[ids]
        letters = features["ngram_counts"][:, :, None] * self.table[features["ngram_ids"]]
        total = words.sum(dim=1) @ self.mapping + letters.sum(dim=1)
        features["sentence_embedding"] = torch.nn.functional.normalize(total, dim=1)
        return features


def _padded(name: str, bags: list[Bag]) -> dict[str, torch.Tensor]:
    longest = max((len(ids) for ids, _ in bags), default=0)
    ids = torch.zeros(len(bags), longest, dtype=torch.int64)
    counts = torch.zeros(len(bags), longest)
    for row, (wanted, weights) in enumerate(bags):
        ids[row, : len(wanted)] = torch.from_numpy(wanted)
        counts[row, : len(wanted)] = torch.from_numpy(weights)
    return {f"{name}_ids": ids, f"{name}_counts": counts}
