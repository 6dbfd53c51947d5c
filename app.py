"""The chat's door: ``python app.py`` is ``rag chat`` with the same options. Everything is in ``rag.chat``."""

from __future__ import annotations

import sys

from rag.__main__ import main

if __name__ == "__main__":
    sys.argv.insert(1, "chat")
    main()
