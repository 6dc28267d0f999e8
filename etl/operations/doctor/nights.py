"""Deliveries and runs: whether nights come as planned, who works, what was cut off."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import sqlalchemy as sa
from croniter import croniter

from etl.errors import EtlError
from etl.mapping.load import load_mappings
from etl.night.manifest import MANIFEST
from etl.night.missed import nights_in
from etl.night.publish.approval import waiting
from etl.night.remember import delivery_of
from etl.night.worker import is_gone
from etl.operations.arrived import lacking_files
from etl.operations.doctor.finding import Finding, Look
from etl.operations.plan import TIME_ZONE, Plan, drop_folder, missing
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN, STAGE
from etl.store.standing import standing
from etl.store.warehouse.open import open_warehouse

SUBJECT = "deliveries"
RUNS = "runs"
_NIGHT = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
_LONG = timedelta(hours=12)
_CUT_OFF = timedelta(hours=1)


def check_drops(look: Look) -> Iterator[Finding]:
    """Every hospital's drop folder is there and its newest delivery is the one that was due."""
    for plan in look.plans:
        if plan.problems:
            text = f"its hospital.yaml cannot be used: {plan.problems[0]}"
            yield Finding(SUBJECT, plan.hospital, "fail", text, f"etl check {plan.hospital}")
        else:
            yield _drop(look, plan)


def _drop(look: Look, plan: Plan) -> Finding:
    folder = drop_folder(look.settings, plan.hospital, plan.drops)
    try:
        return _come(look, plan, folder)
    except OSError as error:
        text = f"{error.filename or folder} cannot be read: {error.strerror}"
        return Finding(SUBJECT, plan.hospital, "fail", text, f"let user {os.geteuid()} read it, or mount it again", 5)


def _come(look: Look, plan: Plan, folder: Path) -> Finding:
    """What has come into a drop folder, or where nights come from instead."""
    if not folder.exists():
        return _elsewhere(look, plan, folder) or _without_drops(look, plan, folder)
    nights = sorted((day, f) for f in folder.iterdir() if (day := _day(f.name)) and f.is_dir())
    if nights:
        return _newest(look, plan, *nights[-1])
    text, step = f"no night has come into {folder}", f"expected is a folder such as {folder}/{look.now:%Y-%m-%d}"
    return _elsewhere(look, plan, folder) or Finding(SUBJECT, plan.hospital, "warn", text, step)


def _without_drops(look: Look, plan: Plan, folder: Path) -> Finding:
    if plan.extracts:
        return Finding(SUBJECT, plan.hospital, "ok", "its nights are read from the hospital's own database")
    step = f"make it, or mount the hospital's share there; `drops` in {plan.hospital}/hospital.yaml names another"
    known = look.ledger is not None and look.ledger.last_published(plan.hospital) is not None
    text = f"there is no drop folder {folder}"
    return Finding(SUBJECT, plan.hospital, "fail" if known else "warn", text, step, 5)


def _elsewhere(look: Look, plan: Plan, drops: Path) -> Finding | None:
    """Of a hospital whose nights are brought to `etl run` from another folder; None where they come from this one."""
    used = _used(look, plan.hospital)
    if used is None or used == drops.resolve():
        return None
    if nights := nights_in(used):
        newest = max(nights)
        found = _newest(look, plan, newest, nights[newest])
        return replace(found, text=f"{found.text}; it lies in {used}, where the published night came from")
    text = f"the published night came from {used}, not from the drop folder {drops}"
    if used.is_dir():
        return Finding(SUBJECT, plan.hospital, "ok", text)
    step = f"mount {used} again, or say in {plan.hospital}/hospital.yaml where nights arrive: `drops`"
    return Finding(SUBJECT, plan.hospital, "warn", f"{text}, and is gone", step)


def _used(look: Look, hospital: str) -> Path | None:
    """The folder that the delivery published last lay in, as its run remembers it; None where that is not known."""
    last = look.ledger.last_published(hospital) if look.ledger else None
    if last is None:
        return None
    try:
        return delivery_of(look.settings, str(last["run_id"])).folder.resolve().parent
    except EtlError:  # another home's run, or one that was cleaned away
        return None


def _newest(look: Look, plan: Plan, night: date, folder: Path) -> Finding:
    """Whether a hospital's newest delivery is the one that was due, and complete."""
    due, waited = _due(look, plan)
    if night < due and waited:
        text = f"the newest delivery is of {night}; the night of {due} has not come"
        return Finding(SUBJECT, plan.hospital, "warn", text, "ask the hospital for it")
    if lacks := missing(folder, 0) or _lacks_files(look, plan, folder):
        return Finding(SUBJECT, plan.hospital, "warn", lacks, "wait until the export has ended, or ask the hospital")
    manifest = "with" if (folder / MANIFEST).exists() else "without"
    return Finding(SUBJECT, plan.hospital, "ok", f"the newest delivery is of {night}, {manifest} manifest.csv")


