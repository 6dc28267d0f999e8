"""Looks for what is written like an identifier in columns that land as they are: names of codes, remarks that nobody
declared as text. One value with a resident registration number is one too many.

Of a column in which people write, every row is looked at. A column whose values are short, or nearly all of a few
lengths (days, moments, numbers of rows), is a machine's: of a large file a sample says enough.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.engine import rows_in
from etl.errors import InputError
from etl.night.land.freetext.patterns import in_columns
from etl.night.land.sample import ENOUGH, one_below_the_other
from etl.sql import literal

_SHORTEST = 8  # characters of what is looked for
_USUAL = 0.3  # a length is usual that this share of the longer values of a sample has
_MOSTLY = 0.95


def check_written(
    con: DuckDBPyConnection, name: str, columns: list[str], landed: Path, poor: Collection[str]
) -> None:  # fmt: skip
    """InputError with the column and how many rows, when a column that is not declared as text holds an identifier.

    `columns` are those of the table `sample` (see there), of the `poor` ones of which it says too little.
    """
    uneven = {*_uneven(con, columns), *poor}
    even = [n for n, column in enumerate(columns) if column not in uneven]
    hits = [*_holding(con, sorted(uneven), landed), *((columns[n], rows) for n, rows in _hits(con, _sampled(even)))]
    if hits:
        (column, rows), *more = hits
        others = f"; so do {', '.join(n for n, _ in more)}" if more else ""
        raise InputError(
            f"source '{name}': column '{column}' holds what is written like a registration or telephone number or an "
            f"e-mail address, in {rows:,} {'row' if rows == 1 else 'rows'}, and the contract does not say so{others}",
            hint=f"in sources.{name}.columns.{column} say `scrub: true` if it is text, `identifier: other` if nobody "
            "needs it; if it is something else: `not_a_person: why`",
        )


def _uneven(con: DuckDBPyConnection, columns: list[str]) -> list[str]:
    """Columns that the sample does not show to hold short values, or ones of usual lengths, only."""
    counts: dict[int, list[int]] = {}
    for n, rows in con.execute(
        f"select n, sum(rows)::bigint from sample where length(value) >= {_SHORTEST} group by n, length(value)"
    ).fetchall():
        counts.setdefault(n, []).append(rows)
    return [
        columns[n]
        for n, rows in counts.items()
        if sum(rows) < ENOUGH or sum(r for r in rows if r >= _USUAL * sum(rows)) < _MOSTLY * sum(rows)
    ]


def _holding(con: DuckDBPyConnection, columns: list[str], landed: Path) -> list[tuple[str, int]]:
    """The columns of a landed file of which a value holds an identifier, with how many rows."""
    if not columns:
        return []
    values = (
        f"(select n, value, count(*) as rows from {one_below_the_other(columns, rows_in(landed))} "
        f"where length(value) >= {_SHORTEST} group by all)"
    )
    return [(columns[n], rows) for n, rows in _hits(con, values)]


def _sampled(numbers: list[int]) -> str:
    """SQL of the relation of the sample's long values of some columns."""
    return f"(from sample where length(value) >= {_SHORTEST} and list_contains({numbers}::integer[], n))"


def _hits(con: DuckDBPyConnection, values: str) -> list[tuple[int, int]]:
    """Of a relation (n, value, rows) the numbers whose values hold an identifier, with how many rows."""
    pattern = literal("|".join(f"(?:{p})" for p in in_columns()))
    signs = " or ".join(f"contains(value, {literal(sign)})" for sign in ("-", "@", "+", " ", "."))
    return con.execute(
        f"select n, sum(rows)::bigint from {values} where case when {signs} or strlen(value) <> length(value) "
        f"then regexp_matches(value, {pattern}) end group by n order by n"
    ).fetchall()
