"""What `etl battery` keeps of published nights, and shows of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich.table import Table

from etl.cli.console import err, out, print_json
from etl.errors import TransientError
from etl.pages.formats import count, moment
from etl.quality.battery.battery import load_battery
from etl.quality.battery.checks import Check
from etl.quality.battery.judge import judge
from etl.quality.battery.kept import history, load
from etl.quality.battery.measure import Measured
from etl.quality.battery.nights import checks_folder, measure_nights
from etl.quality.battery.overrides import read_overrides
from etl.quality.findings.track import one_at_a_time, track
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger

_STATUSES = ("passed", "failed", "error", "notApplicable")


def kept_night(
    settings: Settings, hospital: str | None, night: date | None, checks: Sequence[Check]
) -> tuple[Measured, dict[str, Any]] | None:  # fmt: skip
    """What was measured of a hospital's night; None where it is not asked for, or is not kept."""
    if hospital is None or night is None:
        return None
    ledger = Ledger(settings.ledger_url)
    found = history(ledger, hospital, night)
    if not found:
        err.print(f"the night {night} of {hospital} is not kept: this is what is published, as on that day")
        return None
    look = next((each for each in found if not each["withdrawn"]), found[0])
    err.print(f"as it was measured on {moment(look['looked_at'])} KST after {look['run_id']}", soft_wrap=True)
    return load(ledger, look, checks), {}


def show_kept(settings: Settings, hospital: str | None, limit: int, *, measure: bool, as_json: bool) -> None:
    """List the newest nights that are kept, after every hospital's last one was measured where that is asked for.

    TransientError where one could not be.
    """
    ledger = Ledger(settings.ledger_url)
    failed: list[str] = []
    if measure:
        with one_at_a_time(settings):
            failed = measure_nights(settings, ledger, again=True)
            track(settings, ledger)
    checks = load_battery(settings.expectations)
    rows = [_row(settings, ledger, look, checks) for look in history(ledger, hospital)[:limit]]
    if as_json:
        print_json(rows)
    elif rows:
        out.print(_table(rows))
    else:
        out.print("no night is kept yet: etl battery --keep")
    if failed:
        raise TransientError("\n".join(failed), hint="it is tried again after the next night, or by etl battery --keep")


def _row(settings: Settings, ledger: Ledger, look: Mapping[str, Any], checks: Sequence[Check]) -> dict[str, Any]:
    said = {name: look[name] for name in ("hospital", "night", "run_id", "state", "looked_at", "seconds", "error")}
    if look["error"] is not None:
        return said
    overrides = read_overrides(checks_folder(settings), look["hospital"], {c.id for c in checks})
    verdicts = judge(checks, load(ledger, look, checks), look["hospital_number"], overrides)
    statuses = Counter[str](verdict.status for verdict in verdicts)
    return said | {status: statuses[status] for status in _STATUSES}


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("hospital", "night", "measured (KST)", "run is"):
        table.add_column(name, no_wrap=True)
    for name in ("passed", "failed", "no answer", "not applicable"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        numbers = [row["error"]] if row["error"] else [count(row[status]) for status in _STATUSES]
        table.add_row(row["hospital"], str(row["night"]), moment(row["looked_at"]), row["state"] or "–", *numbers)
    return table
