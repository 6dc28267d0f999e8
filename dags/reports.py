"""Writes all validation reports and their index anew whenever any hospital has published."""

from __future__ import annotations

from airflow.sdk import Asset, AssetAny, dag, task

from etl.nightly.plan import read_plans
from etl.settings import load_settings

ASSETS = [Asset(plan.asset) for plan in read_plans(load_settings().mappings)]


@dag(
    dag_id="etl_reports",
    dag_display_name="Validation reports",
    schedule=AssetAny(*ASSETS) if ASSETS else None,
    catchup=False,
    max_active_runs=1,
    tags=["etl", "reports"],
    doc_md=f"Writes `{load_settings().reports}/index.html` and every night's page, after any hospital has published.",
)
def reports() -> None:
    """All hospitals' reports."""

    @task
    def write() -> str:
        """Write every page and the index; returns the path of the index."""
        from etl.nightly.tasks import write_everything  # noqa: PLC0415 - loads the engine

        return write_everything()

    write()


reports()
