"""What is published of a hospital. The warehouse says it; the ledger, which tells its story, may have fallen behind.

A ledger restored from an older copy, a warehouse that is gone or was restored, a publication cut off before it was
recorded: `standing` finds the difference, `heal` records it, so that the next night begins from what readers see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.protocol import Night, Warehouse


@dataclass(frozen=True, slots=True)
class Standing:
    """What the warehouse holds of a hospital, and the publication that the ledger recorded last."""

    hospital: str
    held: Night | None
    recorded: Mapping[str, Any] | None

    @property
    def agree(self) -> bool:
        """Whether both say the same."""
        if self.held is None or self.recorded is None:
            return self.held is None and self.recorded is None
        same = self.held.run_id == self.recorded["run_id"]
        return same and self.held.mappings in (None, self.recorded["mappings"])

    @property
    def difference(self) -> str | None:
        """What differs, in a sentence; None where both say the same."""
        if self.agree:
            return None
        held = f"holds {self.held.run_id}" if self.held else "holds nothing"
        said = f"recorded {self.recorded['run_id']}" if self.recorded else "recorded nothing"
        return f"{self.hospital}: the warehouse {held}, the ledger {said}; what the warehouse holds is what readers see"


def standing(warehouse: Warehouse, ledger: Ledger, hospital: str) -> Standing:
    """Ask the warehouse and the ledger what is published of a hospital."""
    return Standing(hospital, warehouse.published(hospital), ledger.last_published(hospital))


def heal(ledger: Ledger, found: Standing) -> str | None:
    """Record what the warehouse holds where the ledger says otherwise; returns what differed, None where nothing."""
    if found.agree:
        return None
    reason = found.difference or ""
    if found.held is None:
        night = found.recorded["night"] if found.recorded else None
        if night is not None:
            ledger.record_nothing(found.hospital, night, state="lost", actor=None, reason=reason)
        return reason
    run = ledger.run(found.held.run_id)
    night = found.held.night or (run["night"] if run else None)
    if night is not None:
        mappings = found.held.mappings or (run["mappings"] if run else None)
        ledger.record_found(found.hospital, found.held.run_id, night, mappings, reason)
    return reason
