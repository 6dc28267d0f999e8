"""How the command line speaks: messages, errors with their exit codes, progress that shows what is being done."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from etl.errors import EtlError
from etl.faults import as_etl_error
from etl.pages.formats import iso_moment


def _console(**where: Any) -> Console:
    """A console that shows every text as it is: sources write `[iU]`, `[/hpf]` and `:ab:`, which are no markup."""
    return Console(highlight=False, markup=False, emoji=False, **where)


# where there is no terminal (a log, a pipe), lines are as long as their content
out = _console(width=None if sys.stdout.isatty() else 200)
err = _console(stderr=True)


def print_json(value: Any) -> None:
    """Write a value as JSON to standard output; days as ISO text, moments in Korean time with its offset."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, default=_as_text) + "\n")


def _as_text(value: Any) -> str:
    return iso_moment(value) if isinstance(value, datetime) else str(value)


def show_error(error: EtlError) -> None:
    """Write an error: what and where in red, the next step below."""
    # a terminal breaks long lines by itself; hard breaks would tear what is copied or read by a script
    err.print(Text(error.message, style="red"), soft_wrap=True)
    if error.hint:
        err.print(Text(f"→ {error.hint}", style="cyan"), soft_wrap=True)


@contextmanager
def errors_to_exit_codes(*, as_json: bool = False) -> Iterator[None]:
    """Turn an error, whichever it is, into its message and exit code, and into an answer where JSON was asked for."""
    try:
        yield
    except BrokenPipeError as raised:  # who reads the output (head, less) has had enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from raised
    except (typer.Exit, typer.Abort, typer.TyperException):  # a command line that cannot be is told by Typer
        raise
    except Exception as raised:
        error = as_etl_error(raised)
        show_error(error)
        if as_json:
            print_json({"error": error.message, "hint": error.hint, "exit_code": error.exit_code})
        raise typer.Exit(error.exit_code) from raised


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Callable[[str, str], None]]:
    """A line that shows what is being done now; on no terminal, a line per stage as it begins."""
    if quiet or not err.is_terminal:
        seen: set[str] = set()

        def tell(stage: str, _text: str) -> None:
            if not quiet and stage not in seen:
                seen.add(stage)
                err.print(f"{title}: {stage}")

        yield tell
        return
    began = time.monotonic()
    with err.status(Text(title)) as status:

        def update(stage: str, text: str) -> None:
            line = Text.assemble(
                (title, "bold"), "  ", stage, "  ", (text, "dim"), f"  {time.monotonic() - began:.0f} s"
            )
            line.truncate(max(err.width - 4, 20), overflow="ellipsis")
            status.update(line)

        yield update
