"""Loads a hospital's candidate into tables that stand alone: nobody sees them before they are swapped in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from psycopg import Connection
from sqlalchemy.engine import URL

from etl.cdm.spec import Table, hospital_tables
from etl.sql import literal, quote
from etl.store.postgres.connect import connect
from etl.store.warehouse.postgres.bulk import open_bulk
from etl.store.warehouse.postgres.ddl import (
    PARTS,
    foreign_keys,
    indexes_of,
    key_of,
    primary_key,
    qualified,
    range_of,
    statistics_clause,
)
from etl.store.warehouse.protocol import Publication

Tell = Callable[[str], None]
_MEMORY = "256MB"  # of the server, while it builds an index
#: Indexes of a table on an expression, which is the person's id; the server would keep statistics of it.
_EXPRESSIONS = "select indexrelid::regclass::text from pg_index where indrelid = %s::regclass and indexprs is not null"


def create_part(con: Connection, table: Table, name: str, number: int | None = None) -> None:
    """An empty table like the parent in `cdm_part`; with the hospital's number it holds rows of its range only."""
    con.execute(f"create table {PARTS}.{name} (like {qualified(table)} including defaults)")
    if number is not None:
        key, (first, beyond) = key_of(table), range_of(table, number)
        con.execute(  # what a partition must keep, so that attaching it need not look at its rows
            f"alter table {PARTS}.{name} add constraint hospital "
            f"check ({key} is not null and {key} >= {first} and {key} < {beyond})"
        )
        if fewer := statistics_clause(table):  # a table of staff and places has no column that names a patient
            con.execute(f"alter table {PARTS}.{name} {fewer}")


def load_parts(url: URL, parts: Mapping[str, str], publication: Publication, tell: Tell) -> dict[str, int]:
    """Make a hospital's partitions, load them from the candidate's files, index and check them; returns their rows.

    While one table is copied the server indexes the one before.
    """
    files, number = publication.files, publication.number
    rows: dict[str, int] = {}
    largest_first = sorted(parts, key=lambda name: -(files[name].stat().st_size if name in files else 0))
    with connect(url) as con:
        for name, part in parts.items():
            create_part(con, hospital_tables()[name], part, number)
    indexing: list[Future[None]] = []
    with open_bulk(url, publication.unlock) as bulk, ThreadPoolExecutor(1) as worker:
        for name in largest_first:
            tell(f"loading {name}")
            table = hospital_tables()[name]
            rows[name] = bulk.copy(table, parts[name], files[name]) if name in files else 0
            indexing.append(worker.submit(_index, url, table, parts[name]))
        for each in indexing:
            each.result()
    tell("loaded and indexed")
    _add_foreign_keys(url, parts, largest_first)
    tell("checked against keys")
    return rows


def _index(url: URL, table: Table, name: str) -> None:
    with connect(url) as con:
        con.execute(f"set maintenance_work_mem = {literal(_MEMORY)}")
        if key := primary_key(table):
            con.execute(f"alter table {PARTS}.{name} add primary key ({key})")
        for index in indexes_of(table.name):
            con.execute(index.create(f"{PARTS}.{name}"))
        for (owners,) in con.execute(_EXPRESSIONS, [f"{PARTS}.{name}"]).fetchall():
            con.execute(f"alter index {owners} alter column 1 set statistics 0")
        con.execute(f"analyze {PARTS}.{name}")


def _add_foreign_keys(url: URL, parts: Mapping[str, str], largest_first: list[str]) -> None:
    """First as promises, which takes a moment and locks out no reader, then proved without locking out writers."""
    places = {table: f"{PARTS}.{part}" for table, part in parts.items()}
    keys = {name: foreign_keys(hospital_tables()[name], places) for name in largest_first}
    with connect(url) as con:
        for name, said in keys.items():
            added = ", ".join(f"add constraint {quote(key)} {text} not valid" for key, text in said.items())
            if added:
                con.execute(f"alter table {places[name]} {added}")
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda name: _prove(url, places[name], list(keys[name])), largest_first))


def _prove(url: URL, place: str, keys: list[str]) -> None:
    with connect(url) as con:
        con.execute(f"set work_mem = {literal(_MEMORY)}")
        for key in keys:
            con.execute(f"alter table {place} validate constraint {quote(key)}")
