"""All that a hospital has delivered so far and that counts."""

from __future__ import annotations

import sqlalchemy as sa

from etl.errors import ConfigError
from etl.night.lake.folds import read_folds
from etl.night.lake.layers import LAYER, WHOLE, Layer, chain, in_order, read_layer
from etl.night.lake.state import STATE, State, read_said
from etl.night.run import Run
from etl.store.ledger.tables import RUN


def joined_layers(run: Run) -> list[Layer]:
    """All landed deliveries of the hospital that count, in order: this one and those that passed the source gate.

    Those of trials do not count.
    """
    own = read_layer(run.folder("land"))
    if not run.mapping.is_delta:
        return [own]
    tried = _tried(run)
    found = {name: layer for name, layer in known_layers(run).items() if name not in tried}
    # an older delivery of a night does not come back by being looked at again
    return in_order([*(found | {own.name: own}).values()])


def _tried(run: Run) -> set[str]:
    """Folders of deliveries that were not to be published, and never were: they change nothing for other nights."""
    hospital = run.delivery.hospital
    tried = (RUN.c.hospital == hospital) & (RUN.c.state == "unpublished")
    runs = {row["run_id"] for row in run.ledger.read(sa.select(RUN.c.run_id).where(tried))}
    runs -= {row["run_id"] for row in run.ledger.publications(hospital)}
    return {f"delivery={run_id.removeprefix(f'{hospital}-')}" for run_id in runs}


def known_layers(run: Run) -> dict[str, Layer]:
    """The hospital's deliveries that passed the source gate before, by the name of their folders."""
    merged, landed = run.folder("merge").parent, run.folder("land").parent
    # what counted once is named by a later state or fold, also when its own folder was removed
    found = {x.name: x for fold in read_folds(merged, landed) for x in fold.layers}
    states = list(merged.glob(f"delivery=*/{STATE}"))
    named = {n for f in states for n in (f.parent.name, *read_said(f).layers)}
    return found | {n: read_layer(landed / n) for n in named - found.keys() if (landed / n / LAYER).exists()}


def refuse_gap(run: Run) -> None:
    """Refuse a night of changes to what the lake does not hold any more.

    It would be taken for all there is, and everybody else would vanish from the warehouse.
    """
    own = read_layer(run.folder("land"))
    held = run.warehouse.published(run.delivery.hospital)
    if held is None or own.whole or not run.mapping.is_delta:
        return
    name = f"delivery={held.run_id.removeprefix(f'{run.delivery.hospital}-')}"
    if name not in known_layers(run) | {own.name: own}:
        raise ConfigError(
            f"the lake does not hold {held.run_id}, which is published and which this night brings changes to",
            hint="restore the lake, or run that night's delivery again with --force if all nights before it are there; "
            f"else deliver a whole night (with a file {WHOLE})",
        )


def brings_changes(run: Run) -> bool:
    """Whether a landed delivery changes what came before, rather than being all there is."""
    return run.mapping.is_delta and len(joined_layers(run)) > 1 and not read_layer(run.folder("land")).whole


def holds_earlier_rows(run: Run, state: State) -> bool:
    """Whether rows of other deliveries count beside those of the one that made this state."""
    own = run.folder("land").name
    return any(x.name != own for name in run.mapping.sources for x in chain(run.mapping, name, state.layers))
