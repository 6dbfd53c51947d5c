"""BM25 over search terms, on disk. The family that imports bm25s.

Robertson & Zaragoza 2009, Lucene's variant, k1 1.2, b 0.75: measured in ARCHITECTURE on KorQuAD dev.
Files are those of bm25s but for the vocabulary, which is a :class:`rag.lexicon.Lexicon`; they are fitted in
bounded memory, and a search reads no more of them than decides it (:mod:`rag.lexical.index`).
"""

from rag.lexical.index import LexicalIndex
from rag.lexical.postings import K1, B
from rag.lexical.writer import TermWriter

__all__ = ["K1", "B", "LexicalIndex", "TermWriter"]
