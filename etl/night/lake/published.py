"""What a published night is made of: its state, and the candidates of the nights that it builds on."""

from __future__ import annotations

from dataclasses import dataclass

from etl.errors import InputError, TransientError
from etl.night.lake.mapped import EXTENDED, Mapped
from etl.night.lake.names import MARKER
from etl.night.lake.state import TOUCHED, State, read_link, read_state
from etl.night.run import Run
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True)
class Published:
    """A published night: its state, and the layers of the stages `map` and `derive`, the oldest first."""

    run_id: str
    state: State
    mapped: tuple[Mapped, ...]
    derived: tuple[Mapped, ...]


def layers_of(run: Run, state: State, name: str) -> tuple[Mapped, Mapped]:
    """The layers that the stages `map` and `derive` made of a state; `name` is that of the delivery's folders."""
    return _layers(run.settings, run.delivery.hospital, state, name)


def _layers(settings: Settings, hospital: str, state: State, name: str) -> tuple[Mapped, Mapped]:
    mapped, derived = (settings.stage_folder(stage, hospital) / name for stage in ("map", "derive"))
    touched = () if state.whole else (state.file(TOUCHED),)
    return Mapped(mapped, touched), Mapped(derived, touched, () if state.whole else (derived / EXTENDED,))


def chain_of(run: Run, run_id: str, digest: str | None = None) -> Published | None:
    """The published night `run_id` with all that it builds on; None when a part of it is not there any more."""
    return chain_at(run.settings, run.delivery.hospital, run_id, digest)


def chain_at(settings: Settings, hospital: str, run_id: str, digest: str | None = None) -> Published | None:
    """See `chain_of`: by the hospital's name, whatever mappings there are now."""
    mapped: list[Mapped] = []
    derived: list[Mapped] = []
    top: State | None = None
    seen: set[str] = set()
    merged, landed = (settings.stage_folder(stage, hospital) for stage in ("merge", "land"))
    at: str | None = run_id
    while at is not None:
        name = f"delivery={at.removeprefix(f'{hospital}-')}"
        state = read_link(merged / name) if top else read_state(merged / name, landed)
        if state is None or at in seen or (digest is not None and state.digest != digest):
            return None
        layers = _layers(settings, hospital, state, name)
        if not all((x.folder / MARKER).exists() for x in layers):
            return None
        mapped.insert(0, layers[0])
        derived.insert(0, layers[1])
        top = top or state
        seen.add(at)
        at, digest = (state.base.run_id, state.base.digest) if state.base else (None, None)
    return Published(run_id, top, tuple(mapped), tuple(derived)) if top else None


def find_published(run: Run, ledger: Ledger, warehouse: Warehouse) -> Published | None:
    """The night that this one can build on: what the warehouse holds, made with the same mappings and vocabulary.

    None when everybody has to be mapped again.
    """
    last = ledger.last_published(run.delivery.hospital)
    if run.force or last is None or last["mappings"] != run.fingerprint:
        return None
    held = warehouse.published(run.delivery.hospital)
    if held is None or held.run_id != last["run_id"]:  # a publication was cut off before it was recorded
        return None
    found = chain_of(run, last["run_id"])
    if found is None or len(found.mapped) > run.mapping.hospital.whole_every:
        return None
    own = run.folder("land").name
    if own in {x.name for x in found.state.layers} | {x.folder.name for x in found.mapped}:
        return None
    return found


def state_of(run: Run) -> tuple[State, Published | None]:
    """The state that the stage `merge` made of a run, and the published night it builds on (None: nobody's)."""
    state = read_state(run.folder("merge"), run.folder("land").parent)
    if state is None:
        raise InputError(f"the stage 'merge' has not been run for {run.run_id}", hint="run the stages in order")
    if state.base is None:
        return state, None
    published = chain_of(run, state.base.run_id, state.base.digest)
    if published is None:
        raise TransientError(f"the night that {run.run_id} builds on was made again", hint="run again from the start")
    return state, published
