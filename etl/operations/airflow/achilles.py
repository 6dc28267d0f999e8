"""The work of the DAG that brings the results of Achilles up to date."""

from __future__ import annotations

import logging

from etl.operations.airflow.connections import task_settings
from etl.operations.airflow.tasks import told_to_airflow
from etl.research.achilles.run import bring_up_to_date

log = logging.getLogger(__name__)


def compute(*, last_try: bool) -> None:
    """Compute what hospitals have published since the last time; where none has, nothing is done."""
    told: set[str] = set()

    def tell(stage: str, _text: str) -> None:
        if stage not in told:
            told.add(stage)
            log.info("%s", stage)

    with told_to_airflow(last_try=last_try), task_settings() as settings:
        done = bring_up_to_date(settings, tell)
        if done is None:
            log.info("nothing was published since the last time")
        else:
            log.info(
                "%s rows in %.0f s; computed anew: %s", f"{done.told:,}", done.seconds, ", ".join(done.anew) or "–"
            )
