"""The stage `merge`: adds a landed delivery to the hospital's state and finds out whom it touches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.engine import copy_to, define_night, rows_in
from etl.errors import ConfigError
from etl.land.land import FILE_BITS, ROW_BITS, landed_columns_sql
from etl.ledger import Accounts
from etl.mapping.expression import literal, quote, render
from etl.mapping.model import HospitalMapping, deletions_of
from etl.run import Progress, Run
from etl.state.changes import count_touched, find_touched, persons_of
from etl.state.folds import Fold, read_folds
from etl.state.layers import LAYER, Layer, chain, in_order, read_layer
from etl.state.published import Published
from etl.state.state import (
    DEAD,
    ENTITIES,
    STATE,
    TOUCHED,
    Base,
    State,
    alive_rows,
    chain_sql,
    empty_sql,
    registering,
    rows_sql,
    write_state,
)

SUPERSEDED = "superseded"
DELETED = "deleted"
EARLIER = "(earlier nights)"
_TOO_MANY = 0.4  # share of the persons above which mapping everybody costs less than layering


def joined_layers(run: Run) -> list[Layer]:
    """All landed deliveries of the hospital that count, in order: this one and those that passed the source gate."""
    own = read_layer(run.folder("land"))
    if not run.mapping.is_delta:
        return [own]
    merged, landed = run.folder("merge").parent, run.folder("land").parent
    # what counted once is named by a later state or fold, also when its own folder was removed
    found = {x.name: x for fold in read_folds(merged, landed) for x in fold.layers}
    states = list(merged.glob(f"delivery=*/{STATE}"))
    named = {n for f in states for n in (f.parent.name, *json.loads(f.read_text(encoding="utf-8"))["layers"])}
    found |= {n: read_layer(landed / n) for n in named - found.keys() if (landed / n / LAYER).exists()}
    # an older delivery of a night does not come back by being looked at again
    return in_order([*(found | {own.name: own}).values()])


def check_key_store(mapping: HospitalMapping, layers: Sequence[Layer]) -> None:
    """Raise ConfigError when layers that count got their ids from several key stores: they name other persons."""
    used = {x.keys for name in mapping.sources for x in chain(mapping, name, layers)}
    if len(used) > 1:
        raise ConfigError(
            "the key store is not the one that earlier nights got their ids from",
            hint="restore it, or deliver a whole night (with a file _FULL): every patient then gets a new id",
        )


def brings_changes(run: Run) -> bool:
    """Whether a landed delivery changes what came before, rather than being all there is."""
    return run.mapping.is_delta and len(joined_layers(run)) > 1 and not read_layer(run.folder("land")).whole


def merge(
    con: DuckDBPyConnection, run: Run, layers: list[Layer], published: Published | None, place: Path,
    progress: Progress | None = None, *, fold: Fold | None = None, known: State | None = None,
) -> Accounts:  # fmt: skip
    """Write the state of the hospital with this delivery into the folder `place` (see `etl.state.state`).

    `fold` holds the rows of the first layers, `known` is a state of some of them. Only persons touched since
    `published` are to be mapped, unless it is None or they are so many that it does not pay.
    """
    mapping = run.mapping
    check_key_store(mapping, layers)
    as_of = max(x.night for x in layers)
    define_night(con, as_of)
    base = Base(published.run_id, published.state.digest) if published else None
    state = State(place, as_of, tuple(layers), base, fold)
    find_dead(con, mapping, layers, known, fold)
    write_dead(con, place)
    write_entities(con, mapping, state)
    if published:
        find_touched(con, mapping, run.release, published.state, state, published.mapped)
        persons, about = count_touched(con), persons_of(published.mapped)
        copy_to(con, "select distinct person from found", place / TOUCHED)
        if persons > _TOO_MANY * about:
            state = replace(state, base=None)
        if progress:
            progress(f"{persons:,} of about {about:,} persons" + (": everybody is mapped" if state.whole else ""))
    write_state(place, as_of, layers, state.base, fold, run.fingerprint)
    return state_accounts(con, mapping, state, read_layer(run.folder("land")))


def find_dead(
    con: DuckDBPyConnection, mapping: HospitalMapping, layers: Sequence[Layer], before: State | None,
    fold: Fold | None = None,
) -> None:  # fmt: skip
    """Make the table `dead(source, _row, reason)` for all sources that come as changes, but for rows folded away.

    When the night only adds a layer to what `before` had, the work is in proportion to that layer.
    """
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
      insert into dead select {label}, _row, case when gone then '{DELETED}' else '{SUPERSEDED}' end
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
      select {label}, o._row, case when r.gone then '{DELETED}' else '{SUPERSEDED}' end
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


def write_entities(con: DuckDBPyConnection, mapping: HospitalMapping, state: State) -> None:
    """Write `entity.parquet`: who of providers, care sites and locations has a row of its own."""
    parts = [
        f"select '{namespace}' as namespace, {quote(column)} as id from ({alive_rows(mapping, name, state)})"
        for namespace in ("provider", "care_site", "location")
        for name, column in registering(mapping, namespace)
    ]
    rows = " union ".join(parts) or "select null::varchar as namespace, null::bigint as id where false"
    copy_to(con, f"select * from ({rows}) where id > 0 order by all", state.file(ENTITIES))


def state_accounts(con: DuckDBPyConnection, mapping: HospitalMapping, state: State, own: Layer) -> Accounts:
    """Rows of earlier nights that the state still holds, and those that were replaced since, by source."""
    held: Counter[str] = Counter()
    replaced: Counter[tuple[str, str]] = Counter()
    for name in mapping.sources:
        layers = chain(mapping, name, state.layers)
        folded = state.fold.holds(layers) if state.fold else 0
        if state.fold and folded:
            came = state.fold.rows.get(name, {})
            held[name] += sum(came.get(x.number, 0) for x in layers[:folded] if x.name != own.name)
            replaced.update({(name, reason): n for reason, n in state.fold.left_out.get(name, {}).items()})
        earlier = [part for x in layers[folded:] if x.name != own.name for part in rows_sql(mapping, name, x)]
        held[name] += _count(con, " union all ".join(earlier)) if earlier else 0
        late = rows_sql(mapping, name, own) if own.name not in {x.name for x in layers} else []
        if late:  # a whole night has overtaken this one
            replaced[name, SUPERSEDED] += _count(con, " union all ".join(late))
    for name, reason, rows in con.execute("select source, reason, count(*) from dead group by all").fetchall():
        replaced[name, reason] += rows
    return Accounts(
        files=[{"source": s, "file": EARLIER, "bytes": 0, "rows": n} for s, n in held.items() if n],
        source=[
            {"source": s, "outcome": "filtered", "reason": reason, "rows": n}
            for (s, reason), n in replaced.items()
            if n
        ],
    )


def _count(con: DuckDBPyConnection, query: str) -> int:
    row = con.execute(f"select count(*) from ({query})").fetchone()
    return int(row[0]) if row else 0
