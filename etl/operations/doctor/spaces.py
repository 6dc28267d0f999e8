"""Project spaces that should be gone, or whose keys are not where they are looked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from etl.operations.doctor.finding import Finding, Look
from etl.research.fulfilment.sweep import open_by_mistake, waiting
from etl.research.spaces import kept, vault
from etl.research.spaces.destroy import pending

SUBJECT = "spaces"
_WAITS = timedelta(hours=1)
_LOOK = "etl request work; in Airflow: the DAG etl_requests"


def check_spaces(look: Look) -> Iterator[Finding]:
    """A space ends with its project, and opens with the vault's keys; a destruction that was killed is finished."""
    settings = look.settings
    for name in pending(settings):
        yield Finding(SUBJECT, name, "warn", "its destruction was broken off", "finish it: etl request work")
    for name in kept.spaces(settings):
        about = kept.about(settings, name)
        if about.is_over:
            step = "close and destroy its request: etl request show"
            yield Finding(SUBJECT, name, "warn", f"its last day, {about.until}, has passed", step)
        if not vault.has_keys(settings, name):
            yield Finding(
                SUBJECT, name, "warn", "the vault does not hold its keys", "set ETL_VAULT to the folder that does"
            )


def check_orders(look: Look) -> Iterator[Finding]:
    """What was ordered for requests is done, and their spaces are shut, by somebody who looks at them now and then."""
    if look.ledger is None:
        return
    for number in waiting(look.ledger, _WAITS):
        yield Finding(SUBJECT, f"request {number}", "warn", "what was ordered is not done for more than an hour", _LOOK)
    for number in open_by_mistake(look.settings, look.ledger):
        yield Finding(SUBJECT, f"request {number}", "warn", "it is not in use, and its space is open", _LOOK)
