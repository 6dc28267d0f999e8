"""Shows what publishing a run would change, table by table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from etl.night.publish.difference import TableChange, changes
from etl.night.publish.stage import publication_of
from etl.night.run import Run

_COUNTS = ("before", "after", "added", "removed", "changed")


def changes_of(run: Run) -> list[TableChange]:
    """What publishing a run would change; InputError when it has not come so far."""
    publication = publication_of(run)
    run.warehouse.initialise()
    with run.warehouse.reader() as con:
        return changes(con, publication)


def changes_as_json(found: Sequence[TableChange]) -> list[dict[str, Any]]:
    """The changes for a script to read."""
    return [{"table": c.table, **{n: getattr(c, n) for n in _COUNTS}} for c in found]


def changes_table(run_id: str, found: Sequence[TableChange]) -> Table:
    """The changes for a person."""
    shown = Table(box=None, header_style="bold", title=f"{run_id} would change", title_justify="left")
    shown.add_column("table")
    for name in _COUNTS:
        shown.add_column(name, justify="right")
    for change in found:
        style = "" if change.added or change.removed or change.changed else "dim"
        shown.add_row(change.table, *(f"{getattr(change, n):,}" for n in _COUNTS), style=style)
    return shown
