"""What of a hospital's lake is still needed: by nights that are, or can be, published, and by the next night."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from etl.errors import InputError
from etl.mapping.language.mapping import HospitalMapping
from etl.night.lake.folds import landed_layers
from etl.night.lake.layers import LAYER, in_order, read_layer
from etl.night.lake.state import STATE, read_link, read_said, read_state
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.warehouse.protocol import Warehouse

PREFIX = "delivery="


@dataclass(slots=True)
class Kept:
    """Names of folders: deliveries, those whose landed rows stay, those of which it is known what they were, folds."""

    deliveries: set[str] = field(default_factory=set)
    landed: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    folds: set[str] = field(default_factory=set)


def what_is_kept(
    settings: Settings, mapping: HospitalMapping, warehouse: Warehouse, keep: int, before: datetime
) -> Kept | None:
    """What has to stay of a hospital; None, all of it, while nothing of it is published.

    The last `keep` publications stay, what the warehouse can go back to, every run since the oldest of these, and every
    run that was begun after `before` or is at work; and whatever these build on. Raises InputError when a part of that
    is not there: what else is needed to make it again, cannot be told.
    """
    hospital = mapping.hospital.hospital
    runs = _runs_kept(Ledger(settings.ledger_url), hospital, _published(settings, warehouse, hospital, keep), before)
    if runs is None:
        return None
    kept = Kept()
    for run_id in runs:
        _keep(settings, mapping, f"{PREFIX}{run_id.removeprefix(f'{hospital}-')}", kept)
    if mapping.is_delta:
        for name in _forgotten(settings, hospital, kept):
            _keep(settings, mapping, name, kept)
    return kept


def _published(settings: Settings, warehouse: Warehouse, hospital: str, keep: int) -> set[str]:
    """The runs that are published, or can be again."""
    rows = Ledger(settings.ledger_url).publications(hospital)
    last = list(dict.fromkeys(str(r["run_id"]) for r in rows))[:keep]
    held = [night for night in (warehouse.published(hospital), *warehouse.nights(hospital)) if night]
    return {*last, *(night.run_id for night in held)}


def _runs_kept(ledger: Ledger, hospital: str, published: set[str], before: datetime) -> set[str] | None:
    """The runs that stay; None when none of the published ones is known."""
    runs = ledger.read(sa.select(RUN).where(RUN.c.hospital == hospital))
    numbers = [r["number"] for r in runs if r["run_id"] in published]
    if not numbers:
        return None
    young = before.astimezone(UTC).replace(tzinfo=None)
    return published | {
        r["run_id"] for r in runs
        if r["number"] >= min(numbers) or r["started_at"] >= young or r["state"] in ("running", "waiting")
    }  # fmt: skip


def _keep(settings: Settings, mapping: HospitalMapping, name: str, kept: Kept) -> None:
    """Keep a delivery, those that it builds on, and the rows that all of them are made of."""
    hospital = mapping.hospital.hospital
    merged, landed = (settings.stage_folder(stage, hospital) for stage in ("merge", "land"))
    at: str | None = name
    while at is not None and at not in kept.deliveries:
        kept.deliveries.add(at)
        kept.landed.add(at)
        state, link = read_state(merged / at, landed), read_link(merged / at)
        if link and not state:
            raise InputError(
                f"{hospital}: a part of the state of {at.removeprefix(PREFIX)} is gone; nothing was removed",
                hint="run the newest night again, then clean: etl run --force",
            )
        if state:
            kept.known |= {x.name for x in state.layers}
            kept.landed |= set(landed_layers(mapping, state.layers, state.fold))
            kept.folds |= {state.fold.name} if state.fold else set()
        base = link.base if link else None
        at = f"{PREFIX}{base.run_id.removeprefix(f'{hospital}-')}" if base else None


def _forgotten(settings: Settings, hospital: str, kept: Kept) -> Iterable[str]:
    """Deliveries that count and that nothing kept would tell of: a night whose gate closed, and none after it."""
    merged, landed = (settings.stage_folder(stage, hospital) for stage in ("merge", "land"))
    named = {n for file in merged.glob(f"{PREFIX}*/{STATE}") for n in _named(file)}
    counting = in_order([read_layer(landed / n) for n in named if (landed / n / LAYER).exists()])
    return [x.name for x in counting if x.name not in kept.known]


def _named(state: Path) -> Iterator[str]:
    yield state.parent.name
    yield from read_said(state).layers
