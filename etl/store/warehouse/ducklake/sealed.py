"""The catalog of an encrypted DuckLake: an encrypted DuckDB file, which is never changed where it lies.

The catalog holds the keys of the files of rows, and least and greatest values of their columns. A publisher, one at a
time, works in a copy of it, which then takes its place. Readers keep the file that they opened.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import duckdb
from duckdb import DuckDBPyConnection

from etl.at_rest import HomeKey, home_key, writes_encrypted
from etl.engine import extension_file, load_cipher
from etl.errors import TransientError
from etl.settings import Settings
from etl.sql import literal, quote
from etl.store.warehouse.ducklake.catalog import PLAIN, Catalog, make_tables

SEALED = "catalog.duckdb"
_OURS = "ducklake-*.parquet"  # how the engine names the files that it writes


class SealedCatalog(Catalog):
    """The file `catalog.duckdb` in a warehouse's folder, beside `data/`."""

    def __init__(self, folder: Path, key: HomeKey) -> None:
        """The catalog of the warehouse in `folder` of a home with that key."""
        super().__init__(folder)
        self.file = folder / SEALED
        self._key = key.derived("catalog")
        self._seen: tuple[int, int] | None = None

    @contextmanager
    def asking(self) -> Iterator[DuckDBPyConnection]:
        """See Catalog.asking."""
        said = self.file.stat()
        if self._seen != (said.st_ino, said.st_mtime_ns):
            self.close()
        if self._writer is None:
            self._writer = self.attach(read_only=True)
            self._seen = (said.st_ino, said.st_mtime_ns)
        try:
            yield self._writer
        except BaseException:
            self.close()
            raise

    def attach(self, *, read_only: bool) -> DuckDBPyConnection:
        """See Catalog.attach."""
        option = f", encrypted, meta_encryption_key {literal(self._key)}"
        return self._attach(f"ducklake:duckdb:{self.file}", "httpfs", option, read_only=read_only)

    def transaction(self, work: Callable[[DuckDBPyConnection], None]) -> None:
        """Run `work` in one transaction, when no other publisher is at work."""
        with self._copy() as copy:
            try:
                with closing(copy.attach(read_only=False)) as con:
                    con.execute("set temp_file_encryption = true")
                    _remove_leftovers(con, self.data)
                    con.execute("begin")
                    work(con)
                    con.execute("commit")
            except duckdb.Error as error:
                raise self.not_written(error) from None

    def change(self, work: Callable[[DuckDBPyConnection], None]) -> None:
        """Let `work` change the catalog's own tables, which are in the main schema of its connection."""
        with self._copy() as copy:
            copy.edit(work)

    def take_over(self, plain: Catalog) -> None:
        """Become the catalog that `plain` is, which is removed; files of rows stay until others take their place."""

        def work(con: DuckDBPyConnection) -> None:
            con.execute(f"load {literal(str(extension_file('sqlite_scanner')))}")
            con.execute(f"attach {literal(str(plain.file))} as plain (type sqlite, read_only)")
            for (table,) in con.execute(
                "select table_name from duckdb_tables() where database_name = 'plain' order by all"
            ).fetchall():
                con.execute(f"delete from {quote(table)}")
                con.execute(f"insert into {quote(table)} by name from plain.{quote(table)}")
            con.execute("update ducklake_metadata set value = 'true' where key = 'encrypted'")

        with self._copy() as copy:
            copy.attach(read_only=False).close()
            copy.edit(work)
        for file in self.folder.glob(f"{PLAIN}*"):
            file.unlink()

    def edit(self, work: Callable[[DuckDBPyConnection], None]) -> None:
        """See `change`; only of a copy that nobody else has."""
        with duckdb.connect() as con:
            load_cipher(con)
            con.execute(f"attach {literal(str(self.file))} as catalog (encryption_key {literal(self._key)})")
            con.execute("use catalog.main")
            con.execute("begin")
            work(con)
            con.execute("commit")

    def _create(self) -> None:
        self.transaction(make_tables)

    @contextmanager
    def _copy(self) -> Iterator[SealedCatalog]:
        """A copy of the catalog, which takes its place when the block ends well."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "catalog.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            for left in self.folder.glob(f".*.{SEALED}*"):  # of a publisher that was killed
                left.unlink()
            copy = _Copy(self)
            try:
                if self.file.exists():
                    shutil.copyfile(self.file, copy.file)
                yield copy
                _keep(copy.file)
                copy.file.replace(self.file)
            finally:
                for left in self.folder.glob(f"{copy.file.name}*"):
                    left.unlink()


class _Copy(SealedCatalog):
    """A catalog under another name."""

    def __init__(self, of: SealedCatalog) -> None:
        Catalog.__init__(self, of.folder)
        self.file = of.folder / f".{uuid4().hex}.{SEALED}"
        self._key = of._key


def catalog_of(folder: Path, settings: Settings | None) -> Catalog:
    """The catalog that there is in a warehouse's folder; where there is none, the one that is to be made."""
    key = home_key(settings) if settings else None
    if settings and key and ((folder / SEALED).exists() or _is_new(folder, settings)):
        return SealedCatalog(folder, key)
    return Catalog(folder)


def sealed(catalog: Catalog, settings: Settings | None) -> Catalog:
    """The catalog with which a warehouse goes on when a night is published: an encrypted one, where that is set."""
    if settings is None or isinstance(catalog, SealedCatalog) or not writes_encrypted(settings):
        return catalog
    key = home_key(settings)
    if key is None:
        return catalog
    made = SealedCatalog(catalog.folder, key)
    if catalog.file.exists():
        catalog.close()
        made.take_over(catalog)
    return made


def _is_new(folder: Path, settings: Settings) -> bool:
    return writes_encrypted(settings) and not (folder / PLAIN).exists()


def _keep(file: Path) -> None:
    """See that a copy is on the disk, and that nothing of it still lies in a log beside it."""
    if file.with_name(f"{file.name}.wal").exists():
        raise TransientError("the warehouse could not be written: its catalog was not closed", hint="run again")
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def _remove_leftovers(con: DuckDBPyConnection, data: Path) -> None:
    """Remove the files of rows that a publisher wrote who was killed before the catalog named them."""
    tables = ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")
    query = " union all ".join(f"select path from __ducklake_metadata_warehouse.{table}" for table in tables)
    known = {Path(path).name for (path,) in con.execute(query).fetchall()}
    for file in data.rglob(_OURS):
        if file.name not in known:
            file.unlink()
