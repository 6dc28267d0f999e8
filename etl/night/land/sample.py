"""The rows of a landed file at which is looked for what its contract does not say: its beginning, and its middle.

Of a column that is hardly filled there, they say nothing: people begin to fill columns at any time.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from etl.engine import parquet, rows_in
from etl.mapping.language.contract import Source
from etl.sql import quote

ROWS = 4_000  # of the beginning, and of the middle
ENOUGH = 1_000  # values of a column that say what the others are like


def plain_columns(source: Source) -> list[str]:
    """Columns of a source that land as they are: of no identifier, not blanked out, not said to be nobody's."""
    return [n for n, c in source.declared.items() if c.identifier is None and not c.scrub and c.not_a_person is None]


def take_sample(con: DuckDBPyConnection, columns: list[str], landed: Path) -> list[str]:
    """Make the table `sample` of the connection's own: columns of a landed file without blanks around them.

    Returns those of which the rest of the file says more: they have to be looked at whole.
    """
    listed = ", ".join(f"omop_blank({quote(c)}) as {quote(c)}" for c in columns)
    rows, where = int(pq.read_metadata(landed).num_rows), f"file_row_number < {ROWS}"
    if rows > ROWS:
        middle = max(rows // 2, ROWS)
        where += f" or file_row_number between {middle} and {middle + ROWS - 1}"
    con.execute(f"create temp table sample as select {listed} from {parquet(landed)} where {where}")
    if rows <= 2 * ROWS:
        return []
    seen = _filled(con, columns, "sample")
    poor = [c for c in columns if seen[c] < ENOUGH]
    held = _filled(con, poor, rows_in(landed))
    return [c for c in poor if held[c] > seen[c]]


def _filled(con: DuckDBPyConnection, columns: list[str], relation: str) -> dict[str, int]:
    """How many rows have a value, by column."""
    if not columns:
        return {}
    row = con.execute(f"select {', '.join(f'count({quote(c)})' for c in columns)} from {relation}").fetchone()
    return dict(zip(columns, row or (), strict=True))
