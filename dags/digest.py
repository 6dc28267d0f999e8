"""Tells quality officers in the morning how many findings wait for them."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task

from etl.operations.airflow.work import work
from etl.operations.plan import TIME_ZONE, load_scheduling

SCHEDULING = load_scheduling()
TOLD = bool(SCHEDULING.digest_schedule and (SCHEDULING.mail_to or SCHEDULING.webhook_url))


@dag(
    dag_id="etl_digest",
    dag_display_name="Findings in the morning",
    schedule=CronTriggerTimetable(SCHEDULING.digest_schedule, timezone=TIME_ZONE) if TOLD else None,
    catchup=False,
    max_active_runs=1,
    tags=["etl", "reports"],
    doc_md="Sends by mail and webhook, where one is set up, how many findings of each hospital need a person, are new, "
    "late or in work: the numbers of `etl findings digest`, nothing else.",
)
def digest() -> None:
    """Numbers of findings, by every way that is set up."""

    @task
    def send() -> None:
        """Send the digest; if nothing waits, nothing is sent."""
        work("send_digest")()

    send()


digest()
