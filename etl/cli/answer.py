"""Shows the answer of a query: as a table, one record after the other where that would be too wide, or as CSV."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from typing import Any, Literal

import duckdb
from duckdb import DuckDBPyConnection
from rich.table import Table
from rich.text import Text

from etl.cdm.spec import Field, tables
from etl.cli.asked import Teller, untold
from etl.cli.console import err, out
from etl.errors import UsageError
from etl.spreadsheets import as_result, as_text

#: Whether an answer is shown by records: always, never, or where it is wider than the terminal.
Expanded = Literal["on", "off", "auto"]

_BATCH = 10_000
_ANY_WIDTH = 1_000_000
_DESCRIBE = re.compile(r"\s*desc(?:ribe)?\s+(\w+)\s*;?\s*", re.IGNORECASE)
_Rows = Sequence[tuple[Any, ...]]


def show_query(
    con: DuckDBPyConnection, query: str, limit: int, asked: Teller = untold, *, as_csv: bool = False,
    expanded: Expanded = "auto",
) -> None:  # fmt: skip
    """Run a query and show its first `limit` rows, or write all of them as CSV; `asked` is told before."""
    seen = asked(query)
    try:
        result = con.execute(query)
    except duckdb.Error as error:
        raise UsageError(str(error).strip(), hint='the tables: etl sql "show tables"') from error
    names = [d[0] for d in result.description or ()]
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(map(as_text, names))
        written = 0
        try:
            while rows := result.fetchmany(_BATCH):
                writer.writerows([as_result(value) for value in row] for row in rows)
                written += len(rows)
        finally:  # also where whoever reads it has enough
            seen(written)
        return
    names, rows = _described(query, names, result.fetchmany(limit + 1))
    seen(min(len(rows), limit))
    _show(names, rows[:limit], expanded)
    if len(rows) > limit:
        err.print(f"the first {limit:,} rows; --limit shows more, --csv writes all", style="dim")


def _show(names: Sequence[str], rows: _Rows, expanded: Expanded) -> None:
    table = _table(names, rows)
    wide = out.measure(table, options=out.options.update(max_width=_ANY_WIDTH)).maximum > out.width
    if rows and (expanded == "on" or (expanded == "auto" and wide)):
        _show_records(names, rows)
    else:
        out.print(table)


def _table(names: Sequence[str], rows: _Rows) -> Table:
    table = Table(box=None, header_style="bold")
    for i, name in enumerate(names):
        numeric = bool(rows) and isinstance(rows[0][i], int | float)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _show_records(names: Sequence[str], rows: _Rows) -> None:
    for number, row in enumerate(rows, start=1):
        out.print(Text(f"─[ record {number:,} ]".ljust(min(out.width, 60), "─"), style="dim"))
        record = Table(box=None, show_header=False, pad_edge=False)
        record.add_column(style="bold", no_wrap=True)
        record.add_column(overflow="fold")
        for name, value in zip(names, row, strict=True):
            record.add_row(name, _cell(value))
        out.print(record)


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _described(query: str, names: list[str], rows: list[tuple[Any, ...]]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Of `describe TABLE`, what the CDM specification says of the columns in place of DuckDB's empty ones."""
    asked = _DESCRIBE.fullmatch(query)
    table = tables().get(asked[1].lower()) if asked else None
    if table is None or [row[0] for row in rows] != list(table.columns[: len(rows)]):
        return names, rows
    fields = zip(table.fields, rows, strict=False)
    said = [(f.name, row[1].lower(), "yes" if f.required else "", _key(f)) for f, row in fields]
    return ["column", "type", "required", "key"], said


def _key(field: Field) -> str:
    if field.primary_key:
        return "primary key"
    if field.fk_table is None:
        return ""
    return f"→ {field.fk_table}" + (f", domain {field.fk_domain}" if field.fk_domain else "")
