"""The work of the DAG that builds data sets."""

from __future__ import annotations

import logging

from etl.errors import EtlError
from etl.operations.airflow.connections import task_settings
from etl.operations.airflow.tasks import told_to_airflow
from etl.research.datasets.due import build_due

log = logging.getLogger(__name__)


def build(*, last_try: bool) -> None:
    """Build the data sets that are due; the first that could not be built fails the task when all were tried."""
    with told_to_airflow(last_try=last_try), task_settings() as settings:
        failed: list[EtlError] = []
        for name, outcome in build_due(settings, lambda text: log.info("%s", text)):
            if isinstance(outcome, EtlError):
                log.error("%s: %s", name, outcome.message)
                failed.append(outcome)
            else:
                log.info("%s %s%s", name, outcome.manifest.version, "" if outcome.anew else ": nothing has changed")
        if failed:
            raise failed[0]
