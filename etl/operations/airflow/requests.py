"""The work of the DAG that does what requests for data need done by themselves."""

from __future__ import annotations

import getpass
import logging

from sqlalchemy.engine import URL

from etl.operations.airflow.connections import task_settings, url_of
from etl.operations.airflow.tasks import told_to_airflow
from etl.operations.plan import load_scheduling
from etl.research.fulfilment.sweep import sweep as sweep_all
from etl.research.fulfilment.work import Worker
from etl.research.requests.case import ITSELF
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger

log = logging.getLogger(__name__)


def sweep(*, last_try: bool) -> None:
    """Look at all requests once; the first error is raised when all were looked at."""
    with told_to_airflow(last_try=last_try), task_settings() as settings:
        ledger = Ledger(settings.ledger_url)
        done = list(sweep_all(Worker(settings, ledger, ITSELF, getpass.getuser(), _admin(settings))))
        for each in done:
            (log.error if each.error else log.info)("request %s: %s", each.request, each.text)
        if failed := next((each.error for each in done if each.error), None):
            raise failed


def _admin(settings: Settings) -> URL | None:
    """Who makes schemas and roles of spaces on the server, by the connection that is set for it."""
    conn_id = load_scheduling().admin_conn_id
    return url_of(conn_id).set(database=settings.warehouse.database) if conn_id else None
