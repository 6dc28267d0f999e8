"""Writes all validation reports and their index anew whenever any hospital has published."""

from __future__ import annotations

from airflow.sdk import Asset, AssetAny, dag, task

from etl.operations.airflow.work import work
from etl.operations.plan import read_plans
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

    @task(outlets=[Asset("etl://reports")])
    def write() -> str:
        """Write every page and the index; returns the path of the index."""
        return work("write_everything")()

    write()


reports()
