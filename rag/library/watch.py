"""Following folders, by watchfiles: an update whenever something in them changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from rag.load.web import is_address

#: Milliseconds of quiet after a change, so that a file is read once its writer is done.
_SETTLED_MS = 1000


def follow(
    sources: Sequence[str | Path],
    update: Callable[[], None],
    *,
    stop: threading.Event | None = None,
    settled_ms: int = _SETTLED_MS,
) -> None:
    """Call ``update`` whenever files below ``sources`` were added, changed or removed, until stopped.

    Args:
        sources: Files and folders; addresses are left out, for they tell no changes.
        update: Brings the index up to date; what it raises ends the watch.
        stop: Ends the watch when set.
        settled_ms: Changes within this time count as one.

    Raises:
        KeyboardInterrupt: As the person at the keyboard wishes; the index is whole at any moment.
    """
    from watchfiles import watch

    local = [str(source) for source in sources if not is_address(str(source))]
    for _ in watch(*local, stop_event=stop, debounce=settled_ms, raise_interrupt=True, rust_timeout=500):
        update()
