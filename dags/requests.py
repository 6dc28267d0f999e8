"""Does what requests for data need done by themselves: their data, their twins, their ends."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from etl.operations.airflow.work import work
from etl.operations.plan import TIME_ZONE, load_scheduling

SCHEDULE = load_scheduling().requests_schedule
_RETRIES = 2


@dag(
    dag_id="etl_requests",
    dag_display_name="Requests for data",
    schedule=CronTriggerTimetable(SCHEDULE, timezone=TIME_ZONE) if SCHEDULE else None,
    catchup=False,
    max_active_runs=1,
    tags=["etl", "requests"],
    doc_md="Builds, tests, opens and destroys what was ordered in the office, in the name of who ordered it; shuts "
    "what has ended, makes dummy twins: what `etl request work` does. Where nothing is to be done it ends in a moment.",
)
def requests() -> None:
    """One look at all requests."""

    @task(retries=_RETRIES, retry_delay=timedelta(minutes=2))
    def sweep() -> None:
        """Do what there is to be done; a request that fails stops no other, and fails the task at the end."""
        work("requests:sweep")(last_try=get_current_context()["ti"].try_number > _RETRIES)

    sweep()


requests()
