"""Views over a candidate CDM: the Parquet files that stages left, and an empty table where there is no file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm.spec import empty, tables
from etl.engine import rows_in
from etl.sql import quote


def candidate_files(folders: Sequence[Path]) -> dict[str, Path]:
    """Parquet files by CDM table."""
    known = tables()
    return {f.stem: f for folder in folders for f in sorted(folder.glob("*.parquet")) if f.stem in known}


def create_views(con: DuckDBPyConnection, folders: Sequence[Path], names: Iterable[str]) -> None:
    """A view per table of `names` over the files in `folders`."""
    files = candidate_files(folders)
    for name in names:
        table = tables()[name]
        columns = ", ".join(quote(c) for c in table.columns)
        rows = f"select {columns} from {rows_in(files[name])}" if name in files else empty(table)
        con.execute(f"create or replace view {quote(name)} as {rows}")
