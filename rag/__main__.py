"""``python -m rag`` and ``rag``: the command line, with Kiwi on its way before the rest is imported."""

import sys
from threading import Thread


def _load_korean() -> None:
    from rag.korean import kiwi

    kiwi()


def main() -> None:
    """Run the command line.

    Loading Kiwi takes most of a short run, and half of it needs no interpreter lock: imports and models
    load meanwhile. The thread is not a daemon, since Kiwi must not be torn down while it loads.
    """
    if sys.argv[1:2] == ["ask"] and "--help" not in sys.argv:
        Thread(target=_load_korean).start()
    from rag.cli import main as run

    run()


if __name__ == "__main__":
    main()
