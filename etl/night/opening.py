"""How a run is opened: what refuses to begin, and when there is nothing to do."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from etl.errors import InputError
from etl.night.delivery import night_of
from etl.night.remember import begin
from etl.night.run import Progress, Run
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger


def begin_recorded(
    settings: Settings, hospital: str, folder: Path, night: date | None, progress: Progress | None = None,
    *, force: bool = False,
) -> Run:  # fmt: skip
    """`begin`, and a line in the ledger when the delivery is so bad that it cannot even be opened."""
    try:
        return begin(settings, hospital, folder, night, progress, force=force)
    except InputError as error:
        day = night or night_of(folder)
        run_id = f"{hospital}-{day:%Y%m%d}-unopened"
        ledger = Ledger(settings.ledger_url)
        ledger.open_run(run_id, hospital, day, "-")
        ledger.close_run(run_id, "failed", "open", error.message)
        raise


def up_to_date(run: Run) -> bool:
    """Whether exactly this delivery, with these mappings and this vocabulary, is what is published."""
    last, state = run.ledger.last_published(run.delivery.hospital), run.ledger.run(run.run_id)
    if last is None or state is None or state["state"] != "published":
        return False
    return (last["run_id"], last["mappings"]) == (run.run_id, run.fingerprint)


def open_run(run: Run) -> None:
    """Write the run into the ledger as running.

    Refuses a night older than the one that is published, and one that was rolled back, unless the run is forced.
    """
    before, earlier = run.ledger.last_published(run.delivery.hospital), run.ledger.run(run.run_id)
    if earlier and earlier["state"] == "left" and not run.force:
        who = f" by {before['actor']}" if before and before["actor"] else ""
        why = f": {before['reason']}" if before and before["reason"] else ""
        raise InputError(
            f"the night {run.delivery.night} of {run.delivery.hospital} was rolled back{who}{why}",
            hint=f"etl publish {run.run_id} publishes it again; another delivery of the night is a run of its own",
        )
    if before and before["night"] > run.delivery.night and not run.mapping.is_delta:
        raise InputError(
            f"{run.delivery.hospital} has published the night {before['night']}; {run.delivery.night} is older",
            hint=f"deliver the newer night again; if {before['night']} is not its date, go back before it: "
            f"etl rollback {run.delivery.hospital}",
        )
    run.ledger.open_run(
        run.run_id, run.delivery.hospital, run.delivery.night, run.delivery.sha256,
        vocabulary=run.release.version, mappings=run.fingerprint,
    )  # fmt: skip
