"""The DuckDB engine of one run: bounded memory, spilling to scratch, with the functions compiled SQL relies on."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from etl.at_rest import home_key, is_encrypted, writes_encrypted
from etl.errors import ConfigError
from etl.files import packaged
from etl.settings import Settings
from etl.sql import literal, one_file

_KEY = "at_rest"  # what DuckDB calls the key of Parquet files
_FOOTER = f"{{footer_key: {literal(_KEY)}}}"
IN_SCRATCH = "use scratch.main"  # every cursor of an engine has to say so


def extension_file(name: str) -> Path:
    """The file of a DuckDB extension that was installed from its wheel (DuckDB's own INSTALL needs the internet)."""
    wheel = find_spec(f"duckdb_extension_{name}")
    places = map(Path, (wheel.submodule_search_locations or ()) if wheel else ())
    found = next((f for p in places for f in p.glob(f"extensions/*/{name}.duckdb_extension")), None)
    if found is None:
        raise ConfigError(f"the DuckDB extension '{name}' is not installed", hint="run: make install")
    return found


def has_extension(name: str) -> bool:
    """Whether the wheel of a DuckDB extension is installed; there are none for some machines."""
    try:
        extension_file(name)
    except ConfigError:
        return False
    return True


def define_night(con: DuckDBPyConnection, night: date) -> None:
    """Define omop_night(), the day of the delivery, for compiled SQL."""
    con.execute(f"create or replace macro omop_night() as date {literal(night.isoformat())}")


SEOUL = "Asia/Seoul"


def define_zone(con: DuckDBPyConnection, zone: str) -> None:
    """Define omop_here(moment), a moment of UTC as the clocks of a time zone showed it; `zone` is a name of IANA's."""
    here = "moment" if zone == "UTC" else f"timezone({literal(zone)}, timezone('UTC', moment))"
    con.execute(f"create or replace macro omop_here(moment) as {here}")


def define_functions(con: DuckDBPyConnection) -> None:
    """Define the functions of `engine.sql`."""
    define_zone(con, SEOUL)
    con.execute(packaged(__name__, "engine.sql"))


@contextmanager
def scratch_folder(settings: Settings) -> Iterator[Path]:
    """A folder in scratch for this user alone, which is removed at the end with all that is in it."""
    folder = settings.scratch / uuid4().hex
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def load_cipher(con: DuckDBPyConnection) -> None:
    """Bring the cipher, and encrypt what is spilled."""
    con.execute(f"load {literal(str(extension_file('httpfs')))}")
    con.execute("set temp_file_encryption = true")


def unlock(con: DuckDBPyConnection, settings: Settings) -> None:
    """Let a connection read what is encrypted at rest, where anything is."""
    key = home_key(settings)
    if key is not None:
        load_cipher(con)
        con.execute(f"pragma add_parquet_key({literal(_KEY)}, {literal(key.parquet)})")


@contextmanager
def open_reader(settings: Settings) -> Iterator[DuckDBPyConnection]:
    """A connection in memory that reads what the lake keeps, and writes nothing."""
    with duckdb.connect(config={"threads": settings.threads, "memory_limit": settings.memory}) as con:
        unlock(con, settings)
        yield con


@contextmanager
def open_engine(
    settings: Settings, night: date | None = None, *, identifiers: bool = False
) -> Iterator[DuckDBPyConnection]:
    """An engine whose tables live in a scratch file that is removed at the end.

    One that reads `identifiers` encrypts what it spills, with a key that ends with it. So does every one where the lake
    is encrypted, its scratch file too; elsewhere loading the cipher would cost each a tenth of a second.
    """
    folder = settings.scratch / uuid4().hex
    folder.mkdir(parents=True)
    con = duckdb.connect(
        config={
            "threads": settings.threads,
            "memory_limit": settings.memory,
            "temp_directory": str(folder / "spill"),
            "preserve_insertion_order": True,
        },
    )
    try:
        con.execute("set enable_progress_bar = false")
        con.execute("set TimeZone = 'UTC'")  # whatever the machine's is: instants become texts in it
        if identifiers:
            load_cipher(con)
        unlock(con, settings)
        # nobody opens the file again: no log of it on the disk, and nothing to write down when it is closed
        con.execute("pragma disable_checkpoint_on_shutdown")
        how = "recovery_mode 'no_wal_writes'"
        if writes_encrypted(settings):
            how += f", encryption_key {literal(secrets.token_hex(32))}"
        con.execute(f"attach {literal(str(folder / 'scratch.duckdb'))} as scratch ({how})")
        con.execute(IN_SCRATCH)
        define_functions(con)
        if night is not None:
            define_night(con, night)
        yield con
    finally:
        con.close()
        shutil.rmtree(folder, ignore_errors=True)


def leave_room(con: DuckDBPyConnection, size: int) -> None:
    """Take `size` bytes, which are held beside an engine, off what it may use; three fifths of that at most."""
    (told,) = con.execute("select current_setting('memory_limit')").fetchone() or ("",)
    number, unit = told.split()
    limit = float(number) * 1024 ** (1 + "KMGT".index(unit[0]))
    con.execute(f"set memory_limit = {literal(f'{max(limit - size, limit * 0.4) / 1024:.0f}KiB')}")


def parquet(path: Path) -> str:
    """A `read_parquet` of a file, with the number of each row."""
    return f"read_parquet({one_file(path)}, file_row_number = true, hive_partitioning = false{_locked(path)})"


def rows_in(*files: Path) -> str:
    """A `read_parquet` of files, with their own columns only; some of them may be encrypted, others not."""
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(_locked(file), []).append(file)
    parts = [
        f"read_parquet([{', '.join(map(one_file, group))}], hive_partitioning = false{locked})"
        for locked, group in groups.items()
    ]
    return parts[0] if len(parts) == 1 else f"({' union all by name '.join(f'from {part}' for part in parts)})"


def _locked(file: Path) -> str:
    """What a `read_parquet` of a file has to say besides, where it is encrypted."""
    return f", encryption_config = {{footer_key: {literal(_KEY)}}}" if is_encrypted(file) else ""


def copy_to(con: DuckDBPyConnection, query: str, target: Path, *, encrypted: bool | None = None) -> int:
    """Write a query's rows to a zstd Parquet file; returns how many.

    It is encrypted where the engine's scratch is; of a connection that is no engine, which `unlock` gave the key, the
    caller says whether.
    """
    if encrypted is None:
        mark = "select count(*) from duckdb_databases() where database_name = 'scratch' and encrypted"
        encrypted = one_number(con, mark) > 0
    locked = f", encryption_config {_FOOTER}" if encrypted else ""
    how = f"format parquet, compression zstd, row_group_size 122880{locked}"
    return one_number(con, f"copy ({query}) to {literal(str(target))} ({how})")


def rows_of_files(settings: Settings, files: Mapping[str, Path]) -> dict[str, int]:
    """Rows of each of some Parquet files, from their footers."""
    if not any(map(is_encrypted, files.values())):
        return {name: int(pq.read_metadata(file).num_rows) for name, file in files.items()}
    with open_reader(settings) as con:
        return {name: one_number(con, f"select count(*) from {rows_in(file)}") for name, file in files.items()}


@contextmanager
def at_most(con: DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Break off what a connection does after so many seconds: it raises duckdb.InterruptException."""
    timer = threading.Timer(seconds, con.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def one_number(con: DuckDBPyConnection, query: str) -> int:
    """The one number that a query gives; 0 for NULL and for no row."""
    row = con.execute(query).fetchone()
    return int(row[0]) if row and row[0] else 0


def records(con: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The rows of a query by column name; for results that a person reads, not for tables."""
    result = con.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def clear_scratch(settings: Settings) -> None:
    """Remove what killed runs left in scratch, if nobody works there (their folder is older than a day)."""
    oldest = time.time() - 86_400
    for folder in settings.scratch.glob("*"):
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)
