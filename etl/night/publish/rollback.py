"""Goes back to an earlier published night, without loading it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from etl.errors import UsageError
from etl.mapping.load import load_mappings
from etl.night.lock import hospital_lock
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.protocol import Night


@dataclass(frozen=True, slots=True)
class Rollback:
    """What was gone back to, and from; `rows` by table."""

    target: Night
    left: tuple[Night, ...]
    rows: Mapping[str, int]


def roll_back(
    settings: Settings, hospital: str, to: date | None, *, actor: str, reason: str | None,
    progress: Callable[[str], None] | None = None,
) -> Rollback:  # fmt: skip
    """Publish the kept night `to` (None: the one before the last) again, and record who did so and why.

    Raises UsageError when there is no such night. What came later is published again by `etl publish`, or by a run that
    is forced.
    """
    number = load_mappings(settings.mappings, [hospital])[hospital].hospital.number
    warehouse, ledger = open_warehouse(settings), Ledger(settings.ledger_url)
    with hospital_lock(settings, hospital):
        nights = warehouse.nights(hospital)
        at = _index(hospital, nights, to)
        target, left = nights[at], tuple(nights[:at])
        recorded = ledger.last_published(hospital)
        if not left and recorded and recorded["run_id"] == target.run_id:
            raise UsageError(f"{hospital}: the night {target.night} is what is published")
        rows = warehouse.rollback(hospital, number, target.run_id, progress)
        ledger.record_rollback(target.run_id, [night.run_id for night in left], actor=actor, reason=reason)
    return Rollback(target, left, rows)


def _index(hospital: str, nights: list[Night], to: date | None) -> int:
    if to is None:
        if len(nights) < 2:
            raise UsageError(
                f"{hospital} has no earlier night to go back to",
                hint="nights are kept as they are published, the last ETL_KEEP_NIGHTS of them: etl rollback --list",
            )
        return 1
    found = next((i for i, night in enumerate(nights) if night.night == to), None)
    if found is None:
        kept = ", ".join(str(night.night) for night in nights) or "none"
        raise UsageError(f"the night {to} of {hospital} is not kept; these are: {kept}")
    return found
