"""The work of the DAGs' tasks: the pipeline's own functions, and what their errors mean to Airflow.

Tasks hand each other run ids only. Nothing that could quote a value reaches Airflow's log or database: an error of
the pipeline is told by its message, any other error by its class and the line of the program where it came up.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import sqlalchemy.exc
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from etl.cli.nights import names, write_all_reports
from etl.errors import EtlError, TransientError
from etl.ledger import Ledger
from etl.lineage.events import stage_events
from etl.pipeline import begin_recorded, clear_scratch, fail, open_run, run_stage, stage_by_name, up_to_date
from etl.report.write import write_reports
from etl.run import Run, hospital_lock, resume
from etl.settings import PROJECT, load_settings

log = logging.getLogger(__name__)

#: Faults outside the program that may be gone at the next try.
_PASSING = (OSError, MemoryError, sqlalchemy.exc.OperationalError)
_CUT_OFF = (
    "the run was cut off: a task was stopped from outside (by hand, a restart, want of memory), or the mappings "
    "were changed meanwhile and no longer load; the task's log in Airflow says which"
)


class MayPass(AirflowException):
    """Tells Airflow to try the task again."""


def as_etl_error(error: Exception) -> EtlError:
    """Any error as one of ours, with nothing in it that could be a value of a patient."""
    if isinstance(error, EtlError):
        return error
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(str(PROJECT / "etl"))]
    where = f" at {Path(own[-1].filename).relative_to(PROJECT)}:{own[-1].lineno}" if own else ""
    message = f"{type(error).__name__}{where}"
    if isinstance(error, _PASSING):
        return TransientError(message, hint="it is tried again; if it stays, look at disk, memory and database")
    return EtlError(f"unexpected {message}", hint="report it with this line; the message is left out on purpose")


@contextmanager
def told_to_airflow(*, last_try: bool, run: Run | None = None) -> Iterator[None]:
    """Turn errors into a retry or a failure without one, and record in the ledger that the run stopped."""
    try:
        yield
    except Exception as raised:
        error = as_etl_error(raised)
        retry = isinstance(error, TransientError)
        if run is not None and (last_try or not retry):
            fail(run, error)
        raise (MayPass if retry else AirflowFailException)(str(error)) from None


def begin_night(hospital: str, folder: Path, night: date, *, force: bool, last_try: bool) -> str | None:
    """Check mappings, hash the delivery, open its run in the ledger; None when exactly this is published already."""
    with told_to_airflow(last_try=last_try):
        settings = load_settings()
        log.info("%s: the delivery is %s", hospital, folder)
        run = begin_recorded(settings, hospital, folder, night, force=force)
        with hospital_lock(settings, hospital):
            if not force and up_to_date(run):
                log.info("%s is what is published already; nothing to do (the parameter `force` runs it)", run.run_id)
                return None
            clear_scratch(settings)
            open_run(run)
        log.info("%s: %s bytes in %d files", run.run_id, f"{run.delivery.bytes:,}", len(run.delivery.files))
        return run.run_id


def do_stage(run_id: str, name: str, *, last_try: bool) -> str:
    """Run one stage; returns the run's id for the next one."""
    with told_to_airflow(last_try=last_try):
        run = resume(load_settings(), run_id)
    with told_to_airflow(last_try=last_try, run=run), stage_events(run, name):
        rows = run_stage(run, stage_by_name(name), lambda text: log.info("%s: %s", name, text))
        log.info("%s: %s rows", name, f"{rows:,}")
    return run_id


def write_report(run_id: str | None) -> str:
    """Write the report of a run (none: the index only) and return the path of the index.

    A run that is still open then was cut off; the ledger says so from now on.
    """
    with told_to_airflow(last_try=True):
        settings = load_settings()
        ledger = Ledger(settings.ledger_url)
        row = ledger.run(run_id) if run_id else None
        if run_id and row and row["state"] == "running":
            ledger.close_run(run_id, "failed", row["stage"], _CUT_OFF)
        index = write_reports(ledger, settings.reports, names(settings), run_ids=[run_id] if run_id else [])
        log.info("report: %s", index)
        return str(index)


def write_everything() -> str:
    """Write the reports of all nights and the index; returns its path."""
    with told_to_airflow(last_try=True):
        return str(write_all_reports(load_settings()))
