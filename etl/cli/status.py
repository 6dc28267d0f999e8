"""The command that shows the newest run of every hospital."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import duckdb
import sqlalchemy as sa

from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.errors import EtlError
from etl.night.publish.approval import waiting
from etl.night.worker import CUT_OFF, CUT_OFF_HINT, is_cut_off
from etl.quality.names import hospital_names
from etl.quality.report.terminal import summary_table
from etl.research.achilles.state import behind
from etl.settings import Settings, load_settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.standing import standing
from etl.store.warehouse.open import open_warehouse

app = command_app()


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show the newest run of every hospital."""
    with errors_to_exit_codes(as_json=as_json):
        show_status(load_settings(), as_json=as_json)


def show_status(settings: Settings, *, as_json: bool) -> None:
    """The newest run of every hospital."""
    ledger = Ledger(settings.ledger_url)
    newest = sa.select(sa.func.max(RUN.c.number)).group_by(RUN.c.hospital)
    rows = ledger.read(sa.select(RUN).where(RUN.c.number.in_(newest)).order_by(RUN.c.hospital))
    held = {question["run_id"] for question in waiting(ledger)}
    differing = _differing(settings, ledger, [row["hospital"] for row in rows])
    if as_json:
        print_json([{**shown(row), "waits_for_approval": row["run_id"] in held,
                     "warehouse_differs": differing.get(row["hospital"])} for row in rows])  # fmt: skip
    elif rows:
        out.print(summary_table(ledger, [r["run_id"] for r in rows], hospital_names(settings), out.width))
        for row in rows:
            published = ledger.last_published(row["hospital"])
            if published and row["state"] != "published":
                out.print(f"{row['hospital']}: readers still see the night {published['night']}")
            if row["hospital"] in differing:
                out.print(f"{differing[row['hospital']]}\n→ the hospital's next run records it", soft_wrap=True)
            if row["run_id"] in held:
                out.print(f"{row['hospital']}: {row['run_id']} waits for an approval; what for: etl approve")
        if older := _behind(settings):
            out.print(f"{older}\n→ etl achilles", soft_wrap=True)
    else:
        out.print("no night has been run yet; try: make demo")


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A run of the ledger as it is told: one whose process has ended was cut off."""
    told = {name: value for name, value in row.items() if name not in ("number", "worker")}
    return told | ({"state": "failed", "message": CUT_OFF, "hint": CUT_OFF_HINT} if is_cut_off(row) else {})


def _behind(settings: Settings) -> str | None:
    """How results of Achilles are older than the warehouse, if they are, and the reader may see them."""
    with suppress(EtlError, duckdb.Error):
        return behind(settings)
    return None


def _differing(settings: Settings, ledger: Ledger, hospitals: Sequence[str]) -> dict[str, str]:
    """Where the warehouse holds something else than the ledger says, or cannot be asked: told by hospital."""
    try:
        warehouse = open_warehouse(settings)
        found = [standing(warehouse, ledger, hospital) for hospital in hospitals]
    except EtlError as error:
        return dict.fromkeys(hospitals, f"the warehouse cannot be asked: {error.message}")
    return {each.hospital: each.difference for each in found if each.difference}
