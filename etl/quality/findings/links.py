"""Where a tracked finding leads: the mapping entries that fill the table, and the commands that list the rows."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from etl.cdm.spec import tables
from etl.errors import EtlError
from etl.pages.formats import sql_command
from etl.quality.battery.listed import rows_sql
from etl.quality.battery.nights import checks_by_id, hospital_numbers
from etl.quality.battery.psql import listing
from etl.quality.findings.kinds import SOURCE, check_name
from etl.quality.findings.read import Seen, Tracked, TrackedDetail
from etl.quality.findings.signs import findings_of
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import TABLE_ACCOUNT
from etl.store.ledger.tracking import GATES


@dataclass(frozen=True, slots=True)
class Entry:
    """A mapping entry that reads the source or fills the table in which a fault is."""

    entry: str
    source: str
    table: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The SQL that lists the ids of the rows that one check found on a run, and what is to be run for it: a command of
    ours, or SQL for psql where the warehouse is PostgreSQL and has the rows."""

    name: str
    says: str
    run_id: str
    sql: str
    command: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where to look: on the newest run that saw it (None: no run that counts did), entries and rows."""

    run_id: str | None
    entries: tuple[Entry, ...] = ()
    rows: tuple[Rows, ...] = ()
    trace: str | None = None  # the command that leads from a row of the CDM to its file and line


def links_of(settings: Settings, ledger: Ledger, detail: TrackedDetail) -> Links:
    """Where a finding leads, from the newest run that saw it."""
    failed = [sign for sign in detail.signs if sign.failed and not sign.withdrawn]
    if not failed:
        return Links(None)
    run_id = failed[0].run_id
    seen = {sign.check: sign for sign in failed if sign.run_id == run_id}
    rows = tuple(_rows(settings, ledger, run_id, detail, seen))
    return Links(run_id, _entries(ledger, run_id, detail), rows, _trace(detail.finding) if rows else None)


def _trace(finding: Tracked) -> str | None:
    """How to go on from an id of a row of the CDM; a line of a source's file is named by its number already."""
    known = tables().get(finding.table or "")
    return f"etl trace {known.name} ID" if finding.place != SOURCE and known and known.id_column else None


def _entries(ledger: Ledger, run_id: str, detail: TrackedDetail) -> tuple[Entry, ...]:
    finding, account = detail.finding, TABLE_ACCOUNT.c
    column = account.source if finding.place == SOURCE else account.cdm_table
    query = sa.select(account.entry, account.source, account.cdm_table.label("table")).where(
        account.run_id == run_id, column == finding.table
    )
    return tuple(Entry(**row) for row in ledger.read(query.order_by(account.cdm_table, account.entry)))


def _rows(
    settings: Settings, ledger: Ledger, run_id: str, detail: TrackedDetail, seen: dict[str, Seen]
) -> list[Rows]:  # fmt: skip
    with ledger.engine.connect() as con:
        found = {check_name(f): f["rows_sql"] for f in findings_of(con, run_id) if not f["success"]}
    found = {name: sql for name, sql in found.items() if name in seen}
    if any(sign.kind != GATES for sign in seen.values()):
        found |= _of_battery(settings, detail.finding.hospital, seen)
    return [
        Rows(name, seen[name].says or name, run_id, sql, sql_command(sql, run_id) if seen[name].kind == GATES
             else listing(settings, sql, run_id))
        for name, sql in found.items() if sql
    ]  # fmt: skip


def _of_battery(settings: Settings, hospital: str, seen: dict[str, Seen]) -> dict[str, str | None]:
    number = hospital_numbers(settings).get(hospital)
    try:
        checks = checks_by_id(settings)
    except EtlError:  # what is wrong with the checks keeps nobody from reading the finding
        return {}
    asked = [checks[name] for name in seen if name in checks]
    return {c.id: rows_sql(c, number, seen[c.id].night.isoformat()) for c in asked} if number is not None else {}
