"""The stage `map`: landed tables to CDM tables, with an account of every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.shapes import shapes, waves
from etl.engine import copy_to, parquet, rows_in
from etl.errors import ConfigError
from etl.mapping.compile.choices import define_choices
from etl.mapping.compile.entry import EntryCompiler
from etl.mapping.compile.inputs import create_inputs
from etl.mapping.compile.lookup import LookupTable, build_lookup
from etl.mapping.compile.relation import source_relation
from etl.mapping.compile.units import create_conversions
from etl.mapping.language.entries import Entry
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.references import relations, targets_of
from etl.night.lake.mapped import Mapped
from etl.night.lake.names import LOOKUPS, QUARANTINE, lookup_file
from etl.night.map import accounts
from etl.night.map.births import create_births, find_first_records
from etl.night.map.references import VISITS, create_persons, create_referred, create_spans
from etl.night.map.stays import DETAIL, VISIT, create_deaths, end_stays
from etl.night.map.tables import rows_query, staged, write_table
from etl.night.map.visits import detail_rows, roll_up, visit_rows
from etl.sql import literal
from etl.store.ledger.records import Accounts
from etl.vocabulary.release import Release

_DAY_DECIDES = ("q:start_in_future", "q:birth_invalid")
PERSON = "person"
DEATH = "death"


def in_order(entries: tuple[Entry, ...]) -> list[dict[int, Entry]]:
    """Entries by their number (position in the mapping), in the waves in which their tables are filled."""
    numbered = dict(enumerate(entries))
    return [{n: e for n, e in numbered.items() if e.target in wave} for wave in waves()]


def _lookups(con: DuckDBPyConnection, mapping: HospitalMapping, entry: Entry) -> dict[str, LookupTable]:
    rows = source_relation(mapping, entry)
    built: dict[str, LookupTable] = {}
    for name, value in entry.said().items():
        if isinstance(value, Lookup):
            result = entry.shape.kinds[name] == "result"
            built[name] = build_lookup(con, mapping, f"{entry.label}.{name}", value, rows, entry.target, result=result)
    return built


def stage_entry(con: DuckDBPyConnection, mapping: HospitalMapping, entry: Entry) -> dict[str, LookupTable]:
    """Make the staged table of one entry (see `compile`) and its look-ups; returns these by field."""
    try:
        lookups = _lookups(con, mapping, entry)
        compiler = EntryCompiler(mapping, entry, lookups, relations(mapping.entries, entry))
        query = compiler.query()
        con.execute(f"create or replace temp table doubled as {compiler.doubled()}")
        con.execute(f"create or replace table {staged(entry)} as {query}")
    except (duckdb.CatalogException, duckdb.BinderException, duckdb.ParserException) as error:
        # said before any row is read, so it quotes the expression and no value
        raise ConfigError(
            f"entry '{entry.label}': {str(error).splitlines()[0]}",
            hint="correct the entry's expressions; functions are listed in docs/mapping-language.md",
        ) from None
    except (duckdb.DataError, duckdb.ProgrammingError) as error:
        # the engine's message may quote a value
        raise ConfigError(
            f"entry '{entry.label}': its SQL fails on this night's data ({type(error).__name__})",
            hint="an expression of the entry cannot take every text: use try_cast or the omop_try_… functions",
        ) from None
    return lookups


def map_sources(
    con: DuckDBPyConnection, mapping: HospitalMapping, release: Release, target: Path,
    progress: Callable[[str], None] | None = None, earlier: Sequence[Mapped] = (), touched: tuple[Path, ...] = (),
) -> Accounts:  # fmt: skip
    """Map the views `landed.…` and `touched.…` to `<table>.parquet`, `quarantine.parquet` and counts in `target`.

    `earlier` are the mapped layers that this one comes on top of, `touched` the files of the persons it holds then.
    Returns the accounts of all layers together.
    """
    create_inputs(con, mapping, release)
    create_conversions(con, mapping)
    define_choices(con, mapping.hospital)
    create_deaths(con, None)
    create_spans(con, None)
    con.execute("create schema if not exists staged")
    targets = targets_of(mapping.entries)
    written: dict[str, Path] = {}
    built: dict[str, LookupTable] = {}
    ordered = dict(zip(waves(), in_order(mapping.entries), strict=True))
    rolled_up = False
    for tables, wave in ordered.items():
        for entry in wave.values():
            lookups = stage_entry(con, mapping, entry)
            built |= {f"{entry.label}.{field}": table for field, table in lookups.items()}
            if progress:
                progress(entry.label)
        other: dict[str, str] = {}
        for table in {VISIT, DETAIL} & set(tables):
            end_stays(con, table, wave, mapping.hospital.visits.open_days)
        if tables == (PERSON,):
            create_births(con, wave.values())
            create_persons(con)
        elif tables == (VISIT,):
            rolled_up = roll_up(con, mapping.hospital.visits, wave)
            other = {VISIT: visit_rows(wave)} if rolled_up else {}
        elif tables == (DETAIL,) and rolled_up:
            other = {DETAIL: detail_rows(ordered[VISIT,], wave, written[VISIT])}
        files = _write_tables(con, wave, target, other)
        create_referred(con, targets, wave, files)
        if VISIT in files and VISITS in targets:
            create_spans(con, files[VISIT])
        written |= files
        if DEATH in files:
            create_deaths(con, files[DEATH])
    if find_first_records(con, mapping.entries):
        write_table(con, PERSON, rows_query(shapes()[PERSON], ordered[PERSON,].items()), target)
    _write_quarantine(con, mapping, target / QUARANTINE)
    _write_due(con, mapping, written, target / "due.parquet")
    _write_lookups(con, built, earlier, target / LOOKUPS)
    accounts.write_counts(con, mapping, dict(enumerate(mapping.entries)), written, target)
    return accounts.totals(con, [*earlier, Mapped(target, touched)], mapping.hospital.small_cell)


def _write_tables(
    con: DuckDBPyConnection, entries: dict[int, Entry], target: Path, other: dict[str, str]
) -> dict[str, Path]:
    """Write every CDM table that some staged row goes to; those in `other` from that SQL of their rows."""
    goes_to = {
        number: {
            t for (t,) in con.execute(f"select distinct _target from {staged(e)} where _status is null").fetchall()
        }
        for number, e in entries.items()
    }
    written: dict[str, Path] = {}
    for table in shapes():
        feeding = {n: entries[n] for n, tables in goes_to.items() if table in tables}
        if feeding or table in other:
            rows = other.get(table) or rows_query(shapes()[table], feeding.items())
            written[table], _ = write_table(con, table, rows, target)
    return written


def _write_quarantine(con: DuckDBPyConnection, mapping: HospitalMapping, file: Path) -> None:
    """Which source row was quarantined by which entry, and why; its values stay in the landed table."""
    parts = [
        f"select {literal(e.from_)} as source, {literal(e.label)} as entry, _row, "
        f"substr(_status, 3) as reason, _person as person from {staged(e)} where _status like 'q:%' and _n = 1"
        for e in mapping.entries
    ]
    empty = (
        "select null::varchar as source, null::varchar as entry, null::bigint as _row, null::varchar as reason, "
        "null::bigint as person where false"
    )
    copy_to(con, " union all ".join(parts) or empty, file)


def _write_due(con: DuckDBPyConnection, mapping: HospitalMapping, written: dict[str, Path], file: Path) -> None:
    """Persons whose rows another day may change: dates in the future, stays and months of death that go on."""
    parts = [
        f"select _person as person from {staged(e)} where _status in ({', '.join(map(literal, _DAY_DECIDES))})"
        for e in mapping.entries
    ]
    parts += [
        f"select _person from {staged(e)} where _status is null and end_open"
        for e in mapping.entries
        if e.shape.lasting
    ]
    if DEATH in written:
        # of a month or a year that goes on the day of the delivery is taken
        parts.append(
            f"select person_id from {parquet(written[DEATH])} "
            "where death_datetime is null and death_date = omop_night()"
        )
    rows = " union ".join(parts) or "select null::bigint as person where false"
    copy_to(con, f"select person from ({rows}) where person > 0", file)


def _write_lookups(
    con: DuckDBPyConnection, built: dict[str, LookupTable], earlier: Sequence[Mapped], folder: Path
) -> None:
    """Write the look-ups that a code master has a say in, with the codes that only earlier nights held."""
    folder.mkdir()
    for name, lookup in built.items():
        if not lookup.dated:
            continue
        file = lookup_file(earlier[-1].folder / LOOKUPS, name) if earlier else None
        query = f"select * from {lookup.table}"
        if file and file.exists():
            same = " and ".join(f"f.k{i} is not distinct from l.k{i}" for i in range(len(lookup.keys)))
            query += (
                f" union all by name select * from {rows_in(file)} f "
                f"where not exists (select 1 from {lookup.table} l where {same})"
            )
        copy_to(con, query, lookup_file(folder, name))
