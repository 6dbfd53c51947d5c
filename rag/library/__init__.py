"""An index that people leave running: it takes in what is new or changed, and nothing else.

:func:`update_index` adds and replaces, :func:`remove_documents` drops, :func:`follow` does so whenever a
folder changes, :func:`index_status` tells what there is. Each leaves the old index or the new one, whole.
"""

from rag.library.ledger import Duplicate, Entry, Ledger
from rag.library.run import Update
from rag.library.status import Status, index_status
from rag.library.update import build_index, remove_documents, update_index
from rag.library.watch import follow

__all__ = [
    "Duplicate",
    "Entry",
    "Ledger",
    "Status",
    "Update",
    "build_index",
    "follow",
    "index_status",
    "remove_documents",
    "update_index",
]
