"""The catalog of a DuckLake in the clear: a SQLite file in which several processes publish and read at once."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.engine import extension_file
from etl.errors import ConfigError, EtlError, TransientError
from etl.sql import literal
from etl.store.warehouse.schema import create_statements

PLAIN = "catalog.sqlite"
_TRIES = 40
#: What the warehouse knows of itself: tables of the schema `admin`, columns that came later behind.
ADMIN = {
    "published": {
        "hospital": "varchar", "run_id": "varchar", "night": "date", "step": "bigint", "mappings": "varchar",
    },
    "key_mark": {
        "hospital": "varchar", "namespace": "varchar", "store": "varchar", "highest": "bigint", "chain": "varchar",
    },
    "hospital_name": {"hospital": "varchar", "number": "bigint", "name_ko": "varchar", "name_en": "varchar"},
}  # fmt: skip

#: Which hospitals there are, and of which night what is published of each is: for who asks the tables of the CDM.
_HOSPITALS = """
create or replace view hospital as
select n.number as hospital_number, hospital, n.name_ko, n.name_en, p.night,
  (max(p.night) over () - p.night)::integer as days_behind
from admin.published p left join admin.hospital_name n using (hospital)
"""


class Catalog:
    """The file `catalog.sqlite` in a warehouse's folder, beside `data/`."""

    def __init__(self, folder: Path) -> None:
        """The catalog of the warehouse in `folder`; nothing is made before `initialise`."""
        self.folder = folder
        self.file = folder / PLAIN
        self.data = folder / "data"
        self._writer: DuckDBPyConnection | None = None
        self._current = False

    @contextmanager
    def asking(self) -> Iterator[DuckDBPyConnection]:
        """A connection that reads what is there now, opened once; after an error the next use opens a new one."""
        if self._writer is None:
            self._writer = self.attach(read_only=False)
        try:
            yield self._writer
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection that asks; the next use opens a new one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def attach(self, *, read_only: bool) -> DuckDBPyConnection:
        """A new connection to the warehouse."""
        return self._attach(f"ducklake:sqlite:{self.file}", "sqlite_scanner", read_only=read_only)

    def _attach(self, address: str, extension: str, option: str = "", *, read_only: bool) -> DuckDBPyConnection:
        """A new connection to the warehouse whose catalog has an address and is read by an extension.

        No error quotes the statement: `option` may be a key.
        """
        con = duckdb.connect(config={"threads": 2})
        for name in (extension, "ducklake"):
            con.execute(f"load {literal(str(extension_file(name)))}")
        # rows written into the catalog instead would keep a file for ever whose last rows are deleted there
        mode = ", read_only" if read_only else ", data_inlining_row_limit 0"
        try:
            con.execute(f"attach {literal(address)} as warehouse (data_path {literal(f'{self.data}/')}{mode}{option})")
        except duckdb.Error as error:
            con.close()
            raise self._not_opened(error) from None
        con.execute("use warehouse.main")
        return con

    def _not_opened(self, error: duckdb.Error) -> Exception:
        if _not_writable(error):
            return TransientError(
                f"the warehouse in {self.folder} cannot be opened",
                hint="this user must be allowed to write there, also to read (SQLite keeps its log beside the "
                "catalogue); what else it may be: etl doctor",
            )
        if "DATA_PATH" not in str(error):
            return error
        return ConfigError(
            f"the warehouse in {self.folder} was made under another path",
            hint="if its folder was moved, renamed or restored here for good: etl warehouse move",
        )

    def transaction(self, work: Callable[[DuckDBPyConnection], None]) -> None:
        """Run `work` in one transaction, again from its start while another publisher holds the catalog."""
        for attempt in range(1, _TRIES + 1):
            try:
                with self.asking() as con:
                    con.execute("begin")
                    work(con)
                    con.execute("commit")
            except duckdb.Error as error:
                if not _may_pass(error) or attempt == _TRIES:
                    raise self.not_written(error) from error
                time.sleep(random.uniform(0.05, 0.2) * min(attempt, 10))
            else:
                return

    def not_written(self, error: duckdb.Error) -> EtlError:
        """What a failed transaction means."""
        if _lacks_file(error):
            return ConfigError(
                f"a file of the warehouse in {self.folder} is missing or damaged; nothing was changed",
                hint="restore the folder of the warehouse from its newest back-up: docs/operations.md",
            )
        return TransientError(f"the warehouse could not be written: {type(error).__name__}", hint="run again")

    def initialise(self) -> None:
        """Make the catalog and every table of the CDM v5.4 that is missing."""
        self.data.mkdir(parents=True, exist_ok=True)
        if not self.file.exists():
            self._create()
        elif not set(tables()) <= set(self.file_counts()) or not self._is_current():
            self.transaction(make_tables)

    def brought_up_to_date(self) -> bool:
        """Whether there is a catalog; one that an earlier program made then has the columns of this one.

        Raises ConfigError where a newer program has changed it.
        """
        if not self.file.exists():
            return False
        if not self._current and not self._is_current():
            self.transaction(make_tables)
        self._current = True
        return True

    def _is_current(self) -> bool:
        """Whether the tables of `admin` have the columns of this program."""
        with self.asking() as con:
            there = {table: set(columns_of(con, table)) for table in ADMIN}
        if any(there[table] - columns.keys() for table, columns in ADMIN.items()):
            raise ConfigError(
                f"a newer version of the program has changed the warehouse in {self.folder}",
                hint="run that version, or restore the folder as it was before",
            )
        return all(columns.keys() <= there[table] for table, columns in ADMIN.items())

    def _create(self) -> None:
        """A new catalog, made under another name: it is there wholly or not at all, and the first of several stays."""
        new = Catalog(self.folder)
        new.file = self.folder / f".{uuid4().hex}.sqlite"
        try:
            with sqlite3.connect(new.file) as catalog:  # in this mode readers and publishers do not block each other
                catalog.execute("pragma journal_mode = wal")
            catalog.close()
            new.transaction(make_tables)
            new.close()  # moves what SQLite still holds beside the file into it
            with contextlib.suppress(FileExistsError):
                os.link(new.file, self.file)
        finally:
            for file in self.folder.glob(f"{new.file.name}*"):
                file.unlink()

    def vocabulary(self) -> str | None:
        """The release of the vocabulary that the tables hold."""
        with self.asking() as con:
            row = con.execute(
                "select path from __ducklake_metadata_warehouse.ducklake_data_file "
                "where end_snapshot is null and path like '%/vocabulary/%/concept.parquet'"
            ).fetchone()
        return Path(row[0]).parents[1].name if row else None

    def remove_leftovers(self, place: Path) -> None:
        """Remove folders that a killed publisher linked and never registered; the lock of their hospital is held."""
        with self.asking() as con:
            rows = con.execute("select path from __ducklake_metadata_warehouse.ducklake_data_file").fetchall()
        known = {Path(path).parent.name for (path,) in rows}
        for folder in place.glob("*"):
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def file_counts(self) -> dict[str, int]:
        """Parquet files by table; a table without any is empty."""
        with self.asking() as con:
            rows = con.execute("select table_name, file_count from ducklake_table_info('warehouse')").fetchall()
        return dict(rows)


