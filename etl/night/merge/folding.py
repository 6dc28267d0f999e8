"""Folds the older nights of a hospital that delivers changes, so that what a night reads does not grow with them.

A fold is made of the fold before it and the layers since, in a folder that takes its name when it is finished. Some
nights stay unfolded, so that one that comes late or again rarely lies below the newest fold; one that does is put in
its place from an older fold, or from what landed, as long as that is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.engine import copy_to, define_night, open_engine
from etl.errors import InputError
from etl.mapping.language.mapping import HospitalMapping
from etl.night.finished import workspace
from etl.night.lake.folds import (
    LEFT_OUT,
    ROWS,
    Fold,
    common,
    fold_folder,
    is_landed,
    landed_layers,
    read_fold,
    read_folds,
    write_fold,
)
from etl.night.lake.layers import Layer, chain
from etl.night.lake.names import FILE_BITS, ROW_BITS
from etl.night.lake.published import Published
from etl.night.lake.state import STATE, State, read_said, read_state
from etl.night.lake.views import chain_sql, rows_sql
from etl.night.merge.versions import find_dead
from etl.night.run import Progress, Run
from etl.sql import literal

LATE = 7  # so many nights stay unfolded: what comes late, or again, is mostly of the last days


def fold_layers(
    run: Run, layers: Sequence[Layer], published: Published | None, progress: Progress | None = None
) -> Fold | None:
    """The fold that a night reads its first layers from, made when it is due; None while the layers are few.

    It holds no layer that `published` does not have. Raises InputError when rows are needed whose files were removed.
    """
    if not run.mapping.is_delta:
        return None
    every = run.mapping.hospital.fold_every or run.mapping.hospital.whole_every
    most = _foldable(run, layers, published, min(LATE, every))
    merged, landed = run.folder("merge").parent, run.folder("land").parent
    found = [
        f
        for f in read_folds(merged, landed)
        if len(f.layers) <= most and f.begins(layers) and f.fits(run.mapping, layers)
    ]
    fold = found[-1] if found else None
    _check_landed(run, layers, fold)
    folded = len(fold.layers) if fold else 0
    # one after the other, also where many are due: what a layer replaces is looked for in few files then
    for due in range(folded // every * every + every, most + 1, every):
        if progress:
            progress(f"folding {due} nights into one")
        target = fold_folder(merged, run.mapping, layers[:due])
        with workspace(target) as place, open_engine(run.settings) as con:
            _fold(con, run, layers[:due], fold, place)
        fold = read_fold(target, landed)
    return fold


def _foldable(run: Run, layers: Sequence[Layer], published: Published | None, late: int) -> int:
    """How many of the first layers may be folded: neither the last few nor this night's, none that is unpublished."""
    # an older delivery of its night is not among them
    own = next((i for i, x in enumerate(layers) if x.name == run.folder("land").name), len(layers))
    return max(0, min(len(layers) - late, own, common(layers, published.state.layers) if published else own))


def _check_landed(run: Run, layers: Sequence[Layer], fold: Fold | None) -> None:
    """Raise InputError when a layer is needed that is neither folded nor there."""
    gone = [x for x in landed_layers(run.mapping, layers, fold).values() if not is_landed(x)]
    if not gone:
        return
    last = max(x.night for x in gone)
    raise InputError(
        f"the rows of the nights up to {last} are folded into one and their own files were removed: no night of that "
        "time can come late or again, and the contract's key, version, deleted and columns cannot be changed for them",
        hint="let the hospital deliver a whole night (with a file _FULL); the history begins there anew",
    )


def known_state(run: Run, layers: Sequence[Layer]) -> State | None:
    """The state of the most of the first layers that was made with the same program and mappings; None with `force`.

    Its dead rows are dead, so that only what came since has to be looked at.
    """
    best: tuple[int, int, Path] | None = None
    names = [x.name for x in layers]
    for file in () if run.force else run.folder("merge").parent.glob(f"delivery=*/{STATE}"):
        said = read_said(file)
        held = said.layers
        if said.made_with != run.fingerprint or held != names[: len(held)] or run.folder("land").name in held:
            continue
        found = (len(held), file.stat().st_mtime_ns, file.parent)
        best = found if best is None else max(best, found)
    return read_state(best[2], run.folder("land").parent) if best else None


def _fold(con: DuckDBPyConnection, run: Run, layers: Sequence[Layer], before: Fold | None, place: Path) -> None:
    """Write the fold of `layers`, of which `before` holds the first ones, into the folder `place`."""
    mapping = run.mapping
    define_night(con, max(x.night for x in layers))
    find_dead(con, mapping, layers, known_state(run, layers), before)
    (place / ROWS).mkdir()
    rows: dict[str, dict[int, int]] = {}
    left_out: dict[str, dict[str, int]] = {}
    for name in mapping.sources:
        held = chain(mapping, name, layers)
        if not held:
            continue
        known = before.holds(held) if before else 0
        rows[name] = {n: before.rows[name][n] for n in (x.number for x in held[:known])} if before else {}
        rows[name] |= _came(con, mapping, name, held[known:])
        left_out[name] = dict(before.left_out.get(name, {})) if before and known else {}
        for reason, n in con.execute(
            "select reason, count(*) from dead where source = ? group by reason order by reason", [name]
        ).fetchall():
            left_out[name][reason] = left_out[name].get(reason, 0) + n
        every = chain_sql(mapping, name, held, before)
        dead = f"select _row from dead where source = {literal(name)}"
        copy_to(con, f"select * from ({every}) where _row not in ({dead})", place / ROWS / f"{name}.parquet")
    copy_to(con, "select * from dead order by source, _row", place / LEFT_OUT)
    write_fold(place, mapping, layers, rows, left_out)


def _came(con: DuckDBPyConnection, mapping: HospitalMapping, name: str, layers: Sequence[Layer]) -> dict[int, int]:
    """How many rows of a source each layer brought, by its number."""
    came = dict.fromkeys((x.number for x in layers), 0)
    parts = [part for x in layers for part in rows_sql(mapping, name, x)]
    if parts:
        query = f"select _row >> {FILE_BITS + ROW_BITS}, count(*) from ({' union all '.join(parts)}) group by 1"
        came |= dict(con.execute(query).fetchall())
    return came
