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
from etl.night.land.sample import ENOUGH
from etl.sql import literal, quote

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
    even = [c for c in columns if c not in uneven]
    hits = [*_holding(con, sorted(uneven), rows_in(landed)), *_holding(con, even, "sample")]
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
    counts = ", ".join(
        f"histogram(length({quote(c)})) filter (where length({quote(c)}) >= {_SHORTEST})" for c in columns
    )
    row = con.execute(f"select {counts} from sample").fetchone() or ()
    uneven = []
    for column, lengths in zip(columns, row, strict=True):
        counted: dict[int, int] = lengths or {}
        total = sum(counted.values())
        usual = sum(rows for rows in counted.values() if rows >= _USUAL * total)
        if total and (total < ENOUGH or usual < _MOSTLY * total):
            uneven.append(column)
    return uneven


def _holding(con: DuckDBPyConnection, columns: list[str], relation: str) -> list[tuple[str, int]]:
    """The columns of which a value holds an identifier, with how many rows; every different value is looked at once."""
    if not columns:
        return []
    pattern = literal("|".join(f"(?:{p})" for p in in_columns()))
    signs = " or ".join(f"contains(value, {literal(sign)})" for sign in ("-", "@", "+", " ", "."))
    # one column below the other: the engine takes its time to plan a part for each, and to make the pattern ready
    values = f"unnest([{', '.join(map(quote, columns))}]) as value, unnest({[*range(len(columns))]}) as n"
    found = con.execute(
        f"with v as (select n, value, count(*) as rows from (select {values} from {relation}) "
        f"where length(value) >= {_SHORTEST} group by all) "
        f"select n, sum(rows)::bigint from v where case when {signs} or strlen(value) <> length(value) "
        f"then regexp_matches(value, {pattern}) end group by n order by n"
    ).fetchall()
    return [(columns[n], rows) for n, rows in found]
