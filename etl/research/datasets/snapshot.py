"""What a version is built of: the published night of every hospital, the vocabulary, the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from etl.store.warehouse.protocol import Warehouse

PROGRAM = "omop-etl"


@dataclass(frozen=True, slots=True)
class State:
    """A hospital as it was published: number, night, run, publication, and the digest of what it was mapped with."""

    number: int
    night: str | None
    run: str
    step: int
    mappings: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything but the definition that rows depend on."""

    hospitals: Mapping[str, State]
    vocabulary: str | None
    program: str


def taken(warehouse: Warehouse) -> Snapshot:
    """What is published now."""
    with warehouse.reader() as con:
        rows = con.execute(
            "select hospital, hospital_number from hospital where hospital_number is not null order by 2"
        ).fetchall()
    found = {}
    for hospital, number in rows:
        night = warehouse.published(hospital)
        if night is not None:
            day = night.night.isoformat() if night.night else None
            found[hospital] = State(number, day, night.run_id, night.step, night.mappings)
    return Snapshot(found, warehouse.vocabulary(), version(PROGRAM))


def standing(warehouse: Warehouse, snapshot: Snapshot) -> dict[str, str]:
    """How each hospital's night of a version stands today: current, gone on, rolled back, left."""
    return {hospital: _stands(warehouse, hospital, state) for hospital, state in snapshot.hospitals.items()}


def _stands(warehouse: Warehouse, hospital: str, state: State) -> str:
    now = warehouse.published(hospital)
    if now is None:
        return "left"
    if (now.run_id, now.step) == (state.run, state.step):
        return "current"
    kept = warehouse.nights(hospital)
    is_kept = any((each.run_id, each.step) == (state.run, state.step) for each in kept)
    reaches = min((each.step for each in kept), default=now.step) <= state.step
    return "rolled back" if state.step > now.step or (reaches and not is_kept) else "gone on"
