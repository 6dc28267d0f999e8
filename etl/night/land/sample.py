"""The rows of a landed file at which is looked for what its contract does not say: its beginning, and its middle.

Of a column that is hardly filled there, they say nothing: people begin to fill columns at any time.
"""

from __future__ import annotations

from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.engine import one_number, parquet, rows_in
from etl.mapping.language.contract import Source
from etl.sql import quote

ROWS = 4_000  # of the beginning, and of the middle
ENOUGH = 1_000  # values of a column that say what the others are like


def plain_columns(source: Source) -> list[str]:
    """Columns of a source that land as they are: of no identifier, not blanked out, not said to be nobody's."""
    return [n for n, c in source.declared.items() if c.identifier is None and not c.scrub and c.not_a_person is None]


def take_sample(con: DuckDBPyConnection, columns: list[str], landed: Path) -> list[str]:
    """Make the table `sample`(n, value, rows) of the connection's own: the different values of the columns of a landed
    file, told by their number in the list, without blanks around them, and in how many of the rows looked at.

    Returns the columns of which the rest of the file says more: they have to be looked at whole.
    """
    rows, where = one_number(con, f"select count(*) from {rows_in(landed)}"), f"file_row_number < {ROWS}"
    if rows > ROWS:
        middle = max(rows // 2, ROWS)
        where += f" or file_row_number between {middle} and {middle + ROWS - 1}"
    values = one_below_the_other(columns, f"(from {parquet(landed)} where {where})")
    con.execute(
        "create temp table sample as select n, value, sum(rows)::bigint as rows from (select n, omop_blank(value) as "
        f"value, rows from (select n, value, count(*) as rows from {values} group by all)) "
        "where value is not null group by all"
    )
    if rows <= 2 * ROWS:
        return []
    seen = dict(con.execute("select n, sum(rows)::bigint from sample group by n").fetchall())
    poor = [n for n in range(len(columns)) if seen.get(n, 0) < ENOUGH]
    held = _filled(con, [columns[n] for n in poor], landed)
    return [columns[n] for n, rows in zip(poor, held, strict=True) if rows > seen.get(n, 0)]


def one_below_the_other(columns: list[str], relation: str) -> str:
    """SQL of the relation (value, n) of columns, n being their number: the engine takes its time to plan each apart."""
    values, numbers = ", ".join(map(quote, columns)), [*range(len(columns))]
    return f"(select unnest([{values}]) as value, unnest({numbers}) as n from {relation})"


def _filled(con: DuckDBPyConnection, columns: list[str], landed: Path) -> tuple[int, ...]:
    """How many rows of a file have a value, by column."""
    if not columns:
        return ()
    counts = ", ".join(f"count({quote(c)})" for c in columns)
    return con.execute(f"select {counts} from {rows_in(landed)}").fetchone() or ()
