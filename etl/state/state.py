"""The state of a hospital's sources after a night, and the views that mapping reads.

A state folder holds `state.json`, `dead.parquet(source, _row, reason)` (rows of the layers that a later row or a
deletion has replaced), `touched.parquet(person)` (whom the night touches; all rows of these persons are mapped
again) and `entity.parquet(namespace, id)` (providers, care sites and locations that have a row of their own).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.deidentify.keystore import Namespace
from etl.engine import parquet, rows_in
from etl.land import identifiers
from etl.land.land import FILE_BITS, ROW_BITS, landed_columns_sql
from etl.mapping.expression import literal, quote
from etl.mapping.model import HospitalMapping
from etl.settings import Settings
from etl.state.folds import Fold, read_fold
from etl.state.layers import LAYER, Layer, chain, read_layer

STATE = "state.json"
DEAD = "dead.parquet"
TOUCHED = "touched.parquet"
ENTITIES = "entity.parquet"


@dataclass(frozen=True, slots=True)
class Base:
    """The published state that a night was compared with."""

    run_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class State:
    """What a run maps: its layers, the day it stands for, and (unless `base` is None) only the persons touched.

    The rows of the first layers are read from `fold` where there is one.
    """

    folder: Path
    as_of: date
    layers: tuple[Layer, ...]
    base: Base | None
    fold: Fold | None = None

    @property
    def whole(self) -> bool:
        """Whether everybody is mapped, not only the persons touched."""
        return self.base is None

    @property
    def persons(self) -> int | None:
        """How many persons are touched; None where everybody is mapped."""
        if self.whole:
            return None
        with duckdb.connect() as con:
            row = con.execute(f"select count(*) from {rows_in(self.file(TOUCHED))} where person > 0").fetchone()
        return int(row[0]) if row else 0

    @property
    def digest(self) -> str:
        """Tells this state from one that took its place in the same folder."""
        return hashlib.sha256((self.folder / STATE).read_bytes()).hexdigest()

    def file(self, name: str) -> Path:
        """A file of the state."""
        return self.folder / name


def write_state(
    place: Path, as_of: date, layers: Iterable[Layer], base: Base | None, fold: Fold | None, made_with: str
) -> None:
    """Write `state.json`; `made_with` is the fingerprint of program and mappings."""
    said = {
        "as_of": as_of.isoformat(), "layers": [x.name for x in layers], "made_with": made_with,
        "fold": fold.name if fold else None,
        "base": {"run_id": base.run_id, "digest": base.digest} if base else None,
    }  # fmt: skip
    (place / STATE).write_text(json.dumps(said, indent=1), encoding="utf-8")


def read_state(folder: Path, landed: Path) -> State | None:
    """The state in `folder`, its layers being folders of `landed`; None when a part of it is not there.

    A fold knows its layers, whether or not their folders are still there.
    """
    link = read_link(folder)
    if link is None:
        return None
    said = json.loads((folder / STATE).read_text(encoding="utf-8"))
    fold = read_fold(folder.parent / said["fold"], landed) if said.get("fold") else None
    if said.get("fold") and fold is None:
        return None
    layers = list(fold.layers) if fold else []
    later = [landed / name for name in said["layers"][len(layers) :]]
    if not all((f / LAYER).exists() for f in later):
        return None
    return replace(link, layers=(*layers, *map(read_layer, later)), fold=fold)


def read_link(folder: Path) -> State | None:
    """The state in `folder` without its layers: all that the nights which build on it want to know."""
    if not (folder / STATE).exists():
        return None
    said = json.loads((folder / STATE).read_text(encoding="utf-8"))
    base = Base(**said["base"]) if said["base"] else None
    return State(folder, date.fromisoformat(said["as_of"]), (), base)


def newest_state(settings: Settings, hospital: str) -> State | None:
    """What a hospital has delivered so far, the newest night included whether it was published or not."""
    found = sorted(
        settings.stage_folder("merge", hospital).glob(f"delivery=*/{STATE}"), key=lambda f: f.stat().st_mtime_ns
    )
    return read_state(found[-1].parent, settings.stage_folder("land", hospital)) if found else None


def rows_sql(mapping: HospitalMapping, source: str, layer: Layer) -> list[str]:
    """SQL of the landed rows of a source in one layer, one query per file; `_row` numbers them over all layers."""
    declared = mapping.sources[source]
    columns = ", ".join(map(quote, landed_columns_sql(declared)))
    row = "_row" if identifiers.numbers_its_rows(declared) else "file_row_number"
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


def person_columns(mapping: HospitalMapping, source: str) -> list[str]:
    """Columns of a source that hold ids of persons."""
    return [n for n, c in mapping.sources[source].declared.items() if c.identifier == "person"]


def registering(mapping: HospitalMapping, namespace: Namespace) -> list[tuple[str, str]]:
    """Sources and landed columns whose values are members of a namespace."""
    return [
        (name, column if namespace == "person" else f"{column}__id")
        for name, source in mapping.sources.items()
        for column, declared in source.declared.items()
        if declared.registers and identifiers.namespace_of(declared) == namespace
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
    row = con.execute(f"select count(*) from {name}").fetchone()
    return bool(row and row[0])


def with_merged(mapping: HospitalMapping, source: str, rows: str, merged: str = "merged") -> str:
    """SQL of `rows` with the ids of patients whose records were merged replaced; `_given_up` tells which rows."""
    columns = person_columns(mapping, source)
    if not columns or mapping.sources[source].merges:
        return f"select *, false as _given_up from ({rows})"
    joins = " ".join(f"left join {merged} m{i} on m{i}.person = r.{quote(c)}" for i, c in enumerate(columns))
    replaced = ", ".join(f'coalesce(m{i}."into", r.{quote(c)}) as {quote(c)}' for i, c in enumerate(columns))
    given_up = " or ".join(f'm{i}."into" is not null' for i in range(len(columns)))
    return f"select r.* replace ({replaced}), {given_up} as _given_up from ({rows}) r {joins}"


def create_delivered(con: DuckDBPyConnection, mapping: HospitalMapping, layer: Layer) -> None:
    """Make the views `landed.<source>` of what one delivery brought; empty where no file came."""
    con.execute("create schema if not exists landed")
    for name in mapping.sources:
        query = " union all ".join(rows_sql(mapping, name, layer)) or empty_sql(mapping, name)
        con.execute(f"create or replace view landed.{quote(name)} as {query}")


def create_empty(con: DuckDBPyConnection, mapping: HospitalMapping) -> None:
    """Make the views that mapping reads of a hospital that never delivered anything."""
    con.execute("create schema if not exists landed; create schema if not exists touched")
    con.execute("create or replace table entity (namespace varchar, id bigint)")
    for name in mapping.sources:
        rows = f"select *, false as _given_up from ({empty_sql(mapping, name)})"
        con.execute(f"create or replace view landed.{quote(name)} as {rows}")
        con.execute(f"create or replace view touched.{quote(name)} as {rows}")


def create_landed(con: DuckDBPyConnection, mapping: HospitalMapping, state: State) -> None:
    """Make the views `landed.<source>`: all rows that count today, under today's ids."""
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
        persons = person_columns(mapping, name)
        if state.whole or not persons:
            con.execute(f"create or replace view touched.{quote(name)} as from landed.{quote(name)}")
            continue
        of_them = " or ".join(f"coalesce({quote(c)}, 0) in (from whom)" for c in persons)
        landed = f"landed.{quote(name)}"
        # first which rows, from the persons' columns alone: of the others nothing else is read
        con.execute(
            f"create or replace table touched.{quote(name)} as "
            f"select * from {landed} where _row in (select _row from {landed} where {of_them})"
        )
