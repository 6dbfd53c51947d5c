"""The command line: a command for each of index, status, ask, show, doctor, chat, serve, mcp and eval.

Answers go to stdout, everything else to stderr.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from rag.cli import answer, gather, look, serving
from rag.cli.option import app
from rag.errors import GeungeoError

__all__ = ["answer", "app", "gather", "look", "main", "serving"]


def main() -> None:
    """Entry point: turns errors into Korean messages and exit codes."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    arguments, debug = _debug_first(sys.argv[1:])
    try:
        sys.exit(app(arguments or ["--help"], standalone_mode=False) or 0)
    except GeungeoError as error:
        if debug:
            raise
        _fail(error.message, error.remedy, error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _fail("중단했습니다.", "만들던 색인이 있었다면 이전 것이 그대로 있습니다.", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.TyperException as error:
        _fail(error.format_message(), "rag --help 로 쓰는 법을 볼 수 있습니다.", 2)
    except Exception as error:
        if debug:
            raise
        _fail(
            f"예상하지 못한 오류입니다: {type(error).__name__}: {error}.",
            "--debug 를 붙여 다시 해 보세요.",
            1,
        )


def _debug_first(arguments: list[str]) -> tuple[list[str], bool]:
    """The arguments with ``--debug`` before the command, wherever it stood, and whether it is there."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    rest = [word for word in arguments[:end] if word != "--debug"]
    debug = len(rest) < end
    return ["--debug"] * debug + rest + arguments[end:], debug


def _fail(message: str, remedy: str, code: int) -> NoReturn:
    typer.echo(f"오류: {message}", err=True)
    if remedy:
        typer.echo(f"  → {remedy}", err=True)
    sys.exit(code)
