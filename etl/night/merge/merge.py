"""The stage `merge`: adds a landed delivery to the hospital's state and finds out whom it touches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.engine import copy_to, define_night, one_number
from etl.errors import ConfigError
from etl.mapping.language.mapping import HospitalMapping
from etl.night.lake.folds import Fold
from etl.night.lake.layers import Layer, chain, read_layer
from etl.night.lake.published import Published
from etl.night.lake.state import ENTITIES, TOUCHED, Base, State, write_state
from etl.night.lake.views import alive_rows, registering, rows_sql
from etl.night.merge.touched import count_touched, find_touched, persons_of
from etl.night.merge.versions import SUPERSEDED, find_dead, write_dead
from etl.night.run import Progress, Run
from etl.sql import literal, quote
from etl.store.ledger.records import Accounts

EARLIER = "(earlier nights)"
_TOO_MANY = 0.4  # share of the persons above which mapping everybody costs less than layering


def check_key_store(mapping: HospitalMapping, layers: Sequence[Layer]) -> None:
    """Raise ConfigError when layers that count got their ids from several key stores: they name other persons."""
    used = {x.keys for name in mapping.sources for x in chain(mapping, name, layers)}
    if len(used) > 1:
        raise ConfigError(
            "the key store is not the one that earlier nights got their ids from",
            hint="restore it, or deliver a whole night (with a file _FULL): every patient then gets a new id",
        )


def merge(
    con: DuckDBPyConnection, run: Run, layers: list[Layer], published: Published | None, place: Path,
    progress: Progress | None = None, *, fold: Fold | None = None, known: State | None = None,
) -> Accounts:  # fmt: skip
    """Write the state of the hospital with this delivery into the folder `place` (see `etl.night.lake.state`).

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
        persons, about = count_touched(con), persons_of(con, published.mapped)
        copy_to(con, "select distinct person from found", place / TOUCHED)
        if persons > _TOO_MANY * about:
            state = replace(state, base=None)
        if progress:
            progress(f"{persons:,} of about {about:,} persons" + (": everybody is mapped" if state.whole else ""))
    write_state(place, as_of, layers, state.base, fold, run.fingerprint)
    return state_accounts(con, mapping, state, read_layer(run.folder("land")))


def write_entities(con: DuckDBPyConnection, mapping: HospitalMapping, state: State) -> None:
    """Write `entity.parquet`: who of providers, care sites and locations has a row of its own."""
    parts = [
        f"select {literal(namespace)} as namespace, {quote(column)} as id from ({alive_rows(mapping, name, state)})"
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
    return one_number(con, f"select count(*) from ({query})")
