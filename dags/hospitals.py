"""One DAG per hospital: a folder of `mappings/` with a hospital.yaml is a DAG, with no change here.

The tasks are the stages of `etl.night.pipeline`, which the command line runs too. They hand on the run's id, no rows.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AsyncCallback,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    Param,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from etl.night.stages import STAGE_NAMES
from etl.operations.airflow.gate import FORM, ApprovalGate
from etl.operations.airflow.notify import failed, night_of_run
from etl.operations.airflow.work import work
from etl.operations.plan import (
    TIME_ZONE,
    Plan,
    delivery_folder,
    load_scheduling,
    looks_of,
    missing,
    read_plans,
    time_allowed,
)
from etl.settings import load_settings

SCHEDULING = load_scheduling()
RETRIED: dict[str, Any] = {
    "retry_delay": timedelta(seconds=SCHEDULING.retry_seconds),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
}
DOC = (Path(__file__).parent / "hospitals.md").read_text(encoding="utf-8")
BROKEN = (Path(__file__).parent / "broken.md").read_text(encoding="utf-8")
PARAMS = {
    "night": Param(
        None, type=["null", "string"], format="date", title="Night",
        description="The night the delivery is named after, YYYY-MM-DD. Empty: the day the run was due, in Seoul.",
    ),
    "delivery": Param(
        None, type=["null", "string"], title="Delivery",
        description="Folder with the night's files. Empty: the night's folder below the hospital's drop folder.",
    ),
    "force": Param(
        False, type="boolean", title="Force", description="Run again although exactly this is published already."
    ),
    "reason": Param(
        None, type=["null", "string"], title="Reason",
        description="Why it is forced; a night that is still to come is taken with a reason only. No patient's data.",
    ),
}  # fmt: skip


def _asked(hospital: str, drops: str | None) -> tuple[Path, date]:
    """The folder and the night that this run is about."""
    context = get_current_context()
    params = context["params"]
    night = date.fromisoformat(params["night"] or night_of_run(context["dag_run"]))
    if params["delivery"]:
        return Path(params["delivery"]), night
    return delivery_folder(load_settings(), hospital, drops, night), night


def _last_try() -> bool:
    ti = get_current_context()["ti"]
    return ti.try_number > ti.max_tries


@task.sensor(
    mode="reschedule", poke_interval=SCHEDULING.poll_seconds,
    timeout=SCHEDULING.wait_minutes * 60, retries=2, **RETRIED,
)  # fmt: skip
def wait_for_delivery(hospital: str, drops: str | None, extracts: bool) -> bool:
    """Wait, without holding a worker, until the night's files are complete; a backfill waits for nobody."""
    folder, night = _asked(hospital, drops)
    backfill = get_current_context()["dag_run"].run_type == "backfill"
    if extracts and not backfill and not get_current_context()["params"]["delivery"]:  # a database has no past nights
        lacks = work("lacking_before_extraction")(hospital, night)
    else:
        lacks = missing(folder, 0 if backfill else SCHEDULING.settle_seconds, looks_of(load_settings()))
        lacks = lacks or work("lacking_by_contract")(hospital, folder)  # the contract is read when all else is there
    print(lacks or "the delivery is complete")
    if lacks and backfill:
        raise AirflowSkipException(f"no delivery of the night {night}")
    return lacks is None


@task(retries=3, **RETRIED)
def extract(hospital: str, drops: str | None) -> None:
    """Read the night from the hospital's own database into the night's folder, unless it lies there."""
    _, night = _asked(hospital, drops)
    if not get_current_context()["params"]["delivery"]:
        work("extract")(hospital, night, last_try=_last_try())


@task.short_circuit(task_id="open", retries=2, **RETRIED)
def open_night(hospital: str, drops: str | None) -> str | None:
    """Check the mappings, hash the delivery, open its run; skips the stages when it is published already."""
    folder, night = _asked(hospital, drops)
    params = get_current_context()["params"]
    return work("begin_night")(
        hospital, folder, night, force=bool(params["force"]), reason=params["reason"], last_try=_last_try()
    )


@task
def stage(opened: str, name: str) -> str:
    """Take the run through one stage."""
    return work("do_stage")(opened, name, last_try=_last_try())


@task(task_id="open")
def refuse(problems: list[str]) -> None:
    """Say what is wrong with hospital.yaml."""
    raise AirflowFailException("\n".join([*problems, "→ correct the lines named above, then run: etl check"]))


@task
def report(opened: str | None) -> str:
    """Write the validation report, also when a gate closed or a stage failed."""
    return work("write_report")(opened)


def _described(plan: Plan) -> dict[str, Any]:
    values = {"title": plan.title, "hospital": plan.hospital, "schedule": plan.schedule, "time_zone": TIME_ZONE,
              "reports": load_settings().reports, "problems": "\n".join(plan.problems)}  # fmt: skip
    tags = ["etl", "nightly", *(["broken"] if plan.problems else [])]
    return {"doc_md": (BROKEN if plan.problems else DOC).format(**values), "tags": tags}


def _deadline(plan: Plan) -> DeadlineAlert | None:
    """Tells people when the night is not done by its hour."""
    done_by = SCHEDULING.done_by
    if done_by is None or plan.problems:
        return None
    said = {"hospital": plan.hospital, "done_by": f"{done_by:%H:%M}"}
    # a scheduled run is queued at its hour; a logical date would make every backfill late from the start.
    # the triggerer may read connections; what Airflow runs in an executor instead may not
    return DeadlineAlert(
        DeadlineReference.DAGRUN_QUEUED_AT, time_allowed(plan.schedule, done_by),
        AsyncCallback("etl.operations.airflow.notify.late", said), name=f"done by {said['done_by']}",
    )  # fmt: skip


def build(plan: Plan) -> DAG:
    """The hospital's DAG. With a broken hospital.yaml its only task fails and says why."""
    with DAG(
        plan.dag_id,
        dag_display_name=plan.title,
        # with a start date, a new DAG would run the night that is over at once
        schedule=CronTriggerTimetable(plan.schedule, timezone=TIME_ZONE, run_immediately=timedelta(0)),
        catchup=False,
        max_active_runs=1,
        params=PARAMS,
        default_args={"on_failure_callback": partial(failed, hospital=plan.hospital)},
        deadline=_deadline(plan),
        **_described(plan),
    ) as dag:
        if plan.problems:
            refuse(list(plan.problems))
        else:
            _tasks(plan)
    return dag


def _tasks(plan: Plan) -> None:
    """The night's tasks, one after the other; each hands on the run's id."""
    publishing = {"pool": SCHEDULING.pool, "outlets": [Asset(plan.asset)]}
    opened: Any = open_night(plan.hospital, plan.drops)
    arrived: Any = wait_for_delivery(plan.hospital, plan.drops, plan.extracts)
    if plan.extracts:
        arrived >> (arrived := extract(plan.hospital, plan.drops))
    arrived >> opened
    run_id = opened
    for each in STAGE_NAMES:
        if each.name == "publish":
            gate = ApprovalGate(
                task_id="approve", opened=run_id, hospital=plan.hospital, scheduling=SCHEDULING, params=FORM,
                retries=2, **RETRIED,
            )  # fmt: skip
            run_id = gate.output
        how = publishing if each.name == "publish" else {}
        run_id = stage.override(task_id=each.name, retries=each.retries, **RETRIED, **how)(run_id, each.name)
    # a teardown runs whatever happened before it, and does not make a failed night look like a good one
    run_id >> report(opened).as_teardown()


for _plan in read_plans(load_settings().mappings):
    globals()[_plan.dag_id] = build(_plan)
