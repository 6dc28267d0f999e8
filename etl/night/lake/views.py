"""The rows of a state as SQL, and the views that mapping reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm.namespaces import Namespace
from etl.engine import define_zone, one_number, parquet, rows_in
from etl.mapping.language.landed import landed_columns_sql, namespace_of, numbers_its_rows, person_columns
from etl.mapping.language.mapping import HospitalMapping
from etl.night.lake.folds import Fold
from etl.night.lake.layers import Layer, chain, read_layer
from etl.night.lake.names import FILE_BITS, ROW_BITS
from etl.night.lake.state import DEAD, ENTITIES, TOUCHED, State
from etl.sql import literal, quote


def rows_sql(mapping: HospitalMapping, source: str, layer: Layer) -> list[str]:
    """SQL of the landed rows of a source in one layer, one query per file; `_row` numbers them over all layers."""
    declared = mapping.sources[source]
    columns = ", ".join(map(quote, landed_columns_sql(declared)))
    row = "_row" if numbers_its_rows(declared) else "file_row_number"
    return [
        f"select ({(layer.number << FILE_BITS | i) << ROW_BITS}::bigint + {row}) as _row, {columns} "
        f"from {parquet(file)}"
        for i, file in enumerate(sorted((layer.folder / source).glob("*.parquet")))
    ]


def empty_sql(mapping: HospitalMapping, source: str) -> str:
    """SQL of the source without rows."""
    columns = landed_columns_sql(mapping.sources[source])
    return f"select 0::bigint as _row, {', '.join(f'null::{t} as {quote(c)}' for c, t in columns.items())} where false"


def chain_sql(mapping: HospitalMapping, source: str, layers: Sequence[Layer], fold: Fold | None) -> str:
    """SQL of the rows of a source in layers of its chain; of folded ones (all or none) the rows that counted then."""
    columns = ", ".join(map(quote, landed_columns_sql(mapping.sources[source])))
    folded = fold.holds(layers) if fold else 0
    parts = [f"select _row, {columns} from {rows_in(fold.file(source))}"] if fold and folded else []
    parts += [part for layer in layers[folded:] for part in rows_sql(mapping, source, layer)]
    return " union all ".join(parts) or empty_sql(mapping, source)


def all_rows(mapping: HospitalMapping, source: str, state: State) -> str:
    """SQL of every row of a source in its chain, replaced ones included unless they were folded away."""
    return chain_sql(mapping, source, chain(mapping, source, state.layers), state.fold)


def alive_rows(mapping: HospitalMapping, source: str, state: State) -> str:
    """SQL of the rows that count today: the newest version of each key."""
    rows = all_rows(mapping, source, state)
    if mapping.delivers(source) == "full":
        return rows
    dead = f"select _row from {rows_in(state.file(DEAD))} where source = {literal(source)}"
    return f"select * from ({rows}) where _row not in ({dead})"


def registering(mapping: HospitalMapping, namespace: Namespace) -> list[tuple[str, str]]:
    """Sources and landed columns whose values are members of a namespace."""
    return [
        (name, column if namespace == "person" else f"{column}__id")
        for name, source in mapping.sources.items()
        for column, declared in source.declared.items()
        if declared.registers and namespace_of(declared) == namespace
    ]


def create_merged(con: DuckDBPyConnection, mapping: HospitalMapping, state: State, name: str = "merged") -> bool:
    """Make the table `name`(person, into): record numbers that were given up and whose they are now."""
    parts = [
        f"select {quote(s.merges.from_)} as person, {quote(s.merges.into)} as goes "
        f"from ({alive_rows(mapping, n, state)})"
        for n, s in mapping.sources.items()
        if s.merges
    ]
    pairs = " union all ".join(parts) or "select null::bigint as person, null::bigint as goes where false"
    con.execute(f"""
      create or replace table {name} as
      with recursive pair as (
        select person, arg_max(goes, goes) as goes from ({pairs}) where person > 0 and goes > 0 and person <> goes
        group by person
      ),
      follow(person, reached, steps) as (
        select person, goes, 1 from pair
        union all
        select f.person, p.goes, f.steps + 1 from follow f join pair p on p.person = f.reached
        where p.goes <> f.person and f.steps < 100
      )
      select person, arg_max(reached, steps) as "into" from follow group by person
    """)
    return one_number(con, f"select count(*) from {name}") > 0


def with_merged(mapping: HospitalMapping, source: str, rows: str, merged: str = "merged") -> str:
    """SQL of `rows` with the ids of patients whose records were merged replaced; `_given_up` tells which rows."""
    columns = person_columns(mapping.sources[source])
    if not columns or mapping.sources[source].merges:
        return f"select *, false as _given_up from ({rows})"
    joins = " ".join(f"left join {merged} m{i} on m{i}.person = r.{quote(c)}" for i, c in enumerate(columns))
    replaced = ", ".join(f'coalesce(m{i}."into", r.{quote(c)}) as {quote(c)}' for i, c in enumerate(columns))
    given_up = " or ".join(f'm{i}."into" is not null' for i in range(len(columns)))
    return f"select r.* replace ({replaced}), {given_up} as _given_up from ({rows}) r {joins}"


def create_delivered(con: DuckDBPyConnection, mapping: HospitalMapping, layer: Layer) -> None:
    """Make the views `landed.<source>` of what one delivery brought; empty where no file came."""
    define_zone(con, mapping.hospital.time_zone)
    con.execute("create schema if not exists landed")
    for name in mapping.sources:
        query = " union all ".join(rows_sql(mapping, name, layer)) or empty_sql(mapping, name)
        con.execute(f"create or replace view landed.{quote(name)} as {query}")


def create_empty(con: DuckDBPyConnection, mapping: HospitalMapping) -> None:
    """Make the views that mapping reads of a hospital that never delivered anything."""
    define_zone(con, mapping.hospital.time_zone)
    con.execute("create schema if not exists landed; create schema if not exists touched")
    con.execute("create or replace table entity (namespace varchar, id bigint)")
    for name in mapping.sources:
        rows = f"select *, false as _given_up from ({empty_sql(mapping, name)})"
        con.execute(f"create or replace view landed.{quote(name)} as {rows}")
        con.execute(f"create or replace view touched.{quote(name)} as {rows}")


def create_landed(con: DuckDBPyConnection, mapping: HospitalMapping, state: State) -> None:
    """Make the views `landed.<source>`: all rows that count today, under today's ids."""
    define_zone(con, mapping.hospital.time_zone)
    con.execute("create schema if not exists landed")
    merged = create_merged(con, mapping, state)
    for name in mapping.sources:
        rows = alive_rows(mapping, name, state)
        rows = with_merged(mapping, name, rows) if merged else f"select *, false as _given_up from ({rows})"
        con.execute(f"create or replace view landed.{quote(name)} as {rows}")


