"""The rows of what is published as they lie in the lake: in columns, which a server would have to send row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from etl.cdm.spec import empty, tables, vocabulary_tables
from etl.engine import rows_in, unlock
from etl.errors import EtlError
from etl.night.lake.published import Published as Night
from etl.night.lake.published import chain_at
from etl.night.remember import release_of, run_file
from etl.quality.lineage.places import tables_of
from etl.settings import Settings
from etl.sql import literal, quote
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.protocol import Warehouse
from etl.vocabulary.release import Release, release_named


@dataclass(frozen=True, slots=True)
class Lake:
    """All nights that the warehouse holds, with what each builds on, and the release they were mapped with."""

    nights: Sequence[Night]
    release: Release


def read_from_lake(settings: Settings, warehouse: Warehouse, con: DuckDBPyConnection) -> bool:
    """Let the plain names of a reader of a server mean the rows in the lake, where all that is published lies there.

    It does not where a hospital publishes from elsewhere, where files of a night are gone, or where one was mapped
    with another release than the warehouse's, nor for a login that is not the pipeline's and sees what it is cleared
    for: then the server is read. An embedded warehouse is files already.
    """
    if settings.warehouse.get_backend_name() != "postgresql":
        return False
    lake = _lake_of(settings, warehouse, con)
    if lake is None:
        return False
    unlock(con, settings)
    con.execute(f"set memory_limit = {literal(settings.memory)}")
    con.execute(f"set temp_directory = {literal(str(settings.scratch / 'battery'))}")
    far = con.execute("select current_database(), current_schema()").fetchone() or ()
    con.execute("create schema memory.lake; use memory.lake")
    parts: dict[str, list[str]] = {}
    for night in lake.nights:
        for name, rows in tables_of(night).items():
            parts.setdefault(name, []).append(_columns(name, rows))
    create_cdm(con, {name: " union all ".join(each) for name, each in parts.items()}, lake.release)
    for name, table in tables().items():
        if table.owner is None and table.schema == "cdm":  # the consortium's
            con.execute(f"create or replace view {name} as from {'.'.join(map(quote, far))}.{name}")
    return True


def _lake_of(settings: Settings, warehouse: Warehouse, con: DuckDBPyConnection) -> Lake | None:
    try:
        release = release_named(settings, warehouse.vocabulary() or "")  # only the pipeline's login may ask
        ledger = Ledger(settings.ledger_url)
    except EtlError:
        return None
    nights = []
    for (hospital,) in con.execute("select hospital from hospital").fetchall():
        last, held = ledger.last_published(hospital), warehouse.published(hospital)
        is_held = last is not None and held is not None and held.run_id == last["run_id"]
        night = night_of(settings, hospital, last["run_id"], release) if last and is_held else None
        if night is None:
            return None
        nights.append(night)
    return Lake(nights, release)


def night_of(settings: Settings, hospital: str, run_id: str, release: Release) -> Night | None:
    """A run's night in the lake, if all of it is there and it was mapped with this release."""
    file = run_file(settings, run_id)
    if not file.exists() or release_of(file) != release.name:
        return None
    return chain_at(settings, hospital, run_id)


def create_cdm(
    con: DuckDBPyConnection, rows: Mapping[str, str], release: Release, only: Mapping[str, str] | None = None
) -> None:
    """Make all tables of the CDM in the schema of a connection: views of `rows`, SQL by table, and of the vocabulary.

    A table in `only` is made of the rows that fulfil its condition.
    """
    for name, table in tables().items():
        if name in vocabulary_tables():
            con.execute(f"create view {name} as from {rows_in(release.table(name))}")
        elif name not in rows:
            con.execute(f"create view {name} as {empty(table)}")
        elif only and name in only:
            con.execute(f"create table {name} as from ({_columns(name, rows[name])}) where {only[name]}")
        else:
            con.execute(f"create view {name} as {_columns(name, rows[name])}")


def _columns(name: str, rows: str) -> str:
    """SQL of a table's own columns: in the lake rows say where they come from, too."""
    return f"select {', '.join(map(quote, tables()[name].columns))} from ({rows})"
