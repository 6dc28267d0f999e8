"""The stage `map`: landed tables to CDM tables, with an account of every row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.shapes import shapes
from etl.engine import copy_to, parquet
from etl.errors import ConfigError
from etl.land.land import create_views
from etl.ledger import Accounts
from etl.mapping import accounts
from etl.mapping.compile import EntryCompiler, source_relation
from etl.mapping.lookup import LookupTable, build_lookup, create_maps, create_vocabulary_views
from etl.mapping.masters import create_masters
from etl.mapping.model import Entry, HospitalMapping, Lookup
from etl.mapping.tables import staged, write_table
from etl.vocabulary.release import Release

QUARANTINE = "quarantine.parquet"
_FIRST = ("person", "location", "care_site", "provider", "visit_occurrence")
_NOT_A_NUMBER = "omop_result_number({code}) is null"


def in_order(entries: tuple[Entry, ...]) -> dict[int, Entry]:
    """Entries by their number (position in the mapping), those that others refer to first."""
    numbered = dict(enumerate(entries))
    rank = {table: i for i, table in enumerate(_FIRST)}
    return dict(sorted(numbered.items(), key=lambda item: (rank.get(item[1].target, len(rank)), item[0])))


def _lookups(con: DuckDBPyConnection, mapping: HospitalMapping, entry: Entry) -> dict[str, LookupTable]:
    relation, known = source_relation(mapping, entry)
    built: dict[str, LookupTable] = {}
    for name, value in entry.said().items():
        if isinstance(value, Lookup):
            only = _NOT_A_NUMBER if entry.shape.kinds[name] == "result" else None
            built[name] = build_lookup(
                con, mapping, f"{entry.label}.{name}", value, relation, known, entry.target, only
            )
    return built


def stage_entry(con: DuckDBPyConnection, mapping: HospitalMapping, entry: Entry, *, visits: bool) -> None:
    """Make the staged table of one entry (see `compile`) and its look-ups."""
    try:
        compiler = EntryCompiler(mapping, entry, _lookups(con, mapping, entry), visits=visits)
        con.execute(f"create or replace table {staged(entry)} as {compiler.query()}")
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


def _create_births(con: DuckDBPyConnection, entries: dict[int, Entry]) -> None:
    persons = [e for e in entries.values() if e.target == "person"]
    rows = " union all ".join(
        f"select person, case when _status is null then birth end as birth, _status is null as loaded from {staged(e)} "
        "where person > 0"
        for e in persons
    )
    rows = rows or "select null::bigint as person, null::timestamp as birth, false as loaded where false"
    con.execute(
        "create or replace table person_birth as "
        f"select person, min(birth) as birth, bool_or(loaded) as loaded from ({rows}) group by person"
    )


def _create_visit_keys(con: DuckDBPyConnection, entries: dict[int, Entry], visits: Path) -> None:
    rows = " union all ".join(
        f"select {n}::smallint as _entry, _row, person, key from {staged(e)} where _status is null"
        for n, e in entries.items()
    )
    con.execute(
        f"create or replace table visit_key as select s.person, s.key, min(o.visit_occurrence_id) as visit "
        f"from ({rows}) s join {parquet(visits)} o using (_entry, _row) group by all"
    )


def map_sources(
    con: DuckDBPyConnection, mapping: HospitalMapping, release: Release, landed: Path, target: Path,
    progress: Callable[[str], None] | None = None,
) -> Accounts:  # fmt: skip
    """Map what landed in the folder `landed` into `<table>.parquet` files and `quarantine.parquet` in `target`."""
    create_views(con, mapping, landed)
    create_vocabulary_views(con, release)
    create_maps(con, mapping)
    create_masters(con, mapping)
    con.execute("create schema if not exists staged")
    entries = in_order(mapping.entries)
    visit_entries = {n: e for n, e in entries.items() if e.target == "visit_occurrence"}
    births = visits = False
    for entry in entries.values():
        if entry.target != "person" and not births:
            _create_births(con, entries)
            births = True
        if entry.target not in _FIRST and visit_entries and not visits:
            file, _ = write_table(con, "visit_occurrence", visit_entries, target)
            _create_visit_keys(con, visit_entries, file)
            visits = True
        stage_entry(con, mapping, entry, visits=visits)
        if progress:
            progress(entry.label)
    written = _write_tables(con, entries, target)
    _write_quarantine(con, mapping, target / QUARANTINE)
    return accounts.collect(con, mapping, entries, written)


def _write_tables(con: DuckDBPyConnection, entries: dict[int, Entry], target: Path) -> dict[str, Path]:
    """Write every CDM table that some staged row goes to."""
    goes_to = {
        number: {
            t for (t,) in con.execute(f"select distinct _target from {staged(e)} where _status is null").fetchall()
        }
        for number, e in entries.items()
    }
    written: dict[str, Path] = {}
    for table in shapes():
        feeding = {n: entries[n] for n, tables in goes_to.items() if table in tables}
        if feeding:
            written[table], _ = write_table(con, table, feeding, target)
    return written


def _write_quarantine(con: DuckDBPyConnection, mapping: HospitalMapping, file: Path) -> None:
    """Which source row was quarantined by which entry, and why; its values stay in the landed table."""
    parts = [
        f"select '{e.from_}' as source, '{e.label}' as entry, _row, substr(_status, 3) as reason, _person as person "
        f"from {staged(e)} where _status like 'q:%' and _n = 1"
        for e in mapping.entries
    ]
    empty = (
        "select null::varchar as source, null::varchar as entry, null::bigint as _row, null::varchar as reason, "
        "null::bigint as person where false"
    )
    copy_to(con, " union all ".join(parts) or empty, file)


def _write_due(con: DuckDBPyConnection, mapping: HospitalMapping, written: dict[str, Path], file: Path) -> None:
    """Persons whose rows another day may change: dates in the future, stays that have not ended."""
    parts = [
        f"select _person as person from {staged(e)} where _status in ({', '.join(map(literal, _DAY_DECIDES))})"
        for e in mapping.entries
    ]
    parts += [
        f"select person_id from {parquet(written[table])} where {column} = {STILL_THERE}"
        for table, column in _STAYS.items()
        if table in written
    ]
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
        file = lookup_file(earlier[-1].folder / "lookup", name) if earlier else None
        query = f"select * from {lookup.table}"
        if file and file.exists():
            keys = ", ".join(f"k{i}" for i in range(len(lookup.keys)))
            query += (
                f" union all by name select * from {parquet(file)} f where ({keys}) not in "
                f"(select ({keys}) from {lookup.table})"
            )
        copy_to(con, query, lookup_file(folder, name))
