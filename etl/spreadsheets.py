"""Texts as spreadsheets take them: what begins like a formula is written so that it stays a text.

A program that opens a CSV file runs what begins with one of a few signs, whoever wrote it. An apostrophe in front makes
it a text; one that stood there already gets another, so that what is read back is what was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

#: What spreadsheets take for the beginning of a formula, in both widths; line ends and tabs are skipped before it.
_SIGNS = "=+@\t\r\n＝＋－＠-"
_FORMULA = re.compile(f"'*[{_SIGNS}]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def as_text(value: Any) -> Any:
    """A cell: a text that would be run as a formula gets an apostrophe in front, everything else is as it is."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def as_result(value: Any) -> Any:
    """`as_text` for cells that programs read, too: a text that is a plain number is no formula, and stays one."""
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else as_text(value)


def cells(row: Iterable[Any]) -> list[Any]:
    """A row of cells that people and spreadsheets read."""
    return [as_text(value) for value in row]


def read_back(column: str) -> str:
    """SQL of the texts that `as_text` wrote into a `column` of SQL."""
    return f"regexp_replace({column}, '^''(''*[{_SIGNS}])', '\\1')"
