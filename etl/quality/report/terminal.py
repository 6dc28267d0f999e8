"""The same figures as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from rich.table import Table
from rich.text import Text

from etl.pages.formats import DASH, count, duration, percent
from etl.quality.names import HospitalName
from etl.quality.report.figures import RunSummary
from etl.quality.report.read import summaries
from etl.store.ledger.ledger import Ledger

_COLOURS = {
    "published": "green", "left": "yellow", "lost": "red", "blocked": "yellow", "waiting": "yellow", "failed": "red",
    "unpublished": "cyan", "running": "cyan",
}  # fmt: skip
_COLUMNS: dict[str, Literal["left", "right"]] = {
    "hospital": "left", "night": "left", "rows in": "right", "mapped": "right", "quarantined": "right",
    "rejected": "right", "filtered": "right", "mapping rate": "right", "gates": "left", "time": "right",
    "state": "left",
}  # fmt: skip
_DISPENSABLE = frozenset({"mapped", "rejected", "filtered", "time"})
_WIDE = 125  # characters a line with the hospital's Korean name needs
_NARROW = 105  # and one with its short name


def summary_table(
    ledger: Ledger, run_ids: Sequence[str], names: Mapping[str, HospitalName], width: int = _WIDE
) -> Table:
    """One line per run, in the order of `run_ids`; runs the ledger does not know are left out.

    A terminal narrower than the whole table gets fewer columns, not cut numbers.
    """
    if width < _WIDE:
        names = {}
    left_out = _DISPENSABLE if width < _NARROW else frozenset()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, side in _COLUMNS.items():
        if name not in left_out:
            table.add_column(name, justify=side, no_wrap=True)
    found = {run.run_id: run for run in summaries(ledger, run_ids)}
    for run in (found[run_id] for run_id in run_ids if run_id in found):
        cells = zip(_COLUMNS, _cells(run, names.get(run.hospital)), strict=True)
        table.add_row(*(cell for name, cell in cells if name not in left_out))
    return table


def _cells(run: RunSummary, name: HospitalName | None) -> list[Text | str]:
    hospital = Text(f"{name.ko} " if name else "").append(run.hospital, style="dim" if name else "")
    numbers = [count(n) for n in (run.rows_in, run.mapped, run.quarantined, run.rejected, run.filtered)]
    state = Text(run.state, style=_COLOURS.get(run.state, ""))
    if run.touched is not None:
        state.append(f" ({run.touched:,} persons)", style="dim")
    return [hospital, str(run.night), *numbers, percent(run.rate), _gates(run), duration(run.seconds), state]


def _gates(run: RunSummary) -> Text:
    """`✓` when nothing blocks, `closed n` with the number of blocking failures, a dash before any gate."""
    if run.blocking:
        return Text(f"closed {run.blocking}", style="red")
    return Text("✓", style="green") if run.expectations else Text(DASH)
