"""The catalog of an encrypted DuckLake: an encrypted DuckDB file, which is never changed where it lies.

The catalog holds the keys of the files of rows, and least and greatest values of their columns. A publisher, one at a
time, works in a copy of it, which then takes its place. Readers keep the file that they opened.
"""

from __future__ import annotations

import contextlib
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
from etl.cdm.spec import tables
from etl.engine import extension_file, load_cipher
from etl.errors import ConfigError, TransientError
from etl.settings import Settings
from etl.sql import literal
from etl.store.warehouse.ducklake.catalog import ADMIN, PLAIN, Catalog, make_tables

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
            self._writer = None  # whoever still asks the one before goes on with it
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
        con = self._attach(f"ducklake:duckdb:{self.file}", "httpfs", option, read_only=read_only)
        load_cipher(con)  # what readers spill, too
        return con

    def _not_opened(self, error: duckdb.Error) -> Exception:
        """See Catalog; the text of no other error is passed on, as the statement holds the key."""
        told = super()._not_opened(error)
        if told is not error:
            return told
        return ConfigError(
            f"the home's key does not open {self.file}, or that is damaged",
            hint="restore at_rest.json and the folder of the warehouse from one back-up: docs/at-rest.md",
        )

    def transaction(self, work: Callable[[DuckDBPyConnection], None]) -> None:
        """Run `work` in one transaction, when no other publisher is at work."""

        def tidy(con: DuckDBPyConnection) -> None:
            _remove_unknown(con, self.data, _OURS)  # of a publisher who was killed before the catalog named them

        with self._copy() as copy:
            copy.run(work, tidy)

    def change(self, work: Callable[[DuckDBPyConnection], None]) -> None:
        """Let `work` change the catalog's own tables, which are in the main schema of its connection."""
        with self._copy() as copy:
            copy.edit(work)

    def take_over(self, plain: Catalog, release: str | None) -> None:
        """Become what the warehouse is, of which `plain` is the catalog, with its release of the vocabulary.

        The engine has no warehouse of which a part is encrypted: all rows are written anew. Of earlier nights nothing
        is kept; the files in the clear are removed.
        """

        def work(con: DuckDBPyConnection) -> None:
            make_tables(con)
            for schema, names in (("main", tables()), ("admin", ADMIN)):
                for name in names:
                    con.execute(f"insert into {schema}.{name} by name from plain.{schema}.{name}")
            name_release(con, release)

        def beside(con: DuckDBPyConnection) -> None:
            con.execute(f"load {literal(str(extension_file('sqlite_scanner')))}")
            address = literal(f"ducklake:sqlite:{plain.file}")
            con.execute(f"attach {address} as plain (data_path {literal(f'{self.data}/')}, read_only)")

        with self._copy() as copy:
            copy.run(work, beside)
        self.forget_plain()

    def forget_plain(self) -> None:
        """Remove what the warehouse was in the clear."""
        for file in self.folder.glob(f"{PLAIN}*"):
            file.unlink()
        with self.asking() as con:
            _remove_unknown(con, self.data, "*.parquet")
        for folder in sorted(self.data.rglob("*/"), reverse=True):
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()

    def run(self, work: Callable[[DuckDBPyConnection], None], before: Callable[[DuckDBPyConnection], None]) -> None:
        """Run `work` in one transaction; only of a copy that nobody else has."""
        try:
            with closing(self.attach(read_only=False)) as con:
                before(con)
                con.execute("begin")
                work(con)
                con.execute("commit")
        except duckdb.Error as error:
            raise self.not_written(error) from None

    def edit(self, work: Callable[[DuckDBPyConnection], None]) -> None:
        """See `change`; only of a copy that nobody else has."""
        with duckdb.connect() as con:
            load_cipher(con)
            con.execute(f"attach {literal(str(self.file))} as catalog (encryption_key {literal(self._key)})")
            con.execute("use catalog.main")
            con.execute("begin")
            work(con)
            con.execute("commit")

    def vocabulary(self) -> str | None:
        """See Catalog.vocabulary."""
        with self.asking() as con:
            row = con.execute(
                "select comment from duckdb_tables() where database_name = 'warehouse' and table_name = 'concept'"
            ).fetchone()
        return row[0] if row else None

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
    key = home_key(settings) if settings and writes_encrypted(settings) else None
    if isinstance(catalog, SealedCatalog) or key is None:
        made = catalog
    else:
        made = SealedCatalog(catalog.folder, key)
        if catalog.file.exists():
            release = catalog.vocabulary()
            catalog.close()
            made.take_over(catalog, release)
    if isinstance(made, SealedCatalog) and (made.folder / PLAIN).exists():  # a process was killed meanwhile
        made.forget_plain()
    return made


def name_release(con: DuckDBPyConnection, release: str | None) -> None:
    """Note which release of the vocabulary the tables hold."""
    con.execute(f"comment on table concept is {literal(release) if release else 'null'}")


def _is_new(folder: Path, settings: Settings) -> bool:
    return writes_encrypted(settings) and not (folder / PLAIN).exists()


def _keep(file: Path) -> None:
    """See that a copy is on the disk, and that nothing of it still lies in a log beside it."""
    if file.with_name(f"{file.name}.wal").exists():
        raise TransientError("the warehouse could not be written: its catalog was not closed", hint="run again")
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def _remove_unknown(con: DuckDBPyConnection, data: Path, pattern: str) -> None:
    """Remove the files of a pattern that the catalog does not name."""
    of_files = ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")
    query = " union all ".join(f"select path from __ducklake_metadata_warehouse.{table}" for table in of_files)
    known = {Path(path).name for (path,) in con.execute(query).fetchall()}
    for file in data.rglob(pattern):
        if file.name not in known:
            file.unlink()
