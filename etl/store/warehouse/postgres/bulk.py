"""Brings rows from Parquet into a table at bulk speed: by DuckDB's PostgreSQL extension, else by ADBC.

Both stream in PostgreSQL's binary COPY format.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import duckdb
from adbc_driver_postgresql import dbapi
from duckdb import DuckDBPyConnection
from sqlalchemy.engine import URL

from etl.cdm.spec import Table
from etl.engine import has_extension, rows_in
from etl.errors import TransientError
from etl.sql import quote
from etl.store.postgres.connect import LOADER, attach, conninfo
from etl.store.warehouse.postgres.ddl import PARTS, type_of
from etl.store.warehouse.protocol import Unlock

_BATCH = 100_000


class Bulk(Protocol):
    """A way into tables of `cdm_part`."""

    def copy(self, table: Table, name: str, file: Path) -> int:
        """Append a candidate's file to the table `name`, which is like the CDM's `table`; returns its rows."""

    def copy_persons(self, name: str, files: tuple[Path, ...]) -> None:
        """Append the distinct persons of files to a table with the one column `person`."""


@contextmanager
def open_bulk(url: URL, unlock: Unlock | None = None) -> Iterator[Bulk]:
    """The fastest way that there is; what fails on it becomes a TransientError without its text.

    `unlock` lets it read files that are encrypted.
    """
    try:
        with closing(duckdb.connect(config={"threads": 2})) as con:
            if unlock:
                unlock(con)
            if has_extension("postgres_scanner"):
                attach(con, url, "target", role=LOADER)
                con.execute("set pg_null_byte_replacement = ''")  # a character PostgreSQL has no place for
                yield _Extension(con)
            else:
                with closing(dbapi.connect(conninfo(url, LOADER), autocommit=True)) as server:
                    yield _Adbc(con, server)
    except (duckdb.Error, dbapi.Error) as error:  # the message may quote a row
        raise TransientError(
            f"loading into the warehouse failed: {type(error).__name__}", hint="run again; if it stays: etl doctor"
        ) from None


def _rows(table: Table, file: Path) -> str:
    """The rows with the types of the target; ADBC converts nothing, and has no replacement for null bytes."""
    columns = [f"{_cast(quote(f.name), type_of(f))} as {quote(f.name)}" for f in table.fields]
    return f"select {', '.join(columns)} from {rows_in(file)}"


def _cast(column: str, kind: str) -> str:
    text = kind == "text" or kind.startswith("varchar")
    return f"replace({column}, chr(0), '')" if text else f"{column}::{kind}"


class _Extension:
    def __init__(self, con: DuckDBPyConnection) -> None:
        self._con = con

    def copy(self, table: Table, name: str, file: Path) -> int:
        columns = ", ".join(quote(c) for c in table.columns)
        return self._insert(name, columns, f"select {columns} from {rows_in(file)}")

    def copy_persons(self, name: str, files: tuple[Path, ...]) -> None:
        self._insert(name, "person", f"select distinct person from {rows_in(*files)}")

    def _insert(self, name: str, columns: str, query: str) -> int:
        row = self._con.execute(f"insert into target.{PARTS}.{name} ({columns}) {query}").fetchone()
        return int(row[0]) if row else 0


class _Adbc:
    def __init__(self, con: DuckDBPyConnection, server: dbapi.Connection) -> None:
        self._con = con
        self._server = server

    def copy(self, table: Table, name: str, file: Path) -> int:
        return self._ingest(name, _rows(table, file))

    def copy_persons(self, name: str, files: tuple[Path, ...]) -> None:
        self._ingest(name, f"select distinct person::bigint as person from {rows_in(*files)}")

    def _ingest(self, name: str, query: str) -> int:
        batches = self._con.execute(query).to_arrow_reader(_BATCH)
        with self._server.cursor() as cursor:
            return int(cursor.adbc_ingest(name, batches, mode="append", db_schema_name=PARTS))
