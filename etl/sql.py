"""Names, texts and paths as they are written into SQL."""

from __future__ import annotations

import re
from pathlib import Path

from etl.errors import InputError

_PATTERN = re.compile(r"[*?[]")


def quote(name: str) -> str:
    """A column name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def one_file(path: Path) -> str:
    """The SQL literal of a path that the engine reads as this one file, whatever letters it is named with.

    Every path in a `read_csv`, `read_parquet` or `parquet_metadata` is written by this: the engine takes a path for a
    pattern. Raises InputError for the one kind of name that cannot be said to it.
    """
    if "\\" in str(path) and _PATTERN.search(str(path)):
        raise InputError(
            "the path of a file has both a backslash and one of * ? [, which the engine cannot be told apart from a "
            "pattern",
            hint="rename the file, or the folder above it",
        )
    return literal(_PATTERN.sub(r"[\g<0>]", str(path)))
