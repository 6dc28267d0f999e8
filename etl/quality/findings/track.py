"""Brings the tracked findings up to date with what gates and battery have said since."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from etl.quality.battery.checks import Check
from etl.quality.battery.judge import judge
from etl.quality.battery.kept import load
from etl.quality.battery.nights import checks_by_id, checks_folder
from etl.quality.battery.overrides import read_overrides
from etl.quality.findings.actions import ITSELF, append, current_from, today
from etl.quality.findings.course import Reading, Step, course
from etl.quality.findings.settle import due_by_itself
from etl.quality.findings.signs import findings_of, of_battery, of_gates, silent_of_gates
from etl.quality.findings.write import open_look, write_signs
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.ledger.tracking import BATTERY, FINDING_ACTION, FINDING_SIGN, GATES, LOOK, TRACKED_FINDING

_LOOKED_AT = ("published", "waiting", "blocked")
_WITHDRAWN = ("left", "lost")
_PASSES = 5  # what is left then is told the next time


@contextmanager
def one_at_a_time(settings: Settings) -> Iterator[None]:
    """Held while nights are measured and findings tracked; another process waits until it is free."""
    file = settings.home / "locks" / "findings.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def track(settings: Settings, ledger: Ledger, day: date | None = None) -> None:
    """Write down what was said since the last time, work out every course, and do what is due by itself.

    Runs of which it was told already cost nothing; one that was run again is told anew. `day` is the day in Korea.
    """
    changed = _withdraw(ledger)
    for _ in range(_PASSES):  # what an older night tells for the first time is asked of later ones, too
        told = _ended(ledger) | _measured(settings, ledger)
        changed |= told
        if not told:
            break
    for hospital in sorted(changed | _waived(ledger)):
        settle(ledger, hospital, day or today())


def settle(ledger: Ledger, hospital: str, day: date) -> None:
    """Work out the courses of a hospital's findings from their signs, and do what is due by itself."""
    with ledger.engine.connect() as con:
        mine = sa.select(TRACKED_FINDING).where(TRACKED_FINDING.c.hospital == hospital)
        findings = {row["number"]: row for row in con.execute(mine).mappings()}
        readings: dict[int, list[Reading]] = {number: [] for number in findings}
        for finding, *said in con.execute(_readings(TRACKED_FINDING.c.hospital == hospital)):
            readings[finding].append(Reading(*said))
        actions = _actions(con, hospital)
    steps = {number: course(read, resolutions(actions.get(number, []))) for number, read in readings.items()}
    with ledger.engine.begin() as con:
        for number, nights in steps.items():
            summary = _summary(nights)
            if any(findings[number][name] != value for name, value in summary.items()):
                con.execute(sa.update(TRACKED_FINDING).where(TRACKED_FINDING.c.number == number).values(**summary))
    for number, nights in steps.items():
        current = current_from(actions[number][-1] if number in actions else None)
        if due := due_by_itself(nights, current.standing, day):
            with suppress(IntegrityError), ledger.engine.begin() as con:  # a person was quicker: the next time
                append(con, number, due, current, actor=ITSELF, said={})


def resolutions(actions: Sequence[Mapping[str, Any]]) -> list[int]:
    """The newest looks at the moments when a finding was said to be resolved."""
    return [row["entered"] for row in actions if row["action"] == "resolve"]


def readings_of(con: sa.Connection, number: int) -> list[Reading]:
    """What was read of one finding, of runs that were not gone back from."""
    return [Reading(*said) for _, *said in con.execute(_readings(TRACKED_FINDING.c.number == number))]


