"""How a run is opened: what refuses to begin, and when there is nothing to do."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from etl.engine import clear_scratch
from etl.errors import InputError, UsageError
from etl.faults import etl_errors
from etl.night.delivery import NoDelivery, night_of
from etl.night.lake.form import claim
from etl.night.missed import refuse_to_jump
from etl.night.remember import begin
from etl.night.run import Progress, Run
from etl.night.taken import contents_of, note_taken
from etl.night.worker import CUT_OFF, CUT_OFF_HINT, is_gone, this_worker
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.standing import heal, standing


def begin_recorded(
    settings: Settings, hospital: str, folder: Path, night: date | None, progress: Progress | None = None,
    *, force: bool = False, reason: str | None = None, trial: bool = False,
) -> Run:  # fmt: skip
    """`begin`, and a line in the ledger when the delivery is so bad that it cannot even be opened.

    What lies in the folder is noted as taken, unless the run is a trial. Where there is no delivery at all, such as at
    a mistyped path, nothing is recorded.
    """
    with etl_errors("open"):
        contents = contents_of(folder)  # before it is read: what comes meanwhile has come since
    try:
        with etl_errors("open"):
            run = begin(settings, hospital, folder, night, progress, force=force, reason=reason)
    except NoDelivery:
        raise
    except InputError as error:
        day = night or night_of(folder)
        run_id = f"{hospital}-{day:%Y%m%d}-unopened"
        ledger = Ledger(settings.ledger_url)
        ledger.open_run(run_id, hospital, day, "-")
        ledger.close_run(run_id, "failed", "open", error.message, error.hint)
        if not trial:
            note_taken(settings, folder, contents)
        raise
    if not trial:
        note_taken(settings, folder, contents)
    return run


def open_unless_published(run: Run, tell: Progress | None = None, *, trial: bool = False) -> bool:
    """Open a run in the ledger; False, and nothing is opened, when exactly it is published already.

    The hospital's lock is held. First the ledger is brought to what the warehouse says is published, and what other
    runs left open that were killed is closed. Raises InputError for a run that must not begin, UsageError for a trial
    of what was published.
    """
    claim(run.settings.lake)
    told = heal(run.ledger, standing(run.warehouse, run.ledger, run.delivery.hospital))
    if told and tell:
        tell(told)
    if not run.force and up_to_date(run):
        return False
    if trial and run.run_id in {row["run_id"] for row in run.ledger.publications(run.delivery.hospital)}:
        raise UsageError(
            f"{run.run_id} was published; what it was made of would be made anew",
            hint="run it to its end, or try with another delivery, or with an ETL_HOME of its own",
        )
    clear_scratch(run.settings)
    open_run(run)
    return True


def open_run(run: Run) -> None:
    """Write the run into the ledger as running; InputError for one that must not begin."""
    _refuse(run)
    refuse_to_jump(run)
    _close_cut_off(run.ledger, run.delivery.hospital)
    run.ledger.open_run(
        run.run_id, run.delivery.hospital, run.delivery.night, run.delivery.sha256,
        vocabulary=run.release.version, mappings=run.fingerprint, worker=this_worker(), reason=run.reason,
    )  # fmt: skip


def _close_cut_off(ledger: Ledger, hospital: str) -> None:
    """End the runs of a hospital that the ledger has as running, whose process has ended."""
    open_ = (RUN.c.hospital == hospital) & (RUN.c.state == "running")
    for row in ledger.read(sa.select(RUN.c.run_id, RUN.c.stage, RUN.c.worker).where(open_)):
        if is_gone(row["worker"]):
            ledger.close_run(row["run_id"], "failed", row["stage"], CUT_OFF, CUT_OFF_HINT)


def up_to_date(run: Run) -> bool:
    """Whether exactly this delivery, with these mappings and this vocabulary, is what is published."""
    last, state = run.ledger.last_published(run.delivery.hospital), run.ledger.run(run.run_id)
    if last is None or state is None or state["state"] != "published":
        return False
    return (last["run_id"], last["mappings"]) == (run.run_id, run.fingerprint)


def _refuse(run: Run) -> None:
    """Refuse a night older than the one that is published, one of the future, and one that was rolled back.

    The last two go on when they are forced, a night of the future with a reason.
    """
    hospital, night = run.delivery.hospital, run.delivery.night
    before, earlier = run.ledger.last_published(hospital), run.ledger.run(run.run_id)
    left = earlier is not None and earlier["state"] == "left"
    if not run.force and (left or run.run_id in run.ledger.gone_back_from(hospital)):
        who = f" by {before['actor']}" if before and before["actor"] else ""
        why = f": {before['reason']}" if before and before["reason"] else ""
        raise InputError(
            f"the night {night} of {hospital} was rolled back{who}{why}",
            hint=f"etl publish {run.run_id} publishes it again, --force maps it anew; another delivery of the night is "
            "a run of its own",
        )
    if before and before["night"] > night and not run.mapping.is_delta:
        raise InputError(
            f"{hospital} has published the night {before['night']}; {night} is older",
            hint=f"deliver the newer night again; if {before['night']} is not its date, go back before it: "
            f"etl rollback {hospital} (or, where no night is kept: --to nothing)",
        )
    tomorrow = datetime.now(ZoneInfo(run.mapping.hospital.time_zone)).date() + timedelta(days=1)
    if night > tomorrow and not (run.force and run.reason):
        raise InputError(
            f"the night {night} of {hospital} is still to come: no night before it would be taken any more",
            hint="correct the folder's name or --night; if the date is right: --force --reason …",
        )
