"""All that a hospital has delivered so far and that counts."""

from __future__ import annotations

import json

from etl.night.lake.folds import read_folds
from etl.night.lake.layers import LAYER, Layer, in_order, read_layer
from etl.night.lake.state import STATE
from etl.night.run import Run


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


def brings_changes(run: Run) -> bool:
    """Whether a landed delivery changes what came before, rather than being all there is."""
    return run.mapping.is_delta and len(joined_layers(run)) > 1 and not read_layer(run.folder("land")).whole
