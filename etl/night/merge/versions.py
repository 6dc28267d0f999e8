"""Which of several rows with one key counts: the newest version; what it replaces or deletes is dead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.engine import copy_to, define_zone, rows_in
from etl.mapping.expression import render
from etl.mapping.language.contract import deletions_of
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.language.mapping import HospitalMapping
from etl.night.lake.folds import Fold
from etl.night.lake.layers import Layer, chain
from etl.night.lake.names import FILE_BITS, ROW_BITS
from etl.night.lake.state import DEAD, State
from etl.night.lake.views import chain_sql, empty_sql, rows_sql
from etl.sql import literal, quote

SUPERSEDED = "superseded"
DELETED = "deleted"


def find_dead(
    con: DuckDBPyConnection, mapping: HospitalMapping, layers: Sequence[Layer], before: State | None,
    fold: Fold | None = None,
) -> None:  # fmt: skip
    """Make the table `dead(source, _row, reason)` for all sources that come as changes, but for rows folded away.

    When the night only adds a layer to what `before` had, the work is in proportion to that layer.
    """
    define_zone(con, mapping.hospital.time_zone)
    con.execute("create or replace table dead (source varchar, _row bigint, reason varchar)")
    for name in mapping.sources:
        if mapping.delivers(name) == "full":
            continue
        now = chain(mapping, name, layers)
        folded = fold.holds(now) if fold else 0
        known = _known(mapping, name, now, before) if before and _folds_no_more(before, fold) else 0
        if before and known > folded:
            con.execute(f"insert into dead select * from {rows_in(before.file(DEAD))} where source = {literal(name)}")
            if fold and folded and (before.fold is None or before.fold.name != fold.name):
                _forget_folded(con, name, fold)
        for position in range(max(known, folded), len(now)):
            _add(con, mapping, name, chain_sql(mapping, name, now[:position], fold), now[position])


def _known(mapping: HospitalMapping, name: str, now: Sequence[Layer], before: State) -> int:
    """How many layers of a source's chain are those of the state `before`, which had no others."""
    was = chain(mapping, name, before.layers)
    return len(was) if [x.name for x in now[: len(was)]] == [x.name for x in was] else 0


def _folds_no_more(state: State, fold: Fold | None) -> bool:
    """Whether a state tells of all rows that `fold` holds: what had been folded away for it, it does not know."""
    return state.fold is None or (fold is not None and len(state.fold.layers) <= len(fold.layers))


def _forget_folded(con: DuckDBPyConnection, name: str, fold: Fold) -> None:
    """Take out of `dead` the rows of a source that a fold has left out."""
    numbers = ", ".join(str(n) for n in sorted(fold.numbers))
    con.execute(
        f"delete from dead where source = {literal(name)} and (_row >> {FILE_BITS + ROW_BITS}) in ({numbers}) "
        f"and _row not in (select _row from {rows_in(fold.file(name))})"
    )


def _add(con: DuckDBPyConnection, mapping: HospitalMapping, name: str, older: str, layer: Layer) -> None:
    """Add the dead rows that come with one layer: its own that do not count, and those of `older` (SQL) it replaces."""
    source = mapping.sources[name]
    known = landed_columns_sql(source)
    keys = [_key(mapping, name, c) for c in source.key]
    full = " and ".join(f"{k} is not null" for k in keys)
    grouped = ", ".join(keys)
    deleted = f"coalesce({render(source.deleted, known)}, false)" if source.deleted else "false"
    version = f"{render(source.version, known)} desc nulls last, " if source.version else ""
    rows = " union all ".join(rows_sql(mapping, name, layer)) or empty_sql(mapping, name)
    con.execute(f"""
      create or replace temp table version as
      select {", ".join(f"{k} as k{i}" for i, k in enumerate(keys))}, _row, {deleted} as gone, {full} as keyed,
        not ({full}) or row_number() over (partition by {grouped} order by {version}_row desc) = 1 as newest
      from ({rows})
    """)
    label = literal(name)
    con.execute(f"""
      insert into dead select {label}, _row, case when gone then {literal(DELETED)} else {literal(SUPERSEDED)} end
      from version where gone or not newest
    """)
    con.execute("create or replace temp table replaced as select * exclude (_row, gone, keyed, newest), "
                "bool_or(gone and newest) as gone from version where keyed group by all")  # fmt: skip
    columns = ", ".join(f"k{i}" for i in range(len(keys)))
    gone = deletions_of(name)
    if gone in mapping.sources:
        listed = " union all ".join(rows_sql(mapping, gone, layer)) or empty_sql(mapping, gone)
        named = ", ".join(f"{_key(mapping, gone, c)} as k{i}" for i, c in enumerate(source.key))
        given = " and ".join(f"v.k{i} = {_key(mapping, gone, c)}" for i, c in enumerate(source.key))
        con.execute(
            f"insert into replaced select distinct {named}, true from ({listed}) d "
            f"where not exists (select 1 from version v where {given})"
        )
    picked = ", ".join(f"{k} as k{i}" for i, k in enumerate(keys))
    con.execute(f"""
      insert into dead
      select {label}, o._row, case when r.gone then {literal(DELETED)} else {literal(SUPERSEDED)} end
      from (select _row, {picked} from ({older})) o join replaced r using ({columns})
      where o._row not in (select _row from dead where source = {label})
    """)


def _key(mapping: HospitalMapping, source: str, column: str) -> str:
    """A key column as text; one that names an entity and does not land itself is there as its id."""
    landed = column if column in landed_columns_sql(mapping.sources[source]) else f"{column}__id"
    return f"omop_blank({quote(landed)}::varchar)"


def write_dead(con: DuckDBPyConnection, place: Path) -> None:
    """Write `dead.parquet`."""
    copy_to(con, "select * from dead order by source, _row", place / DEAD)
