"""The journey of one delivery: its stages in order. The command line and the Airflow DAGs run this same list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from etl.errors import EtlError, TransientError
from etl.faults import etl_errors
from etl.night.attempt import Stage, Work, attempt, fail
from etl.night.check.stage import check_cdm, check_source
from etl.night.derive.stage import derive_tables
from etl.night.land.stage import land_files
from etl.night.lock import hospital_lock
from etl.night.map.stage import map_to_cdm
from etl.night.merge.stage import find_whom_it_touches
from etl.night.opening import begin_recorded, open_unless_published
from etl.night.publish.stage import publish
from etl.night.run import Progress, Run
from etl.night.stages import STAGE_NAMES
from etl.settings import Settings

#: The room of every stage, and the one function there that does its work.
WORK: Mapping[str, Work] = {
    "land": land_files,
    "check_source": check_source,
    "merge": find_whom_it_touches,
    "map": map_to_cdm,
    "derive": derive_tables,
    "check_cdm": check_cdm,
    "publish": publish,
}

STAGES: tuple[Stage, ...] = tuple(Stage(s.name, s.title, s.retries, WORK[s.name]) for s in STAGE_NAMES)


def stage_by_name(name: str) -> Stage:
    """The stage of that name."""
    return next(s for s in STAGES if s.name == name)


def run_stage(run: Run, stage: Stage, progress: Progress | None = None) -> int:
    """Run one stage under the hospital's lock and record how it went; returns the rows it took in."""
    with hospital_lock(run.settings, run.delivery.hospital):
        return attempt(run, stage, progress)


def run_delivery(
    settings: Settings, hospital: str, folder: Path, night: date | None = None, *, force: bool = False,
    reason: str | None = None, until: str | None = None, progress: Callable[[str, str], None] | None = None,
) -> tuple[str, bool]:  # fmt: skip
    """Take a delivery through all stages; returns the run's id and whether there was anything to do.

    With `until` it is a trial: that stage, which comes before `publish`, is the last one.

    Raises GateClosed, InputError, ConfigError or TransientError; what was published before stays published.
    """
    opening = (lambda text: progress("open", text)) if progress else None
    trial = until is not None
    run = begin_recorded(settings, hospital, folder, night, opening, force=force, reason=reason, trial=trial)
    # locked for the whole night: nobody may begin another one between two stages
    with etl_errors(), hospital_lock(settings, hospital):
        # it asks the warehouse: what cannot be published in the end need not begin
        if not open_unless_published(run, opening, trial=trial):
            return run.run_id, False
        try:
            _through_all(run, until, progress)
        except EtlError as error:
            fail(run, error)
            raise
        except KeyboardInterrupt:
            fail(run, TransientError("stopped by hand"))
            raise
    return run.run_id, True


def _through_all(run: Run, until: str | None, progress: Callable[[str, str], None] | None) -> None:
    for stage in STAGES:
        tell = (lambda text, name=stage.name: progress(name, text)) if progress else None
        if progress:
            progress(stage.name, "")
        attempt(run, stage, tell)
        if stage.name == until:
            run.ledger.close_run(run.run_id, "unpublished", until, f"it was to be run until '{until}' only")
            return
