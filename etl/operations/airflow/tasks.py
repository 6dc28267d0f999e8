"""The work of the DAGs' tasks: the pipeline's own functions, and what their errors mean to Airflow.

Tasks hand each other run ids only. Nothing that could quote a value reaches Airflow's log or database: an error of
the pipeline is told by its message, any other error by its class and the line of the program where it came up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from etl.errors import ConfigError, EtlError, GateClosed, TransientError
from etl.faults import as_etl_error
from etl.mapping.load import load_mappings
from etl.night.attempt import fail
from etl.night.lock import hospital_lock
from etl.night.opening import begin_recorded, open_unless_published
from etl.night.pipeline import run_stage, stage_by_name
from etl.night.publish.approval import (
    ApprovalMissing,
    Decision,
    answer_waiting,
    ask,
    decide,
    forget_later_stages,
    open_questions,
)
from etl.night.remember import resume
from etl.night.run import Run
from etl.night.worker import CUT_OFF_HINT
from etl.operations.airflow.connections import task_settings
from etl.operations.airflow.notify import Digest, send
from etl.operations.arrived import lacking_files
from etl.operations.extract.night import extract_night, waits_for
from etl.operations.grown import Grown, first_night
from etl.operations.grown import grown_deliveries as find_grown
from etl.operations.plan import Plan, load_scheduling, read_plans
from etl.quality.findings.actions import today
from etl.quality.findings.digest import digest, is_worth_telling, subject, text
from etl.quality.findings.told import small_cells
from etl.quality.lineage.events import stage_events
from etl.quality.morning import follow_up, morning
from etl.quality.names import hospital_names
from etl.quality.report.pages import write_reports
from etl.research.oversight.unusual import look_through_daily
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.recorded import anchor

log = logging.getLogger(__name__)

_CUT_OFF = (
    "the run was cut off: a task was stopped from outside (by hand, a restart, want of memory), or the mappings "
    "were changed meanwhile and no longer load; the task's log in Airflow says which"
)


class MayPass(AirflowException):
    """Tells Airflow to try the task again."""

    exit_code = TransientError.exit_code


class Stopped(AirflowFailException):
    """Fails the task at once; knows the error's exit code, and whether a gate closed."""

    def __init__(self, error: EtlError) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code
        self.gate_closed = isinstance(error, GateClosed)


@contextmanager
def told_to_airflow(*, last_try: bool, run: Run | None = None) -> Iterator[None]:
    """Turn errors into a retry or a failure without one, and record in the ledger that the run stopped."""
    try:
        yield
    except (MayPass, Stopped):
        raise  # told already
    except Exception as raised:
        error = as_etl_error(raised, "task")
        retry = isinstance(error, TransientError)
        if run is not None and (last_try or not retry):
            fail(run, error)
        raise (MayPass(str(error)) if retry else Stopped(error)) from None


def begin_night(
    hospital: str, folder: Path, night: date, *, force: bool, last_try: bool, reason: str | None = None
) -> str | None:
    """Check mappings, hash the delivery, open its run in the ledger; None when exactly this is published already."""
    with told_to_airflow(last_try=last_try), task_settings() as settings:
        log.info("%s: the delivery is %s", hospital, folder)
        run = begin_recorded(settings, hospital, folder, night, force=force, reason=reason)
        with hospital_lock(settings, hospital):
            if not open_unless_published(run, lambda text: log.warning("%s", text)):
                log.info("%s is what is published already; nothing to do (the parameter `force` runs it)", run.run_id)
                return None
            run.ledger.update_run(run.run_id, worker=None)  # nobody works on it until its next task
        log.info("%s: %s bytes in %d files", run.run_id, f"{run.delivery.bytes:,}", len(run.delivery.files))
        return run.run_id


def lacking_before_extraction(hospital: str, night: date) -> str | None:
    """What a hospital that is extracted has to deliver itself before; None: nothing, or it is there."""
    with told_to_airflow(last_try=True), task_settings() as settings:
        return waits_for(settings, hospital, night)


def lacking_by_contract(hospital: str, folder: Path) -> str | None:
    """A source of which fewer files have come than the contract says; None: none, or the task `open` will tell why."""
    with task_settings() as settings, suppress(EtlError):
        return lacking_files(load_mappings(settings.mappings, [hospital])[hospital], folder)
    return None


def grown_deliveries() -> list[dict[str, Any]]:
    """Of each hospital the oldest night that has to be run again because more of it has come, as a run to trigger.

    The others are told in the log. What a run is called says the night and the digest of what came, so that Airflow
    knows no second one of it. A hospital that cannot be looked at does not keep the others from being.
    """
    scheduling, runs = load_scheduling(), []
    since = first_night(scheduling)
    with told_to_airflow(last_try=True), task_settings() as settings:
        for plan in (plan for plan in read_plans(settings.mappings) if not plan.problems):
            try:
                found = find_grown(settings, plan, since, settle_seconds=scheduling.settle_seconds)
            except Exception as raised:
                log.warning("%s: %s", plan.hospital, as_etl_error(raised).message)
                continue
            for each in found:
                log.info("%s", each.told)
            runs += [_triggered(plan, each) for each in found if not each.late and not each.lacks][:1]
    return runs


