"""Writes the published warehouse into one plain DuckDB file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.sql import literal, quote
from etl.store.warehouse.results import copy_known
from etl.store.warehouse.schema import create_statements


def export(con: DuckDBPyConnection, target: Path, progress: Callable[[str], None] | None = None) -> None:
    """Copy every table that a reader sees; the file appears under its name only when it is complete.

    What Achilles found is in the schema `results`. All tables are of one moment. An existing file is replaced.
    """
    partial = target.with_name(f".{target.name}.partial")
    for left in (partial, target.with_name(f"{partial.name}.wal")):  # by an export that was killed
        left.unlink(missing_ok=True)
    con.execute(f"attach {literal(str(partial))} as target")
    con.execute("begin")
    for name, statement in create_statements(keys=True).items():
        con.execute(statement.replace("CREATE TABLE IF NOT EXISTS ", "CREATE TABLE target.", 1))
        con.execute(f"insert into target.{quote(name)} select * from {quote(name)}")
        if progress:
            progress(name)
    con.execute("create table target.hospital as select * from hospital")
    copy_known(con, "target")
    con.execute("commit")
    con.execute("detach target")
    # what another program wrote to the file before and had not yet merged must not be replayed into the new one
    target.with_name(f"{target.name}.wal").unlink(missing_ok=True)
    partial.replace(target)
