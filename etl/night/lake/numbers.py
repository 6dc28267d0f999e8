"""The numbers that rows get, and where they run out."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from etl.engine import one_number
from etl.errors import InputError

EVENT_BITS = 23  # a person has at most 2^23 rows of one table; with 30 bits of person that is below 2^53
MOST_ROWS = 1 << EVENT_BITS


def check_numbers(con: DuckDBPyConnection, table: str, rows: str, person: str, count: int) -> None:
    """InputError when a person has more of the `count` rows of a table than numbers: the next are another person's."""
    if count <= MOST_ROWS:
        return
    most = one_number(con, f"select max(n) from (select count(*) as n from ({rows}) group by {person})")
    if most > MOST_ROWS:
        raise InputError(
            f"{table}: one person has {most:,} rows; {MOST_ROWS:,} rows of a person and table can be numbered",
            hint="look for a record number that many patients share, such as one for tests, and leave "
            "its rows out by `where` of the entries",
        )
