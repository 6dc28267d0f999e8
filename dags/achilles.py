"""Brings what ATLAS and R read of Achilles up to date, after the reports of what hospitals published."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Asset, dag, get_current_context, task

from etl.operations.airflow.work import work

_RETRIES = 2


@dag(
    dag_id="etl_achilles",
    dag_display_name="Achilles for ATLAS",
    schedule=[Asset("etl://reports")],
    catchup=False,
    max_active_runs=1,
    tags=["etl", "reports"],
    doc_md="Computes OHDSI's Achilles of the hospitals that have published since the last time, and of all together: "
    "what `etl achilles` does. Where nothing has changed it ends in a moment.",
)
def achilles() -> None:
    """Results of all sources, put in the place of the old ones at once."""

    @task(retries=_RETRIES, retry_delay=timedelta(minutes=5))
    def compute() -> None:
        """Compute what changed; readers see the old results until the new ones are complete."""
        work("achilles:compute")(last_try=get_current_context()["ti"].try_number > _RETRIES)

    compute()


achilles()
