"""Goes back to an earlier published night without loading it again, or to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from etl.errors import UsageError
from etl.mapping.load import load_mappings
from etl.night.lock import hospital_lock
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.standing import heal, standing
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.protocol import Night, Warehouse

Target = date | Literal["nothing"] | None
"""A night; `nothing`: the hospital is not in the warehouse any more; None: what was published before the last."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """What was gone back to (None: nothing), and from; `rows` by table."""

    target: Night | None
    left: tuple[Night, ...]
    rows: Mapping[str, int]


def roll_back(
    settings: Settings, hospital: str, to: Target, *, actor: str, reason: str | None,
    progress: Callable[[str], None] | None = None,
) -> Rollback:  # fmt: skip
    """Publish what was published before again, and record who did so and why.

    Raises UsageError, and nothing has moved, when there is no such night or the ledger does not know it. What came
    later is published again by `etl publish`, or by a run that is forced.
    """
    number = load_mappings(settings.mappings, [hospital])[hospital].hospital.number
    warehouse, ledger = open_warehouse(settings), Ledger(settings.ledger_url)
    with hospital_lock(settings, hospital):
        found = heal(ledger, standing(warehouse, ledger, hospital))
        if found and to is None:  # an earlier attempt may have been cut off: what it wanted is done
            raise UsageError(
                f"{found}. This is recorded now, and nothing was moved",
                hint=f"etl rollback {hospital} --list shows what is published; say with --to where to go back to",
            )
        nights = warehouse.nights(hospital)
        if to == "nothing":
            return _to_nothing(warehouse, ledger, hospital, number, actor=actor, reason=reason, progress=progress)
        at = _index(hospital, nights, to)
        target, left = nights[at], tuple(nights[:at])
        if target.night is None or ledger.run(target.run_id) is None:
            raise UsageError(
                f"the ledger does not know {target.run_id}, so what it was can not be told: nothing has moved",
                hint=f"run its delivery again: etl run {hospital} DELIVERY",
            )
        rows = warehouse.rollback(hospital, number, target.step, progress)
        ledger.record_return(
            target.run_id, target.night, target.mappings, [night.run_id for night in left], actor=actor, reason=reason
        )
    return Rollback(target, left, rows)


def _to_nothing(
    warehouse: Warehouse, ledger: Ledger, hospital: str, number: int, *, actor: str, reason: str | None,
    progress: Callable[[str], None] | None,
) -> Rollback:  # fmt: skip
    held = warehouse.published(hospital)
    if held is None and not ledger.gave_ids(hospital):
        raise UsageError(f"nothing of {hospital} is published")
    if not reason:
        raise UsageError(
            f"all of {hospital} would leave the warehouse, and with it what is known of its key store",
            hint="say why: --reason …",
        )
    last = next(iter(ledger.publications(hospital)), None)
    # without a night that is published, what is given up are ids: the warehouse was lost, or this was cut off before
    rows = warehouse.clear(hospital, number, progress) if held else {}
    night = (held.night if held else None) or (last["night"] if last else None)
    if night is not None:
        ledger.record_nothing(hospital, night, state="left", actor=actor, reason=reason)
    return Rollback(None, (held,) if held else (), rows)


def _index(hospital: str, nights: list[Night], to: date | None) -> int:
    """The place of the publication meant: of several of one night the newest that is not what is published."""
    if to is None:
        if len(nights) < 2:
            raise UsageError(
                f"{hospital} has no earlier night to go back to",
                hint="nights are kept as they are published, the last ETL_KEEP_NIGHTS of them: etl rollback --list; "
                f"to take the hospital out of the warehouse: etl rollback {hospital} --to nothing --reason …",
            )
        return 1
    found = [i for i, night in enumerate(nights) if night.night == to]
    if not found:
        kept = ", ".join(str(night.night) for night in nights) or "none"
        raise UsageError(f"the night {to} of {hospital} is not kept; these are: {kept}")
    if found == [0]:
        raise UsageError(f"{hospital}: the night {to} is what is published")
    return next(i for i in found if i)
