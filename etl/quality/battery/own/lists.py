"""Lists that queries may join: CSV files beside the checks, and lists of the CDM that the program comes with."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.cdm.shapes import domains
from etl.files import packaged, read_bytes
from etl.quality.battery.own.items import Misshapen
from etl.sql import literal, quote

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PACKAGED = ("negative_values", "stays")
#: Lists of the program: the domains with their tables, concepts that can be negative, concepts of stays.
OF_THE_CDM = ("domains", *_PACKAGED)


def names(folder: Path) -> list[str]:
    """The lists that a query may read."""
    return sorted([*OF_THE_CDM, *(file.stem for file in folder.glob("*.csv"))])


@dataclass(frozen=True, slots=True)
class Listed:
    """A list by name: its columns, each with its values as SQL."""

    name: str
    columns: Mapping[str, Sequence[str]]

    def as_values(self, named: Container[str]) -> str:
        """What the head of a query says of the columns that it names: `name(columns) as (values …)`."""
        kept = {column: values for column, values in self.columns.items() if column in named} or self.columns
        rows = ", ".join(f"({', '.join(row)})" for row in zip(*kept.values(), strict=True))
        return f"{quote(self.name)}({', '.join(map(quote, kept))}) as (values {rows})"


def read_list(name: str, folder: Path) -> Listed:
    """A list; Misshapen where it is none."""
    file = f"{name}.csv"
    if name == "domains":
        columns, rows = ["domain_id", "cdm_table"], [[domain, table] for domain, table in domains().items()]
    else:
        columns, *rows = _rows(name, file, folder)
    if not rows or not all(_NAME.fullmatch(c) for c in columns) or len({*columns}) < len(columns):
        raise Misshapen(file, 1, "has to begin with names of columns in small letters, and rows below them")
    for line, row in enumerate(rows, 2):
        if len(row) != len(columns):
            raise Misshapen(file, line, f"has {len(row)} values for {len(columns)} columns")
    return Listed(name, {column: _column(file, [row[i] for row in rows]) for i, column in enumerate(columns)})


def _rows(name: str, file: str, folder: Path) -> list[list[str]]:
    try:
        mine = name in _PACKAGED
        text = packaged("etl.cdm.spec", file) if mine else read_bytes(folder / file).decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text), strict=True)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Misshapen(file, 1, f"cannot be read: {type(error).__name__}") from None


def _column(file: str, values: Sequence[str]) -> list[str]:
    """A column as SQL: numbers where the first value is one, else texts; nothing is NULL."""
    numbers = _NUMBER.fullmatch(next(filter(None, values), "")) is not None
    for line, value in enumerate(values, 2):
        if numbers and value and not _NUMBER.fullmatch(value):
            raise Misshapen(file, line, f"'{value}' is no number, unlike the first value of its column")
    return [(value if numbers else literal(value)) if value else "null" for value in values]