def make_tables(con: DuckDBPyConnection) -> None:
    """Make the tables that are missing: of the CDM, and of what the warehouse knows of itself."""
    for statement in create_statements(keys=False).values():
        con.execute(statement)
    con.execute("create schema if not exists admin")
    for table, columns in ADMIN.items():
        said = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        con.execute(f"create table if not exists admin.{table} ({said})")
        there = columns_of(con, table)
        for name, kind in columns.items():
            if name not in there:
                con.execute(f"alter table admin.{table} add column {name} {kind}")
    con.execute(_HOSPITALS)


def columns_of(con: DuckDBPyConnection, table: str) -> list[str]:
    """The columns that a table of `admin` has; none where it is not there."""
    query = "select column_name from duckdb_columns() where schema_name = 'admin' and table_name = ?"
    return [name for (name,) in con.execute(f"{query} and database_name = 'warehouse'", [table]).fetchall()]


def _may_pass(error: duckdb.Error) -> bool:
    text = str(error).lower()
    return any(word in text for word in ("locked", "conflict", "busy"))


def _lacks_file(error: duckdb.Error) -> bool:
    """Whether the engine did not find, or could not read, a file that the catalog names."""
    text = str(error).lower()
    return ".parquet" in text and any(words in text for words in ("no such file", "no magic bytes", "too small to be"))


def _not_writable(error: duckdb.Error) -> bool:
    text = str(error).lower()
    return any(words in text for words in ("readonly database", "unable to open database", "permission denied"))
