"""Deliveries of which more has come since they were run."""

from __future__ import annotations

from collections.abc import Iterator

from etl.errors import EtlError
from etl.operations.doctor.finding import Finding, Look
from etl.operations.grown import first_night, grown_deliveries

SUBJECT = "deliveries"


def check_grown(look: Look) -> Iterator[Finding]:
    """What came after its run is named until a run has taken it; what keeps a look from it is told by other checks."""
    if look.ledger is None:
        return
    since = first_night(look.scheduling, look.now)
    for plan in (plan for plan in look.plans if not plan.problems):
        try:
            found = grown_deliveries(look.settings, plan, since, settle_seconds=0)
        except (EtlError, OSError):
            continue
        for each in found:
            step = f"etl run {plan.hospital} {each.folder}"
            if each.lacks:
                step = "wait until the rest has come, or ask the hospital"
            elif not each.late:
                step = f"the DAG etl_grown does, at its next look; without Airflow: {step}"
            yield Finding(SUBJECT, f"{plan.hospital} grew", "warn", each.told, step)
