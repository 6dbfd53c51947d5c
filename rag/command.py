"""How a command ends: errors become Korean messages on stderr and exit codes, for every program of ours."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from rag.errors import GeungeoError


def run(app: typer.Typer, arguments: Sequence[str], *, name: str, stopped: str) -> NoReturn:
    """Run ``app`` and leave the process. ``--debug``, which it must know, lets errors surface as they are.

    Args:
        app: The program.
        arguments: Of the command line; none means ``--help``.
        name: How it is called, for the hint at ``--help``.
        stopped: What Ctrl-C leaves behind, in Korean.
    """
    words, debug = _debug_first(arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]  # text streams
    try:
        sys.exit(app(words or ["--help"], standalone_mode=False) or 0)
    except GeungeoError as error:
        if debug:
            raise
        _fail(error.message, error.remedy, error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _fail("중단했습니다.", stopped, 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.TyperException as error:
        _fail(error.format_message(), f"{name} --help 로 쓰는 법을 볼 수 있습니다.", 2)
    except Exception as error:
        if debug:
            raise
        problem = f"예상하지 못한 오류입니다: {type(error).__name__}: {error}."
        _fail(problem, "--debug 를 붙여 다시 해 보세요.", 1)


def _debug_first(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments with ``--debug`` before the command, wherever it stood, and whether it is there."""
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    rest = [word for word in arguments[:end] if word != "--debug"]
    debug = len(rest) < end
    return ["--debug"] * debug + rest + list(arguments[end:]), debug


def _fail(message: str, remedy: str, code: int) -> NoReturn:
    typer.echo(f"오류: {message}", err=True)
    if remedy:
        typer.echo(f"  → {remedy}", err=True)
    sys.exit(code)
