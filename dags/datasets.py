"""Builds the data sets that are due, after hospitals have published."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Asset, dag, get_current_context, task

from etl.operations.airflow.work import work

_RETRIES = 2


@dag(
    dag_id="etl_datasets",
    dag_display_name="Data sets",
    schedule=[Asset("etl://reports")],
    catchup=False,
    max_active_runs=1,
    tags=["etl", "reports"],
    doc_md="Builds the next version of the data sets that say `refresh: nightly`, and of those that say `weekly` and "
    "whose newest is a week old: what `etl dataset build` does. Where nothing has changed nothing is built.",
)
def datasets() -> None:
    """The next version of what is due."""

    @task(retries=_RETRIES, retry_delay=timedelta(minutes=5))
    def build() -> None:
        """Build what is due, one after the other; one that cannot be built does not keep the others from it."""
        work("datasets:build")(last_try=get_current_context()["ti"].try_number > _RETRIES)

    build()


datasets()
