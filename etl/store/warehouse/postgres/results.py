"""Takes over what OHDSI's tools read of Achilles, in one transaction."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection
from sqlalchemy.engine import URL

from etl.errors import TransientError
from etl.sql import literal, quote
from etl.store.postgres.connect import LOADER, attach
from etl.store.warehouse.results import TABLES


def replace_results(url: URL, file: Path) -> None:
    """Put the tables of a DuckDB file in the place of those that are there; readers see the old ones until then."""
    try:
        with closing(duckdb.connect(config={"threads": 2})) as con:
            attach(con, url, "target", role=LOADER)
            con.execute(f"attach {literal(str(file))} as made (read_only)")
            con.execute("begin")
            for table in TABLES:
                _replace(con, table)
            con.execute("commit")
    except duckdb.Error as error:  # the message may quote a row
        raise TransientError(
            f"the results of Achilles could not be written: {type(error).__name__}",
            hint="run again; if it stays: etl doctor",
        ) from None


def _replace(con: DuckDBPyConnection, table: str) -> None:
    con.execute(f"delete from target.results.{quote(table)}")
    rows = con.execute(f"select column_name from (describe made.{quote(table)})").fetchall()
    columns = ", ".join(quote(name) for (name,) in rows)
    con.execute(f"insert into target.results.{quote(table)} ({columns}) select {columns} from made.{quote(table)}")
