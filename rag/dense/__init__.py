"""Inner-product search over unit vectors, exact or nearly so by size. The family that imports faiss.

One file per kind of search (:class:`rag.dense.kind.Kind`): :mod:`rag.dense.flat` looks at every vector,
:mod:`rag.dense.scan` at a short code of every vector first. Which is taken is a matter of size
(``dense_flat_max`` in ``default.toml``; docs/decisions/0010-dense-by-size.md has the measurement).
"""

from rag.dense.index import DenseIndex
from rag.dense.writer import VectorWriter

__all__ = ["DenseIndex", "VectorWriter"]
