"""One stage of a night that was opened before, by hand: to look at a gate again, or to go on after a correction."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from etl.night.stages import STAGE_NAMES
from etl.operations.airflow.notify import failed
from etl.operations.airflow.work import work
from etl.operations.plan import load_scheduling, read_plans
from etl.settings import load_settings

SCHEDULING = load_scheduling()
HOSPITALS = [plan.hospital for plan in read_plans(load_settings().mappings) if not plan.problems]
PARAMS = {
    "hospital": Param(
        HOSPITALS[0] if HOSPITALS else None, type="string", enum=HOSPITALS or None, title="Hospital"
    ),
    "night": Param(
        "2000-01-01", type="string", format="date", title="Night",
        description="The night as its delivery is dated. Its newest run is taken up.",
    ),
    "stage": Param(
        "check_cdm", type="string", enum=[each.name for each in STAGE_NAMES], title="Stage",
        description="Only this one runs. What later stages found before no longer counts: run them too, then publish.",
    ),
}  # fmt: skip


@dag(
    dag_id="etl_stage",
    dag_display_name="One stage by hand",
    schedule=None,
    catchup=False,
    params=PARAMS,
    tags=["etl", "by hand"],
    default_args={"on_failure_callback": failed},
    doc_md=(Path(__file__).parent / "by_hand.md").read_text(encoding="utf-8"),
)
def by_hand() -> None:
    """One stage, and the report."""

    @task
    def opened() -> str:
        """The run of the night that was opened last."""
        params = get_current_context()["params"]
        return work("opened_night")(params["hospital"], date.fromisoformat(params["night"]))

    # the pool is publishing's, whichever stage is asked for: a task cannot choose it when it runs
    @task(pool=SCHEDULING.pool, retries=2, retry_delay=timedelta(seconds=SCHEDULING.retry_seconds))
    def stage(night_run: str) -> str:
        """Take the run through the stage that was asked for."""
        context = get_current_context()
        return work("do_stage")(
            night_run, context["params"]["stage"], last_try=context["ti"].try_number > context["ti"].max_tries
        )

    @task
    def report(night_run: str) -> str:
        """Write the night's page again, also when the stage failed."""
        return work("write_report")(night_run, ended=False)

    night_run: Any = opened()
    stage(night_run) >> report(night_run).as_teardown()


by_hand()
