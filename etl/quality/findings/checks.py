"""One check of the gates over nights, and for any check the findings that it sees: for the page of a check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from etl.pages.formats import sql_command
from etl.pages.language import noted
from etl.quality.battery.checks import Check
from etl.quality.battery.definition import Words
from etl.quality.battery.history import NIGHTS_OF_A_PAGE, Cell, History, history_of
from etl.quality.battery.judge import Status
from etl.quality.battery.listed import rows_sql
from etl.quality.battery.nights import checks_folder, hospital_numbers
from etl.quality.battery.psql import listing
from etl.quality.battery.views import About, Rows, about
from etl.quality.findings.kinds import check_name, rules
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import FINDING, RUN
from etl.store.ledger.tracking import CHECK_NAME, FINDING_SIGN, LOOK, TRACKED_FINDING

#: What a failed check of a gate does, in words of the catalogue.
GATE_SEVERITIES = {"block": noted("blocks"), "warn": noted("warning")}


def findings_of_check(ledger: Ledger, name: str) -> dict[str, int]:
    """The number of the finding that a check sees, by hospital."""
    seen = (
        sa.select(TRACKED_FINDING.c.hospital, sa.func.max(TRACKED_FINDING.c.number).label("number"))
        .join_from(FINDING_SIGN, CHECK_NAME, CHECK_NAME.c.number == FINDING_SIGN.c.asked)
        .join(TRACKED_FINDING, TRACKED_FINDING.c.number == FINDING_SIGN.c.finding)
        .join(LOOK, LOOK.c.number == FINDING_SIGN.c.look)
        .where(CHECK_NAME.c.name == name, LOOK.c.withdrawn.is_(False))
        .group_by(TRACKED_FINDING.c.hospital)
    )
    return {row["hospital"]: row["number"] for row in ledger.read(seen)}


def gate_check(ledger: Ledger, name: str, page: int = 1) -> tuple[About, History, dict[str, str | None]] | None:
    """A check of a gate, its nights, and by hospital the command that lists its rows; None for one nobody asked.

    Of several deliveries of a night the last one counts.
    """
    runs = _last_runs(ledger)
    nights = sorted({run["night"] for run in runs}, reverse=True)
    pages = max(1, -(-len(nights) // NIGHTS_OF_A_PAGE))
    page = min(max(page, 1), pages)
    shown = nights[(page - 1) * NIGHTS_OF_A_PAGE : page * NIGHTS_OF_A_PAGE]
    found = _found(ledger, name, [run["run_id"] for run in runs if run["night"] in set(shown)])
    if not found:
        return None
    cells = {(row["hospital"], row["night"]): _cell(row) for row in found}  # the newest last
    newest = {row["hospital"]: (row["night"], cells[row["hospital"], row["night"]]) for row in found}
    sql = {
        row["hospital"]: sql_command(row["rows_sql"], row["run_id"]) if row["rows_sql"] else None
        for row in found if not row["success"]
    }  # fmt: skip
    hospitals = tuple(sorted(newest))
    history = History(tuple(reversed(shown)), hospitals, cells, {h: newest[h] for h in hospitals}, page, pages)
    return _about(name, found[-1]), history, sql


def _last_runs(ledger: Ledger) -> list[Mapping[str, Any]]:
    """Of every night of every hospital the delivery that was opened last."""
    last = sa.func.max(RUN.c.number).over(partition_by=(RUN.c.hospital, RUN.c.night))
    runs = sa.select(RUN.c.run_id, RUN.c.night, RUN.c.number, last.label("last")).subquery()
    return ledger.read(sa.select(runs.c.run_id, runs.c.night).where(runs.c.number == runs.c.last))


def _found(ledger: Ledger, name: str, run_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """What a check of a gate found on some runs, the oldest night first; its name is a digest of what it says."""
    gate, _, rest = name.partition(" ")
    said = FINDING.c
    asked = (said.run_id.in_(run_ids), said.gate == gate, said.expectation == rest.partition(" ")[0])
    parts = (said.gate, said.expectation, said.table_name, said.column_name, said.description)
    alike = [row for row in ledger.read(sa.select(*parts).where(*asked).distinct()) if check_name(row) == name]
    if not alike:
        return []
    place = (said.table_name == alike[0]["table_name"], said.column_name.is_not_distinct_from(alike[0]["column_name"]))
    query = sa.select(FINDING, RUN.c.hospital, RUN.c.night).join(RUN, RUN.c.run_id == said.run_id)
    words = said.description.in_([row["description"] for row in alike])
    return ledger.read(query.where(*asked, *place, words).order_by(RUN.c.night))


def _about(name: str, row: Mapping[str, Any]) -> About:
    says = rules().stem(row["description"])
    place = ".".join(part for part in (row["table_name"], row["column_name"]) if part)
    allowed = None if row["approve_above"] is None else 100 * row["approve_above"]
    severity = GATE_SEVERITIES.get(row["severity"], row["severity"])
    return About(name, Words(en=says, ko=says), Words(en=place, ko=place), None, severity, None, None, allowed, False)


def _cell(row: Mapping[str, Any]) -> Cell:
    status: Status = "passed" if row["success"] else "failed"
    if row["error"] is not None:
        status = "error"
    allowed = None if row["approve_above"] is None else 100 * row["approve_above"]
    return Cell(row["run_id"], status, row["unexpected"], row["total"], allowed, row["error"] or "")


def check_shown(
    settings: Settings, ledger: Ledger, checks: Mapping[str, Check], name: str, page: int = 1
) -> tuple[About, History, list[Rows]] | None:  # fmt: skip
    """What the page of a check shows, of the battery or of a gate; None for one that there is not."""
    if name in checks:
        said, history = about(checks[name]), history_of(ledger, checks, name, checks_folder(settings), page)
        numbers = hospital_numbers(settings)
        sql = {
            hospital: listing(settings, said_sql) if said_sql else None
            for hospital, (night, cell) in history.newest.items()
            if cell.status == "failed" and hospital in numbers
            for said_sql in [rows_sql(checks[name], numbers[hospital], night.isoformat())]
        }
    elif found := gate_check(ledger, name, page):
        said, history, sql = found
    else:
        return None
    seen = findings_of_check(ledger, name)
    return said, history, [Rows(hospital, sql.get(hospital), seen.get(hospital)) for hospital in history.hospitals]
