"""Writes the signs of a look down, in the place of what the same run said before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from etl.quality.battery.kept import numbers_of
from etl.quality.findings.kinds import rules
from etl.quality.findings.signs import Sign, gravest
from etl.store.ledger.ledger import next_number, now
from etl.store.ledger.tracking import CHECK_NAME, FINDING_SIGN, GATES, LOOK, TRACKED_FINDING


def open_look(con: sa.Connection, run: Mapping[str, Any]) -> int:
    """The look by the gates at a run (a row of the ledger), a new one where it was opened again; returns its number."""
    mine = (LOOK.c.run_id == run["run_id"]) & (LOOK.c.kind == GATES)
    before = con.execute(sa.select(LOOK.c.number, LOOK.c.opening).where(mine)).first()
    if before and before.opening == run["number"]:
        return int(before.number)
    number = int(con.execute(sa.select(next_number(LOOK))).scalar_one())  # no number is ever given twice
    if before:
        con.execute(sa.delete(FINDING_SIGN).where(FINDING_SIGN.c.look == before.number))
        con.execute(sa.delete(LOOK).where(mine))
    said = {"run_id": run["run_id"], "hospital": run["hospital"], "night": run["night"], "opening": run["number"]}
    con.execute(sa.insert(LOOK).values(number=number, kind=GATES, hospital_number=0, looked_at=now(), withdrawn=False,
                                       tracked=False, **said))  # fmt: skip
    return number


def write_signs(
    con: sa.Connection, hospital: str, look: int, signs: Iterable[Sign], silent: tuple[str, ...] = ()
) -> None:
    """Write the signs of a look: all that failed, and of checks that saw a finding before that they see it no more.

    Of checks whose names begin as one of `silent` not to be told of is to have held. Where a check sees something for
    the first time, later nights are to be looked at again: they may have held what nobody asked them about.
    """
    con.execute(sa.delete(FINDING_SIGN).where(FINDING_SIGN.c.look == look))
    con.execute(sa.update(LOOK).where(LOOK.c.number == look).values(tracked=True))
    told = _merged(_together(signs))
    failed = {place: sign for place, sign in told.items() if sign.failed}
    findings = _tracked(con, hospital, failed.values())
    seen = _seen(con, hospital)
    if any(place not in seen for place in failed):
        _look_again(con, hospital, look)
    names = dict.fromkeys((name for _, name in told), None) | {name: s.says for (_, name), s in failed.items()}
    asked = numbers_of(con, {n: names[n] for _, n in (*failed, *(p for p in told if p in seen))})
    rows = [
        {"look": look, "finding": findings[key], "asked": asked[name], "failed": sign.failed,
         "violated": sign.violated, "total": sign.total}
        for (key, name), sign in told.items()
        if sign.failed or (key, name) in seen
    ]  # fmt: skip
    rows += [
        {"look": look, "finding": findings[key], "asked": number, "failed": False, "violated": None, "total": None}
        for (key, name), number in seen.items()
        if (key, name) not in told and name.startswith(silent)
    ]
    if rows:
        con.execute(sa.insert(FINDING_SIGN), rows)


def _look_again(con: sa.Connection, hospital: str, look: int) -> None:
    """Let the hospital's nights after that of a look be told anew, of the same kind of looks."""
    night, kind = con.execute(sa.select(LOOK.c.night, LOOK.c.kind).where(LOOK.c.number == look)).one()
    later = (LOOK.c.hospital == hospital) & (LOOK.c.kind == kind) & (LOOK.c.night > night)
    con.execute(sa.update(LOOK).where(later).values(tracked=False))


def _together(signs: Iterable[Sign]) -> list[Sign]:
    """The signs of a look, those of what follows from another fault that was seen as signs of that one."""
    said = list(signs)
    truly = rules().together({sign.fault for sign in said if sign.failed})
    return [replace(sign, fault=truly[sign.fault]) if sign.failed else sign for sign in said]


def _merged(signs: Iterable[Sign]) -> dict[tuple[str, str], Sign]:
    """One sign for each fault and check: where a check is asked with two limits, what failed counts."""
    told: dict[tuple[str, str], Sign] = {}
    for sign in signs:
        place = (sign.fault.key, sign.name)
        if place not in told or (sign.failed and not told[place].failed):
            told[place] = sign
    return told


def _seen(con: sa.Connection, hospital: str) -> dict[tuple[str, str], int]:
    """The checks that ever saw a finding of a hospital: their numbers, by the finding's key and the check's name."""
    pairs = (
        sa.select(FINDING_SIGN.c.finding, FINDING_SIGN.c.asked)
        .join(TRACKED_FINDING, TRACKED_FINDING.c.number == FINDING_SIGN.c.finding)
        .where(TRACKED_FINDING.c.hospital == hospital)
        .distinct()
        .subquery()
    )
    query = (
        sa.select(TRACKED_FINDING.c.key, CHECK_NAME.c.name, CHECK_NAME.c.number)
        .join(pairs, pairs.c.finding == TRACKED_FINDING.c.number)
        .join(CHECK_NAME, CHECK_NAME.c.number == pairs.c.asked)
    )
    return {(key, name): number for key, name, number in con.execute(query)}


def _tracked(con: sa.Connection, hospital: str, failed: Iterable[Sign]) -> dict[str, int]:
    """The numbers of a hospital's findings by key; faults that nobody saw before get one."""
    tracked = TRACKED_FINDING.c
    query = sa.select(tracked.key, tracked.number, tracked.severity).where(tracked.hospital == hospital)
    known = {key: (number, severity) for key, number, severity in con.execute(query)}
    by_key: dict[str, list[Sign]] = {}
    for sign in failed:
        by_key.setdefault(sign.fault.key, []).append(sign)
    numbers = {key: number for key, (number, _) in known.items()}
    for key, signs in by_key.items():
        severity = gravest(sign.severity for sign in signs)
        if key not in known:
            numbers[key] = _new(con, hospital, signs[0], severity)
        elif gravest((severity, known[key][1])) != known[key][1]:
            con.execute(sa.update(TRACKED_FINDING).where(tracked.number == numbers[key]).values(severity=severity))
    return numbers


def _new(con: sa.Connection, hospital: str, sign: Sign, severity: str) -> int:
    fault = sign.fault
    con.execute(
        sa.insert(TRACKED_FINDING).values(
            number=next_number(TRACKED_FINDING), hospital=hospital, key=fault.key, place=fault.place,
            table_name=fault.table, column_name=fault.column, kind=fault.kind, says=sign.says, severity=severity,
            nights=0,
        )
    )  # fmt: skip
    mine = (TRACKED_FINDING.c.hospital == hospital) & (TRACKED_FINDING.c.key == fault.key)
    return int(con.execute(sa.select(TRACKED_FINDING.c.number).where(mine)).scalar_one())
