"""The embedded warehouse: a DuckLake with its catalog in SQLite and its tables as Parquet.

Publishing registers the candidate's Parquet files (hard links, so nothing is copied) and deletes the hospital's old
rows in one catalog transaction. Readers keep the snapshot they began with.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import hospital_tables, tables, vocabulary_tables
from etl.engine import extension_file
from etl.errors import ConfigError, TransientError
from etl.mapping.expression import literal, quote
from etl.vocabulary.release import Release
from etl.warehouse.expire import expire, expired, files_of, remove_expired
from etl.warehouse.export import export
from etl.warehouse.protocol import Night, Publication, compare, in_range
from etl.warehouse.schema import create_statements

_TRIES = 40


class DuckLake:
    """A warehouse in one folder: `catalog.sqlite` and `data/`."""

    def __init__(self, folder: Path, *, keep: int = 1) -> None:
        """Open the warehouse in `folder`; nothing is made before `initialise`. `keep` nights can be gone back to."""
        self.keep = keep
        self.folder = folder
        self.catalog = folder / "catalog.sqlite"
        self.data = folder / "data"
        self._writer: DuckDBPyConnection | None = None

    @contextmanager
    def _writing(self) -> Iterator[DuckDBPyConnection]:
        """The connection that writes, opened once; after an error the next use opens a new one."""
        if self._writer is None:
            self._writer = self._attach(read_only=False)
        try:
            yield self._writer
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _attach(self, *, read_only: bool) -> DuckDBPyConnection:
        con = duckdb.connect(config={"threads": 2})
        for name in ("sqlite_scanner", "ducklake"):
            con.execute(f"load {literal(str(extension_file(name)))}")
        # rows written into the catalog instead would keep a file for ever whose last rows are deleted there
        mode = ", read_only" if read_only else ", data_inlining_row_limit 0"
        try:
            con.execute(
                f"attach {literal(f'ducklake:sqlite:{self.catalog}')} as warehouse "
                f"(data_path {literal(f'{self.data}/')}{mode})"
            )
        except duckdb.Error as error:
            if _not_writable(error):
                raise TransientError(
                    f"the warehouse in {self.folder} cannot be opened",
                    hint="this user must be allowed to write there, also to read (SQLite keeps its log beside the "
                    "catalogue); what else it may be: etl doctor",
                ) from error
            if "DATA_PATH" not in str(error):
                raise
            raise ConfigError(
                f"the warehouse in {self.folder} was made under another path; it cannot be moved or renamed",
                hint="move it back, or set ETL_HOME to the folder it was made in",
            ) from error
        con.execute("use warehouse.main")
        return con

    def _transaction(self, work: Callable[[DuckDBPyConnection], None]) -> None:
        """Run `work` in one transaction, again from its start while another publisher holds the catalog."""
        for attempt in range(1, _TRIES + 1):
            try:
                with self._writing() as con:
                    con.execute("begin")
                    work(con)
                    con.execute("commit")
            except duckdb.Error as error:
                if not _may_pass(error) or attempt == _TRIES:
                    raise TransientError(
                        f"the warehouse could not be written: {type(error).__name__}", hint="run again"
                    ) from error
                time.sleep(random.uniform(0.05, 0.2) * min(attempt, 10))
            else:
                return

    def initialise(self) -> None:
        """Make the catalog and every table of the CDM v5.4 that is missing."""
        self.data.mkdir(parents=True, exist_ok=True)
        if not self.catalog.exists():
            self._create()
        elif not {*tables(), "published"} <= set(self._file_counts()) or not self._knows_steps():
            self._transaction(_make_tables)

    def _knows_steps(self) -> bool:
        """Whether the catalog was made, or brought up to date, by a program that can go back to earlier nights."""
        with self._writing() as con:
            names = [row[0] for row in con.execute("describe admin.published").fetchall()]
        return "step" in names

    def _create(self) -> None:
        """A new catalog, made under another name: it is there wholly or not at all, and the first of several stays."""
        new = DuckLake(self.folder)
        new.catalog = self.folder / f".{uuid4().hex}.sqlite"
        try:
            with sqlite3.connect(new.catalog) as catalog:  # in this mode readers and publishers do not block each other
                catalog.execute("pragma journal_mode = wal")
            catalog.close()
            new._transaction(_make_tables)
            new._close()  # moves what SQLite still holds beside the file into it
            with contextlib.suppress(FileExistsError):
                os.link(new.catalog, self.catalog)
        finally:
            for file in self.folder.glob(f"{new.catalog.name}*"):
                file.unlink()

    def _file_counts(self) -> dict[str, int]:
        """Parquet files by table; a table without any is empty."""
        with self._writing() as con:
            rows = con.execute("select table_name, file_count from ducklake_table_info('warehouse')").fetchall()
        return dict(rows)

    def publish_vocabulary(self, release: Release) -> bool:
        """Replace the vocabulary tables by a release's; False when that release is published already."""
        # a folder of its own: when a release comes back, the files of the first time may be about to be removed
        marker = self.data / "vocabulary" / release.name / uuid4().hex[:8]
        with self._writing() as con:
            row = con.execute(
                "select count(*) from __ducklake_metadata_warehouse.ducklake_data_file "
                "where end_snapshot is null and path like ?",
                [f"%/vocabulary/{release.name}/%concept.parquet"],
            ).fetchone()
        if row and row[0]:
            return False
        marker.mkdir(parents=True)
        files = {t: _link(release.table(t), marker / f"{t}.parquet") for t in vocabulary_tables()}

        def replace(con: DuckDBPyConnection) -> None:
            for table, file in files.items():
                con.execute(f"delete from {quote(table)}")
                _register(con, table, file)

        self._transaction(replace)
        return True

    def publish(
        self, publication: Publication, source: Mapping[str, object], progress: Callable[[str], None] | None = None
    ) -> dict[str, int]:
        """See Warehouse.publish."""
        tell = progress or (lambda _: None)
        self._remove_leftovers(publication.hospital)
        folder = self.data / publication.hospital / f"{publication.run_id}-{uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        files = {t: _link(f, folder / f"{t}.parquet") for t, f in publication.files.items()}
        tell("linked")
        counts: dict[str, int] = {}
        filled = [t for t, n in self._file_counts().items() if n]

        def replace(con: DuckDBPyConnection) -> None:
            counts.clear()
            for name, table in hospital_tables().items():
                if name not in filled and name not in files:
                    continue
                con.execute(f"delete from {quote(name)} where {publication.replaced(table)}")
                if name in files:
                    _register(con, name, files[name])
                counts[name] = 0
            counts.update(_count(con, {name: publication.mine(hospital_tables()[name]) for name in counts}))
            _replace_source(con, source)
            row = con.execute(
                "select coalesce(step, 0) + 1 from admin.published where hospital = ?", [publication.hospital]
            ).fetchone()
            step = int(row[0]) if row else 1
            _make_published(con, publication.hospital, publication.run_id, publication.night, step)
            compare(counts, publication.rows)
            tell("replaced, not yet committed")

        try:
            self._transaction(replace)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        tell("published")
        return counts

    def nights(self, hospital: str) -> list[Night]:
        """See Warehouse.nights."""
        if not self.catalog.exists():
            return []
        return [night for night, _ in self._kept(hospital)]

    def _kept(self, hospital: str) -> list[tuple[Night, int]]:
        """The nights that are kept, the newest first, each with a snapshot in which it is what is published."""
        with self._writing() as con:
            first, last = con.execute(
                "select min(snapshot_id), max(snapshot_id) from ducklake_snapshots('warehouse')"
            ).fetchone() or (0, 0)
            rows = con.execute(
                f"""
                select p.run_id, p.night, epoch_us(s.snapshot_time), p.step, p.snapshot_id
                from ducklake_table_insertions('warehouse', 'admin', 'published', {first}, {last}) p
                join ducklake_snapshots('warehouse') s using (snapshot_id)
                where p.hospital = ? order by p.snapshot_id
                """,
                [hospital],
            ).fetchall()
        steps: dict[int, tuple[Night, int]] = {}
        for run_id, night, microseconds, step, snapshot in rows:
            steps = {n: kept for n, kept in steps.items() if n < (step or 0)}  # those after it were gone back from
            at = datetime.fromtimestamp(microseconds / 1_000_000, UTC).replace(tzinfo=None)
            steps[step or 0] = Night(run_id, night, at), snapshot
        return [steps[n] for n in sorted(steps, reverse=True)][: self.keep]

    def rollback(
        self, hospital: str, number: int, run_id: str, progress: Callable[[str], None] | None = None
    ) -> dict[str, int]:
        """See Warehouse.rollback."""
        tell = progress or (lambda _: None)
        found = next((kept for kept in self._kept(hospital) if kept[0].run_id == run_id), None)
        if found is None:
            raise ConfigError(f"{run_id} is not kept", hint=f"the nights that are: etl rollback {hospital} --list")
        night, snapshot = found
        counts: dict[str, int] = {}

        def go_back(con: DuckDBPyConnection) -> None:
            for name, table in hospital_tables().items():
                mine = in_range(table, number)
                # read first: what this transaction deletes is hidden from it in earlier snapshots, too
                earlier = f"select * from {quote(name)} at (version => {snapshot}) where {mine}"
                con.execute(f"create or replace temp table earlier as {earlier}")
                con.execute(f"delete from {quote(name)} where {mine}")
                row = con.execute(f"insert into {quote(name)} from temp.earlier").fetchone()
                counts[name] = int(row[0]) if row else 0
            con.execute("drop table temp.earlier")
            row = con.execute(
                f"select night, step from admin.published at (version => {snapshot}) where hospital = ?", [hospital]
            ).fetchone()
            _make_published(con, hospital, run_id, *(row or (night.night, 0)))
            con.execute(
                "update cdm_source set source_release_date = p.night, cdm_release_date = p.night "
                "from (select max(night) as night from admin.published) p where p.night is not null"
            )
            tell("gone back, not yet committed")

        self._transaction(go_back)
        tell("gone back")
        return counts

    def published(self, hospital: str) -> str | None:
        """See Warehouse.published."""
        if not self.catalog.exists():
            return None
        with self._writing() as con:
            row = con.execute("select run_id from admin.published where hospital = ?", [hospital]).fetchone()
        return str(row[0]) if row else None

    def _remove_leftovers(self, hospital: str) -> None:
        """Remove folders that a killed publisher linked and never registered; the hospital's lock is held."""
        place = self.data / hospital
        with self._writing() as con:
            rows = con.execute("select path from __ducklake_metadata_warehouse.ducklake_data_file").fetchall()
        known = {Path(path).parent.name for (path,) in rows}
        for folder in place.glob("*"):
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def expire(self, before: datetime, *, dry_run: bool = False) -> dict[Path, int]:
        """Forget snapshots that were replaced before that moment and are of no night that can be gone back to.

        Removes the files that nothing else names, or only tells which these are, with their bytes.
        """
        if not self.catalog.exists():
            return {}
        with self._writing() as con:
            hospitals = [h for (h,) in con.execute("select distinct hospital from admin.published").fetchall()]
            kept = {snapshot for hospital in hospitals for _, snapshot in self._kept(hospital)}
            gone = expired(con, kept, before)
            files = files_of(con, self.data, gone)
        if dry_run:
            return files
        if gone:
            self._transaction(lambda con: expire(con, gone))
        self._transaction(remove_expired)  # and what an earlier time was broken off before
        for folder in {file.parent for file in files}:
            with contextlib.suppress(OSError):  # others of its files are still named
                folder.rmdir()
        return files

    @contextmanager
    def reader(self) -> Iterator[DuckDBPyConnection]:
        """See Warehouse.reader."""
        if not self.catalog.exists():
            raise ConfigError(f"there is no warehouse at {self.folder}", hint="run a night first: etl run --help")
        with closing(self._attach(read_only=True)) as con:
            yield con

    def export(self, target: Path, progress: Callable[[str], None] | None = None) -> None:
        """See Warehouse.export."""
        with self.reader() as con:
            export(con, target, progress)


