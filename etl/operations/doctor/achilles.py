"""Results of Achilles that are older than the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import duckdb

from etl.errors import EtlError
from etl.operations.doctor.finding import Finding, Look
from etl.research.achilles.state import behind

SUBJECT = "warehouse"


def check_achilles(look: Look) -> Iterator[Finding]:
    """What ATLAS shows is of the nights that are published; a warehouse that cannot be read other checks tell of."""
    with suppress(EtlError, duckdb.Error):
        if look.ledger is not None and (older := behind(look.settings)):
            yield Finding(
                SUBJECT, "achilles", "warn", older, "the DAG etl_achilles does it; without Airflow: etl achilles"
            )