def _lacks_files(look: Look, plan: Plan, folder: Path) -> str | None:
    """What a delivery lacks by its contract; one that does not load is told where mappings are."""
    with suppress(EtlError):
        return lacking_files(load_mappings(look.settings.mappings, [plan.hospital])[plan.hospital], folder)
    return None


def _day(name: str) -> date | None:
    """The day that a folder is named after; None: it is no night's."""
    try:
        return date.fromisoformat(name) if _NIGHT.fullmatch(name) else None
    except ValueError:
        return None


def _due(look: Look, plan: Plan) -> tuple[date, bool]:
    """The last night that was due, and whether its time of waiting is over."""
    here = look.now.astimezone(ZoneInfo(TIME_ZONE))
    due: datetime = croniter(plan.schedule, here).get_prev(datetime)
    return due.date(), here - due > timedelta(minutes=look.scheduling.wait_minutes)


def check_locks(look: Look) -> Iterator[Finding]:
    """Who works on a hospital now. A lock ends with its process, so what is held is held by one that lives."""
    held = _held()
    for hospital in look.hospitals:
        file = look.settings.home / "locks" / f"{hospital}.lock"
        pid = held.get(file.stat().st_ino) if file.exists() else None
        if pid is None:
            continue
        since = _since(pid)
        for_long = since is not None and look.now - since > _LONG
        who = f"process {pid}" if pid > 0 else "a process of another container"
        text = f"{hospital}: {who} is at work" + (f" since {since:%Y-%m-%d %H:%M} UTC" if since else "")
        step = "etl status tells its stage; if it hangs, end the process and run the night again"
        yield Finding(RUNS, "lock", "warn" if for_long else "ok", text, step if for_long else None)


def _held() -> dict[int, int]:
    """Processes that hold a file lock, by inode; none where the system does not tell."""
    table = Path("/proc/locks")
    lines = table.read_text(encoding="ascii").splitlines() if table.exists() else []
    rows = [line.split() for line in lines if " FLOCK " in line and "->" not in line]
    return {int(row[5].rsplit(":", 1)[1]): int(row[4]) for row in rows}


def _since(pid: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
    except (psutil.Error, ValueError):  # it has ended meanwhile, or is in another container
        return None


def check_record(look: Look) -> Iterator[Finding]:
    """The ledger tells of what the warehouse holds: either may have been restored from an older copy."""
    if look.ledger is None and not any(look.settings.home.glob("warehouse/catalog.*")):
        return
    try:
        warehouse = open_warehouse(look.settings)
        ledger = Ledger(look.settings.ledger_url)
        found = [standing(warehouse, ledger, hospital) for hospital in look.hospitals]
    except EtlError:
        return  # the checks of the warehouse tell why it cannot be asked
    for each in found:
        if each.difference:
            step = "the hospital's next run records it; where it is not what should be: docs/operations.md"
            yield Finding(RUNS, "record", "warn", each.difference, step)


def check_cut_off(look: Look) -> Iterator[Finding]:
    """Runs that the ledger has as running while nobody works on them."""
    if look.ledger is None:
        return
    last = sa.select(sa.func.max(STAGE.c.started_at)).where(STAGE.c.run_id == RUN.c.run_id).scalar_subquery()
    columns = [RUN.c[name] for name in ("run_id", "hospital", "stage", "worker")]
    query = sa.select(*columns, sa.func.coalesce(last, RUN.c.started_at).label("at"))
    held, waits = _held(), {row["run_id"] for row in waiting(look.ledger)}
    open_ = RUN.c.state.in_(("running", "waiting"))
    for run in look.ledger.read(query.where(open_, RUN.c.hospital.in_(look.hospitals))):
        if run["run_id"] in waits:  # in Airflow nobody holds the hospital meanwhile
            yield Finding(RUNS, "approval", "ok", f"{run['run_id']} waits for a person: etl approve")
            continue
        lock = look.settings.home / "locks" / f"{run['hospital']}.lock"
        silent = look.now.astimezone(UTC) - run["at"].replace(tzinfo=UTC)
        at_work = lock.exists() and lock.stat().st_ino in held
        if not at_work and (is_gone(run["worker"]) or silent > _CUT_OFF):
            text = f"{run['run_id']} was cut off in stage '{run['stage'] or 'open'}'; the last published night stays"
            yield Finding(RUNS, "cut off", "warn", text, f"run it again: etl run {run['hospital']} DELIVERY")