def _make_tables(con: DuckDBPyConnection) -> None:
    for statement in create_statements(keys=False).values():
        con.execute(statement)
    con.execute("create schema if not exists admin")
    con.execute("create table if not exists admin.published (hospital varchar, run_id varchar)")
    for column in ("night date", "step bigint"):
        con.execute(f"alter table admin.published add column if not exists {column}")


def _make_published(con: DuckDBPyConnection, hospital: str, run_id: str, night: date | None, step: int | None) -> None:
    """Say which run the hospital's rows are of."""
    con.execute("delete from admin.published where hospital = ?", [hospital])
    con.execute(
        "insert into admin.published (hospital, run_id, night, step) values (?, ?, ?, ?)",
        [hospital, run_id, night, step],
    )


def _may_pass(error: duckdb.Error) -> bool:
    text = str(error).lower()
    return any(word in text for word in ("locked", "conflict", "busy"))


def _not_writable(error: duckdb.Error) -> bool:
    text = str(error).lower()
    return any(words in text for words in ("readonly database", "unable to open database", "permission denied"))


def _link(file: Path, target: Path) -> Path:
    try:
        os.link(file, target)
    except OSError:  # another file system
        shutil.copyfile(file, target)
    return target


def _register(con: DuckDBPyConnection, table: str, file: Path) -> None:
    arguments = f"'warehouse', {literal(table)}, {literal(str(file))}"
    con.execute(f"call ducklake_add_data_files({arguments}, ignore_extra_columns => true)")


def _count(con: DuckDBPyConnection, wanted: Mapping[str, str]) -> dict[str, int]:
    """Rows by table, of those that its condition names."""
    parts = [f"select {literal(t)}, count(*) from {quote(t)} where {mine}" for t, mine in wanted.items()]
    return dict(con.execute(" union all ".join(parts)).fetchall()) if parts else {}


def _replace_source(con: DuckDBPyConnection, source: Mapping[str, object]) -> None:
    """The one row of cdm_source; its dates are the latest of all nights published."""
    names = ", ".join(source)
    marks = ", ".join("?" for _ in source)
    row = con.execute("select max(source_release_date), max(cdm_release_date) from cdm_source").fetchone()
    con.execute("delete from cdm_source")
    con.execute(f"insert into cdm_source ({names}) values ({marks})", list(source.values()))
    con.execute(
        "update cdm_source set source_release_date = greatest(source_release_date, ?), "
        "cdm_release_date = greatest(cdm_release_date, ?)",
        list(row or (None, None)),
    )
