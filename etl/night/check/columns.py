"""Columns of a delivery that neither its contract nor the delivery before had, by their number alone."""

from __future__ import annotations

from pathlib import Path

from etl.files import read_json
from etl.night.lake.layers import LAYER, read_layer
from etl.night.lake.names import COLUMNS
from etl.store.ledger.records import Finding

SUITE = "contract"


def new_columns(landed: Path) -> list[Finding]:
    """A warning per source whose files have more columns that the contract does not name than those before had.

    `landed` is the delivery's folder; before the hospital's second delivery there is nothing to tell. What the columns
    are called is delivered text: `etl compare` shows it to who asks.
    """
    now, before = _unnamed(landed), _before(landed)
    return [
        Finding(
            SUITE, source, "expect_no_new_columns",
            "No column came that neither the contract nor the delivery before has; etl compare names them",
            "warn", False, unexpected=count - before[source], total=count,
        )
        for source, count in sorted(now.items())
        if count > before.get(source, count)
    ]  # fmt: skip


def _unnamed(landed: Path) -> dict[str, int]:
    file = landed / COLUMNS
    found: dict[str, int] = read_json(file) if file.exists() else {}
    return found


def _before(landed: Path) -> dict[str, int]:
    """The counts of the delivery that landed before this one."""
    own = read_layer(landed).number
    others = [read_layer(file.parent) for file in landed.parent.glob(f"delivery=*/{LAYER}")]
    earlier = [layer for layer in others if layer.number < own and (layer.folder / COLUMNS).exists()]
    return _unnamed(max(earlier, key=lambda layer: layer.number).folder) if earlier else {}
