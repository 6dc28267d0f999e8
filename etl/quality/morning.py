"""What is done for quality officers after nights were published: they are measured, findings tracked, reports written.

It disturbs no night: what goes wrong is told and noted, and made up for the next time.
"""

from __future__ import annotations

from pathlib import Path

from etl.faults import as_etl_error
from etl.quality.battery.nights import measure_nights
from etl.quality.findings.track import one_at_a_time, track
from etl.quality.pages import write_all_reports
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger


def follow_up(settings: Settings, *, measure: bool = True) -> list[str]:
    """Measure what is published and not measured yet, and track findings; a line for each thing that failed.

    Without `measure` only what the gates found is tracked. Who may only read the ledger changes nothing.
    """
    told: list[str] = []
    try:
        ledger = Ledger(settings.ledger_url)
        if not ledger.is_writable:  # an officer's login reads; the pipeline's does this after every night
            return told
        with one_at_a_time(settings):
            try:
                told += measure_nights(settings, ledger) if measure else []
            except Exception as raised:  # of checks that are written wrongly, say: what the gates found is tracked
                told.append(f"nothing was measured: {as_etl_error(raised).message}")
            track(settings, ledger)
    except Exception as raised:
        told.append(f"findings were not tracked: {as_etl_error(raised).message}")
    return told


def morning(settings: Settings) -> tuple[Path, list[str]]:
    """Follow up, then write all pages; returns the index and a line for each thing that failed before."""
    told = follow_up(settings)
    return write_all_reports(settings), told
