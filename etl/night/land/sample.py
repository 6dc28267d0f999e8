"""The rows of a landed file at which is looked for what its contract does not say: its beginning, and its middle."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from etl.engine import parquet
from etl.mapping.language.contract import Source
from etl.sql import quote

ROWS = 4_000  # of the beginning, and of the middle


def plain_columns(source: Source) -> list[str]:
    """Columns of a source that land as they are: of no identifier, not blanked out, not said to be nobody's."""
    return [n for n, c in source.declared.items() if c.identifier is None and not c.scrub and c.not_a_person is None]


def take_sample(con: DuckDBPyConnection, columns: list[str], landed: Path) -> None:
    """Make the table `sample` of the connection's own: columns of a landed file without blanks around them."""
    listed = ", ".join(f"omop_blank({quote(c)}) as {quote(c)}" for c in columns)
    rows, where = int(pq.read_metadata(landed).num_rows), f"file_row_number < {ROWS}"
    if rows > ROWS:
        middle = max(rows // 2, ROWS)
        where += f" or file_row_number between {middle} and {middle + ROWS - 1}"
    con.execute(f"create temp table sample as select {listed} from {parquet(landed)} where {where}")
