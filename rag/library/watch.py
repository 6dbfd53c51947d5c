"""Following folders, by watchfiles: an update whenever something in them changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from rag.errors import GeungeoError, SourceError
from rag.text import is_address

#: Milliseconds of quiet after a change, so that a file is read once its writer is done.
_SETTLED_MS = 1000
#: Milliseconds after which an update that failed is tried again.
_RETRY_MS = 1000

_log = logging.getLogger(__name__)


def follow(
    sources: Sequence[str | Path],
    update: Callable[[], None],
    index: Path,
    *,
    failed: Callable[[GeungeoError], None] = lambda error: None,
    stop: threading.Event | None = None,
    settled_ms: int = _SETTLED_MS,
) -> None:
    """Call ``update`` now and whenever files below ``sources`` were added, changed or removed, until stopped.

    The first call comes once the watch has begun, so that nothing is missed between an update and it. What
    fails (a file away for a moment, another writer at work) is tried again until it succeeds.

    Args:
        sources: Files and folders; addresses are left out, for they tell no changes.
        update: Brings the index up to date.
        index: The index folder: what is written there is no change.
        failed: Called with the error of each update that differs from the one before.
        stop: Ends the watch when set.
        settled_ms: Changes within this time count as one.

    Raises:
        SourceError: There is no file or folder to watch.
        KeyboardInterrupt: As the person at the keyboard wishes; the index is whole at any moment.
    """
    from watchfiles import Change, DefaultFilter, watch

    local = [str(source) for source in sources if not is_address(str(source)) and Path(source).exists()]
    if not local:
        raise SourceError("지켜볼 파일이나 폴더가 없습니다.", "있는 경로를 적어 주세요.")
    own, usual = index.resolve(), DefaultFilter()

    def foreign(change: Change, path: str) -> bool:
        return usual(change, path) and own not in (Path(path), *Path(path).parents)

    is_due, last = True, ""
    for changes in watch(
        *local,
        watch_filter=foreign,
        stop_event=stop,
        debounce=settled_ms,
        raise_interrupt=True,
        rust_timeout=_RETRY_MS,
        yield_on_timeout=True,
    ):
        if not (changes or is_due):
            continue
        try:
            update()
            is_due, last = False, ""
        except GeungeoError as error:
            _log.debug("update failed", exc_info=error)
            if str(error) != last:
                failed(error)
            is_due, last = True, str(error)
