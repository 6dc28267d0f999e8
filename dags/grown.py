"""Looks for deliveries of which more has come since their run, and runs their nights again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowRuntimeError

from etl.operations.airflow.work import work
from etl.operations.plan import TIME_ZONE, load_scheduling

SCHEDULING = load_scheduling()


def _is_free(dag_id: str) -> bool:
    """Whether no run of the DAG waits or works and nobody has paused it: its nights come one after the other."""
    ti: Any = get_current_context()["ti"]
    try:
        keeps = "it is paused" if ti.get_dag(dag_id).is_paused else None
    except AirflowRuntimeError:  # a hospital is new
        keeps = "Airflow has not read it yet"
    if keeps is None and ti.get_dr_count(dag_id, states=["queued", "running"]):
        keeps = "a run of it waits or works"
    if keeps:
        print(f"{dag_id} is passed over at this look: {keeps}")
    return keeps is None


@dag(
    dag_id="etl_grown",
    dag_display_name="Deliveries that grew",
    schedule=CronTriggerTimetable(SCHEDULING.grown_schedule, timezone=TIME_ZONE) if SCHEDULING.grown_schedule else None,
    catchup=False,
    max_active_runs=1,
    tags=["etl"],
    doc_md=(Path(__file__).parent / "grown.md").read_text(encoding="utf-8"),
)
def grown() -> None:
    """A look, and a run of each hospital of whose night more has come."""

    @task
    def look() -> list[dict[str, Any]]:
        """The runs to trigger, at most one of each hospital; none of one that is at work."""
        return [run for run in work("grown_deliveries")() if _is_free(run["trigger_dag_id"])]

    TriggerDagRunOperator.partial(task_id="run_again", skip_when_already_exists=True).expand_kwargs(look())


grown()
