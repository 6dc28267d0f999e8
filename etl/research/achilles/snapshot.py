"""Copies what the analyses read out of the published warehouse, all of one moment, so that nobody waits for them.

Only the fields that an analysis names are copied: no text of a hospital, no note.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.at_rest import writes_encrypted
from etl.cdm.spec import tables
from etl.engine import load_cipher
from etl.research.achilles.analyses import fields_read
from etl.settings import Settings
from etl.sql import literal, quote
from etl.store.warehouse.protocol import Night, Warehouse

COPY = "copy"  # what the copy is attached as
#: Its schemas: rows of all hospitals, and of the vocabulary the concepts that they have, with those above.
ROWS, VOCABULARY = f"{COPY}.everybody", f"{COPY}.vocabulary"


@dataclass(frozen=True, slots=True)
class Source:
    """A hospital as it is published."""

    hospital: str
    number: int
    night: date | None
    run_id: str
    step: int


def published_sources(warehouse: Warehouse) -> list[Source]:
    """What is published of every hospital, by number."""
    with warehouse.reader() as con:
        rows = con.execute("select hospital, hospital_number from hospital").fetchall()
    nights = {(hospital, number): warehouse.published(hospital) for hospital, number in rows if number is not None}
    found = [_source(hospital, number, night) for (hospital, number), night in nights.items() if night]
    return sorted(found, key=lambda each: each.number)


def _source(hospital: str, number: int, night: Night) -> Source:
    return Source(hospital, number, night.night, night.run_id, night.step)


def take(warehouse: Warehouse, file: Path, lock: str, tell: Callable[[str], None]) -> None:
    """Copy the rows, and the concepts that they have, into a new DuckDB file; `lock` as in `attach`."""
    read, words = fields_read()
    with warehouse.reader() as con:
        con.execute("set enable_progress_bar = false")
        attach(con, file, lock)
        con.execute("begin")
        con.execute(f"create schema {ROWS}")
        for name in sorted(read):
            tell(name)
            owner = tables()[name].owner or ""
            kept = [c for c in tables()[name].columns if c in words or c in owner]
            columns = ", ".join(map(quote, kept))
            con.execute(f"create table {ROWS}.{name} as select {columns} from {quote(name)}")
        tell("vocabulary")
        _take_concepts(con)
        con.execute("commit")
        con.execute(f"detach {COPY}")


def lock_of(settings: Settings) -> str:
    """How a copy is locked that is read once: under a key that nobody has had before, where homes are encrypted."""
    return f"encryption_key {literal(secrets.token_hex(32))}" if writes_encrypted(settings) else ""


def attach(con: DuckDBPyConnection, file: Path, lock: str, *, read_only: bool = False) -> None:
    """Attach a copy as `COPY`; `lock` is what `lock_of` gave for it."""
    if lock:
        load_cipher(con)
    options = ", ".join(filter(None, (lock, "read_only" if read_only else "")))
    con.execute(f"attach {literal(str(file))} as {COPY}{f' ({options})' if options else ''}")


def _take_concepts(con: DuckDBPyConnection) -> None:
    """The concepts that rows have, those above them, and how they lie over each other."""
    place = VOCABULARY
    con.execute(f"create schema {place}")
    con.execute(f"create table {place}.used as select distinct concept_id from ({' union all '.join(_concepts(con))})")
    con.execute(
        f"insert into {place}.used select distinct ancestor_concept_id from concept_ancestor "
        f"semi join {place}.used u on u.concept_id = descendant_concept_id anti join {place}.used a "
        "on a.concept_id = ancestor_concept_id"
    )
    con.execute(f"create table {place}.concept as from concept semi join {place}.used using (concept_id)")
    con.execute(
        f"create table {place}.concept_ancestor as from concept_ancestor "
        f"semi join {place}.used u on u.concept_id = descendant_concept_id"
    )
    con.execute(f"create table {place}.vocabulary as from vocabulary")


def _concepts(con: DuckDBPyConnection) -> list[str]:
    """SQL per copied field that holds concepts."""
    rows = con.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name || '.' || schema_name = ? and column_name like '%concept_id'", [ROWS],
    ).fetchall()  # fmt: skip
    return [f"select distinct {quote(field)}::bigint as concept_id from {ROWS}.{quote(table)}" for table, field in rows]
