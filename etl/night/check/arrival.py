"""How a delivery came: nights left out before it, and files that came before under another date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from etl.night.lake.layers import LAYER, read_layer
from etl.night.missed import left_out
from etl.night.run import Run
from etl.store.ledger.records import Finding

SUITE = "delivery"
_TOLD = 5  # nights that are named; the others are counted


def arrival_findings(run: Run) -> list[Finding]:
    """A warning if nights of changes before this one stopped unpublished, and one if it brought what another did."""
    return [*_of_nights_left_out(run), *_of_same_files(run)]


def _of_nights_left_out(run: Run) -> list[Finding]:
    nights = [each.night for each in left_out(run)]
    if not nights:
        return []
    return [_warning("expect_no_night_to_be_left_out",
                     "No night of changes lies before this one that was not published", nights)]  # fmt: skip


def _of_same_files(run: Run) -> list[Finding]:
    """A full export under a second date is usually one that is stuck. Without a row, nights may well be the same."""
    own = read_layer(run.folder("land"))
    if not any(file["rows"] for file in run.ledger.accounts(run.run_id).files):
        return []
    landed = (read_layer(file.parent) for file in own.folder.parent.glob(f"delivery=*/{LAYER}"))
    same = sorted({x.night for x in landed if x.sources == own.sources and x.night != own.night})
    if not same:
        return []
    return [_warning("expect_files_to_be_new", "The files did not come before under another date", same)]


def _warning(expectation: str, description: str, nights: Sequence[date]) -> Finding:
    more = f" and {len(nights) - _TOLD} more" if len(nights) > _TOLD else ""
    return Finding(
        SUITE, "delivery", expectation, description, "warn", False,
        observed=", ".join(map(str, nights[-_TOLD:])) + more,
    )  # fmt: skip