def _readings(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    sign = FINDING_SIGN.c
    return (
        sa.select(sign.finding, LOOK.c.night, LOOK.c.run_id, sa.func.coalesce(RUN.c.number, 0), LOOK.c.number,
                  sign.asked, sign.failed, sign.violated, sign.total)
        .join(TRACKED_FINDING, TRACKED_FINDING.c.number == sign.finding)
        .join(LOOK, LOOK.c.number == sign.look)
        .outerjoin(RUN, RUN.c.run_id == LOOK.c.run_id)
        .where(which, LOOK.c.withdrawn.is_(False))
    )  # fmt: skip


def _actions(con: sa.Connection, hospital: str) -> dict[int, list[Mapping[str, Any]]]:
    query = (
        sa.select(FINDING_ACTION)
        .join(TRACKED_FINDING, TRACKED_FINDING.c.number == FINDING_ACTION.c.finding)
        .where(TRACKED_FINDING.c.hospital == hospital)
        .order_by(FINDING_ACTION.c.finding, FINDING_ACTION.c.number)
    )
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in con.execute(query).mappings():
        found.setdefault(row["finding"], []).append(dict(row))
    return found


def _summary(steps: Sequence[Step]) -> dict[str, Any]:
    """The columns of a finding that are worked out from its nights."""
    seen = [step for step in steps if step.seen]
    last = steps[-1] if steps else None
    since = last
    for step in reversed(steps):
        if last is None or step.word != last.word:
            break
        since = step
    return {
        "course": last.word if last else None, "course_night": since.night if since else None,
        "first_night": seen[0].night if seen else None, "seen_night": seen[-1].night if seen else None,
        "nights": len(seen), "violated": seen[-1].violated if seen else None, "total": seen[-1].total if seen else None,
    }  # fmt: skip


def _withdraw(ledger: Ledger) -> set[str]:
    """Mark looks at runs that were gone back from, and unmark those that came back; returns whose they are."""
    is_left = sa.exists().where(RUN.c.run_id == LOOK.c.run_id, RUN.c.state.in_(_WITHDRAWN))
    differs = LOOK.c.withdrawn != is_left
    found = {row["hospital"] for row in ledger.read(sa.select(LOOK.c.hospital).where(differs).distinct())}
    if found:
        with ledger.engine.begin() as con:
            con.execute(sa.update(LOOK).where(differs).values(withdrawn=is_left))
    return found


def _ended(ledger: Ledger) -> set[str]:
    """Write down the signs of runs that ended at a gate or after it since the last time; returns whose they are."""
    known = sa.exists().where(
        LOOK.c.run_id == RUN.c.run_id, LOOK.c.kind == GATES, LOOK.c.opening == RUN.c.number, LOOK.c.tracked
    )
    query = sa.select(RUN).where(RUN.c.state.in_(_LOOKED_AT), ~known).order_by(RUN.c.night, RUN.c.number)
    runs = ledger.read(query)
    for run in runs:
        with ledger.engine.begin() as con:
            look = open_look(con, run)
            signs = of_gates(findings_of(con, run["run_id"]))
            write_signs(con, run["hospital"], look, signs, silent_of_gates(con, run["run_id"]))
    return {run["hospital"] for run in runs}


def _measured(settings: Settings, ledger: Ledger) -> set[str]:
    """Write down the signs of measurements since the last time; returns whose they are."""
    new = (LOOK.c.kind == BATTERY) & LOOK.c.tracked.is_(False) & LOOK.c.error.is_(None)
    looks = ledger.read(sa.select(LOOK).where(new).order_by(LOOK.c.night, LOOK.c.number))
    checks = list(checks_by_id(settings).values()) if looks else []
    for look in looks:
        results = judge(checks, load(ledger, look, checks), look["hospital_number"],
                        read_overrides(checks_folder(settings), look["hospital"], _ids(checks)))  # fmt: skip
        with ledger.engine.begin() as con:
            write_signs(con, look["hospital"], look["number"], of_battery(results))
    return {look["hospital"] for look in looks}


def _ids(checks: Sequence[Check]) -> set[str]:
    return {check.id for check in checks}


def _waived(ledger: Ledger) -> set[str]:
    """Hospitals with a waiver whose day may be over."""
    query = (
        sa.select(TRACKED_FINDING.c.hospital)
        .join(FINDING_ACTION, FINDING_ACTION.c.finding == TRACKED_FINDING.c.number)
        .where(FINDING_ACTION.c.until.is_not(None))
        .distinct()
    )
    return {row["hospital"] for row in ledger.read(query)}
