"""The command line: a command for each of index, status, ask, show, doctor, chat, serve, mcp and eval.

Answers go to stdout, everything else to stderr.
"""

from __future__ import annotations

import sys

from rag import command
from rag.cli import answer, gather, look, serving
from rag.cli.option import app

__all__ = ["answer", "app", "gather", "look", "main", "serving"]


def main() -> None:
    """Entry point."""
    stopped = "만들던 색인이 있었다면 이전 것이 그대로 있습니다."
    command.run(app, sys.argv[1:], name="rag", stopped=stopped)