def create_alone(con: DuckDBPyConnection, mapping: HospitalMapping, landed: Path) -> None:
    """Make the views that mapping reads of one whole delivery that landed in a folder, as if it were the first."""
    layer = read_layer(landed)
    create_whole(con, mapping, State(landed, layer.night, (layer,), None))


def create_whole(con: DuckDBPyConnection, mapping: HospitalMapping, state: State | None) -> None:
    """Make the views that mapping reads, of everybody in a state; empty ones when there is none."""
    create_empty(con, mapping)
    if state is None:
        return
    create_landed(con, mapping, state)
    for name in mapping.sources:
        con.execute(f"create or replace view touched.{quote(name)} as from landed.{quote(name)}")


def create_views(con: DuckDBPyConnection, mapping: HospitalMapping, state: State) -> None:
    """Make what mapping reads: `landed.<source>`, all rows; `touched.<source>`, those of the persons touched.

    A row that names no person counts as touched: nothing tells whose it is.
    """
    create_landed(con, mapping, state)
    con.execute("create schema if not exists touched")
    if not state.whole:
        con.execute(f"create or replace table whom as select person from {rows_in(state.file(TOUCHED))}")
    con.execute(f"create or replace table entity as from {rows_in(state.file(ENTITIES))}")
    for name in mapping.sources:
        persons = person_columns(mapping.sources[name])
        if state.whole or not persons:
            con.execute(f"create or replace view touched.{quote(name)} as from landed.{quote(name)}")
            continue
        of_them = " or ".join(f"({quote(c)} > 0 and {quote(c)} in (from whom))" for c in persons)
        nobody = " and ".join(f"coalesce({quote(c)}, 0) = 0" for c in persons)
        landed = f"landed.{quote(name)}"
        # first which rows, from the persons' columns alone: of the others nothing else is read
        con.execute(
            f"create or replace table touched.{quote(name)} as "
            f"select * from {landed} where _row in (select _row from {landed} where {of_them} or ({nobody}))"
        )
