"""The prompt of `etl sql`: queries and a few commands of psql and DuckDB, with a history."""

from __future__ import annotations

import re
import readline
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import get_args

from duckdb import DuckDBPyConnection

from etl.cli.answer import Expanded, show_query
from etl.cli.asked import Teller
from etl.cli.console import err, out
from etl.errors import UsageError

HISTORY = "sql_history"
HELP = """\
SELECT …;        a query, over as many lines as you like, up to its semicolon
\\d, .tables      the tables
\\d TABLE         columns of a table, which are required, and what they refer to
\\x               answers record by record, or as tables again; \\x auto: records where a table is too wide
help, \\?         this
exit, \\q         leave (Ctrl-D, too)
"""
_LEAVE = ("exit", "quit", "\\q", ".exit", ".quit")
_HELP = ("help", "\\?", ".help", "\\h", "?")
_TABLES = ("\\d", "\\dt", ".tables", ".table", "\\dt+", "\\d+")
_DESCRIBE = re.compile(r"(?:\\d\+?|\.schema)\s+(\w+)", re.IGNORECASE)
_EXPANDED = re.compile(r"\\x(?:\s+(on|off|auto))?", re.IGNORECASE)
_MOST_COLUMNS = 1_000
_REMEMBERED = 1_000  # lines of the history


class Prompt:
    """What is typed, until it is left."""

    def __init__(self, con: DuckDBPyConnection, limit: int, asked: Teller) -> None:
        self.con = con
        self.asked = asked
        self.limit = limit
        self.expanded: Expanded = "auto"

    def run(self) -> None:
        """Read queries from the terminal (each ends with a semicolon) until end of input."""
        err.print("a query ends with ;   help tells more   Ctrl-D or exit leaves", style="dim")
        waiting: list[str] = []
        while True:
            try:
                line = input("… " if waiting else "cdm> ")
            except EOFError:
                return
            except KeyboardInterrupt:  # as in psql: what was begun is forgotten
                err.print()
                waiting = []
                continue
            word = line.strip().rstrip(";").strip()
            if not waiting and word.lower() in _LEAVE:
                return
            if not waiting and (not word or self._command(word)):
                continue
            waiting.append(line)
            if line.rstrip().endswith(";"):
                query, waiting = "\n".join(waiting), []
                self._show(query, self.limit, self.expanded)

    def _command(self, word: str) -> bool:
        """Do what a command says; whether it was one."""
        if word.lower() in _HELP:
            out.print(HELP, end="")
        elif word.lower() in _TABLES:
            self._list("show tables")
        elif asked := _DESCRIBE.fullmatch(word):
            self._list(f"describe {asked[1]}")
        elif asked := _EXPANDED.fullmatch(word):
            self._expand(asked[1])
        elif word[0] in "\\.":
            err.print(f"there is no command {word.split(maxsplit=1)[0]}; help lists them", style="red")
        else:
            return False
        return True

    def _expand(self, wanted: str | None) -> None:
        known = {text: text for text in get_args(Expanded)}
        self.expanded = known[wanted.lower()] if wanted else "off" if self.expanded == "on" else "on"
        said = {"on": "record by record", "off": "as tables", "auto": "as tables, record by record where too wide"}
        err.print(f"answers are shown {said[self.expanded]}", style="dim")

    def _list(self, query: str) -> None:
        """All of a list of tables or columns, as a table."""
        self._show(query, _MOST_COLUMNS, "off")

    def _show(self, query: str, limit: int, expanded: Expanded) -> None:
        try:
            show_query(self.con, query, limit, self.asked, expanded=expanded)
        except UsageError as error:
            err.print(error.message, style="red")


@contextmanager
def history(home: Path) -> Iterator[None]:
    """Lines of earlier sessions, and those of this one for later: a file that only its owner reads."""
    file = home / HISTORY
    if not sys.stdin.isatty():
        yield
        return
    with suppress(OSError):
        readline.read_history_file(file)
    try:
        yield
    finally:
        readline.set_history_length(_REMEMBERED)
        with suppress(OSError):  # a home that may only be read has no history
            file.touch(mode=0o600)
            readline.write_history_file(file)
