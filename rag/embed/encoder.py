"""The embedded embedder as a sentence-transformers module, to use, fine-tune and publish it with their tools.

``SentenceTransformer("rag/weights/embedder", trust_remote_code=True)`` finds this class by its name in
``modules.json`` (the flag is asked for any class that is not sentence-transformers' own), and
``SentenceTransformer(modules=[MorphemeEncoder(folder)])`` needs no flag. The same sums as
:class:`rag.embed.light.EmbeddedEmbedder`, in torch; a test holds the two equal to 1e-5.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sentence_transformers.base.modules import InputModule

from rag import manifest
from rag.embed.light import KIND, PARTS, Bags, EmbeddedEmbedder, directions
from rag.korean import analyse_many


class MorphemeEncoder(InputModule):
    """Texts to unit vectors; parameters are the learned ones, Kiwi's vectors and the directions buffers.

    Args:
        folder: Weights in the layout of ``rag/weights/embedder``.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in the base class
        self._folder = Path(folder)
        self._light = light = EmbeddedEmbedder.load(self._folder)
        places, signs = directions(np.arange(len(light.term_weights)), light.dim)
        vectors = light.vectors.rows(np.arange(len(light.morpheme_weights)))
        self.register_buffer("vectors", torch.from_numpy(vectors), persistent=False)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("signs", torch.from_numpy(signs), persistent=False)
        self.terms = torch.nn.Parameter(torch.from_numpy(light.term_weights))
        self.morphemes = torch.nn.Parameter(torch.from_numpy(light.morpheme_weights))
        self.mapping = torch.nn.Parameter(torch.from_numpy(light.mapping))

    @classmethod
    def load(  # type: ignore[override]  # a local folder is all there is to say
        cls, model_name_or_path: str, **options: object
    ) -> MorphemeEncoder:
        """Load from a local folder; other options of sentence-transformers mean nothing here."""
        return cls(model_name_or_path)

    def save(self, output_path: str, *args: object, **options: object) -> None:
        """Write the present weights, so that a fine-tuned model loads as the shipped one does."""
        folder = Path(output_path)
        folder.mkdir(parents=True, exist_ok=True)
        for name in PARTS:
            values = getattr(self, name).detach().cpu().numpy()
            np.save(folder / f"{name}.npy", values.astype(np.float16))
        for path in self._folder.glob("*.json"):
            if path.name != manifest.NAME and path.resolve().parent != folder.resolve():
                shutil.copy2(path, folder)
        manifest.write(folder, KIND, 2, {"dim": self.get_embedding_dimension()})

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
        analyses = list(analyse_many((prompt or "") + str(text) for text in inputs))
        words, letters = self._light.features(analyses)
        features = padded("morpheme", words, len(analyses)) | padded("term", letters, len(analyses))
        features["attention_mask"] = torch.ones(len(analyses), 1, dtype=torch.int64)
        return features

    def forward(self, features: dict[str, torch.Tensor], **options: object) -> dict[str, torch.Tensor]:
        """Add ``sentence_embedding`` ``(b, dim)``, unit rows or zero rows."""
        ids = features["morpheme_ids"]
        weights = features["morpheme_roots"] * self.morphemes[ids]
        total = (weights[:, :, None] * self.vectors[ids]).sum(dim=1) @ self.mapping
        ids = features["term_ids"]
        values = (features["term_roots"] * self.terms[ids])[:, :, None] * self.signs[ids]
        total = total.scatter_add(1, self.places[ids].flatten(1), values.flatten(1))
        features["sentence_embedding"] = torch.nn.functional.normalize(total, dim=1)
        return features


def padded(name: str, bags: Bags, count: int) -> dict[str, torch.Tensor]:
    """Rows of ids and roots; padding has root 0 and so adds nothing."""
    lengths = np.bincount(bags.rows, minlength=count)
    places = np.arange(len(bags.rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    shape = (count, int(lengths.max(initial=0)))
    ids, roots = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    ids[bags.rows, places], roots[bags.rows, places] = bags.ids, bags.roots
    return {f"{name}_ids": torch.from_numpy(ids), f"{name}_roots": torch.from_numpy(roots)}
