"""The command that shows the newest run of every hospital."""

from __future__ import annotations

import sqlalchemy as sa

from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.night.publish.approval import waiting
from etl.quality.report.names import hospital_names
from etl.quality.report.terminal import summary_table
from etl.settings import Settings, load_settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN

app = command_app()


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show the newest run of every hospital."""
    with errors_to_exit_codes():
        show_status(load_settings(), as_json=as_json)


def show_status(settings: Settings, *, as_json: bool) -> None:
    """The newest run of every hospital."""
    ledger = Ledger(settings.ledger_url)
    newest = sa.select(RUN.c.hospital, sa.func.max(RUN.c.started_at).label("at")).group_by(RUN.c.hospital).subquery()
    query = sa.select(RUN).join(newest, (newest.c.hospital == RUN.c.hospital) & (newest.c.at == RUN.c.started_at))
    rows = ledger.read(query.order_by(RUN.c.hospital))
    held = {question["run_id"] for question in waiting(ledger)}
    if as_json:
        print_json([{**row, "waits_for_approval": row["run_id"] in held} for row in rows])
    elif rows:
        out.print(summary_table(ledger, [r["run_id"] for r in rows], hospital_names(settings), out.width))
        for row in rows:
            published = ledger.last_published(row["hospital"])
            if published and row["state"] != "published":
                out.print(f"{row['hospital']}: readers still see the night {published['night']}")
            if row["run_id"] in held:
                out.print(f"{row['hospital']}: {row['run_id']} waits for an approval; what for: etl approve")
    else:
        out.print("no night has been run yet; try: make demo")