def _triggered(plan: Plan, found: Grown) -> dict[str, Any]:
    night = found.night.isoformat()
    run_id = f"grown__{night}__{found.contents}"
    return {"trigger_dag_id": plan.dag_id, "trigger_run_id": run_id, "conf": {"night": night}}


def extract(hospital: str, night: date, *, last_try: bool) -> None:
    """Read the hospital's night from its own database into the night's folder, unless it lies there."""
    with told_to_airflow(last_try=last_try), task_settings(hospital) as settings:
        found = extract_night(settings, hospital, night)
        for source in found.sources:
            log.info("%s: %s rows in %.1f s", source.source, f"{source.rows:,}", source.seconds)
        log.info("the delivery is %s", found.folder)


def do_stage(run_id: str, name: str, *, last_try: bool) -> str:
    """Run one stage; returns the run's id for the next one. What later stages found before no longer counts."""
    with told_to_airflow(last_try=last_try), task_settings() as settings:
        run = resume(settings, run_id)
        forget_later_stages(run.ledger, run_id, name)
        with told_to_airflow(last_try=last_try, run=run), stage_events(run, name):
            rows = run_stage(run, stage_by_name(name), lambda text: log.info("%s: %s", name, text))
            run.ledger.update_run(run_id, worker=None)  # nobody works on it until its next task
            log.info("%s: %s rows", name, f"{rows:,}")
    return run_id


def opened_night(hospital: str, night: date) -> str:
    """The id of the run that was opened last for a night; ConfigError when there is none."""
    with told_to_airflow(last_try=True), task_settings() as settings:
        query = sa.select(RUN.c.run_id).where(RUN.c.hospital == hospital, RUN.c.night == night, RUN.c.delivery != "-")
        found = Ledger(settings.ledger_url).read(query.order_by(RUN.c.number.desc()).limit(1))
        if not found:
            raise ConfigError(f"the night {night} of {hospital} was never opened", hint="trigger the hospital's DAG")
        return str(found[0]["run_id"])


def ask_approval(run_id: str) -> list[str]:
    """What a person has to decide, a line for each warning; its report is there then. Empty: nobody has to."""
    with told_to_airflow(last_try=True), task_settings() as settings:
        ledger = Ledger(settings.ledger_url)
        lines = [line for question in ask(ledger, run_id) for line in question.lines]
        if lines:
            ledger.update_run(run_id, state="waiting")
            write_reports(
                ledger, settings.reports, hospital_names(settings), cells=small_cells(settings), run_ids=[run_id]
            )
        return lines


def record_decision(run_id: str, decision: Decision, actor: str, reason: str, *, person: bool) -> None:
    """Note what a person decided, or what holds because nobody did; what is not approved then ends the run.

    Somebody may have answered on the command line meanwhile: a person overrules that, a time limit does not.
    """
    with told_to_airflow(last_try=True), task_settings() as settings:
        run = resume(settings, run_id)
        with told_to_airflow(last_try=True, run=run):
            if not person:
                answer_waiting(run.ledger, run_id, decision, actor, reason)
            elif decision == "refused" or open_questions(run.ledger, run_id):
                decide(run.ledger, run_id, decision, actor, reason)
            for question in open_questions(run.ledger, run_id):
                raise ApprovalMissing(
                    f"{question.decision} by {question.actor}; the last published night stays",
                    hint="trigger the night again to be asked again",
                    waits=False,
                )


def write_report(run_id: str | None, *, ended: bool = True) -> str:
    """Write the report of a run (none: the index only) and return the path of the index.

    A run that has `ended` and is still open then was cut off; the ledger says so from now on.
    """
    with told_to_airflow(last_try=True), task_settings() as settings:
        ledger = Ledger(settings.ledger_url)
        row = ledger.run(run_id) if run_id else None
        if ended and run_id and row and row["state"] == "running":
            ledger.close_run(run_id, "failed", row["stage"], _CUT_OFF, CUT_OFF_HINT)
        for line in follow_up(settings, measure=False):  # of all hospitals at once, by `write_everything`
            log.warning("%s", line)
        index = write_reports(
            ledger,
            settings.reports,
            hospital_names(settings),
            cells=small_cells(settings),
            run_ids=[run_id] if run_id else [],
        )
        log.info("report: %s", index)
        return str(index)


def write_everything() -> str:
    """Measure and track what was published, write the reports of all nights and the index; returns its path."""
    with told_to_airflow(last_try=True), task_settings() as settings:
        index, failed = morning(settings)
        failed += look_through_daily(settings, today())
        anchor(settings)
        for line in failed:
            log.warning("%s", line)
        return str(index)


def send_digest() -> None:
    """Tell how many findings need a person, are late or whose waiver ends soon; of none nobody is told."""
    with told_to_airflow(last_try=True), task_settings() as settings:
        counts = digest(Ledger(settings.ledger_url))
        log.info("%s", text(counts))
        if is_worth_telling(counts):
            send(Digest(f"[ETL] {subject(counts)}", text(counts)))
