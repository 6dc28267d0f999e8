"""Queries of the report: the ledger's rows as figures. Sums, shares and ranks are made in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from etl.night.stages import STAGE_NAMES
from etl.night.worker import CUT_OFF, CUT_OFF_HINT, is_cut_off
from etl.quality.report.decisions import of_runs
from etl.quality.report.figures import (
    GATES,
    CdmTable,
    ChangeCount,
    DomainRate,
    EntryRows,
    FindingRow,
    Gate,
    Night,
    ReasonCount,
    RunSummary,
    SourceBalance,
    SourceFile,
    StageTime,
    Unmapped,
    UnmappedCode,
)
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.records import Outcome
from etl.store.ledger.tables import (
    FINDING,
    MAPPING_RATE,
    ROW_CHANGE,
    RUN,
    SOURCE_ACCOUNT,
    SOURCE_FILE,
    STAGE,
    TABLE_ACCOUNT,
    UNMAPPED,
)

UNIT_DOMAIN = "Unit"
"""Units are looked up beside the events; they have a rate of their own and are no part of the overall one."""

OUTCOMES: tuple[Outcome, ...] = ("rejected", "quarantined", "filtered", "mapped")
TREND_NIGHTS = 30
_UNSHOWN = {"reason"}
TOP_CODES = 25


def summaries(ledger: Ledger, run_ids: Collection[str] | None = None) -> list[RunSummary]:
    """All runs (or the given ones) in one line each, by hospital, night and the order of their opening."""
    files = _per_run(SOURCE_FILE, run_ids, rows_in=sa.func.sum(SOURCE_FILE.c.rows))
    outcomes = _outcomes(files, run_ids)
    event = MAPPING_RATE.c.domain != UNIT_DOMAIN
    rates = _per_run(
        MAPPING_RATE,
        run_ids,
        records=_sum_where(MAPPING_RATE.c.records, event),
        records_mapped=_sum_where(MAPPING_RATE.c.mapped, event),
    )
    failed = FINDING.c.success.is_(False)
    findings = _per_run(
        FINDING,
        run_ids,
        expectations=sa.func.count(),
        blocking=_sum_where(1, failed & (FINDING.c.severity == "block")),
        warnings=_sum_where(1, failed & (FINDING.c.severity != "block")),
    )
    joined: sa.FromClause = RUN
    columns: list[Any] = [c for c in RUN.c if c.name not in _UNSHOWN]
    worked = _per_run(STAGE, run_ids, worked=sa.func.sum(STAGE.c.seconds))
    for part in (files, outcomes, rates, findings, worked):
        joined = joined.outerjoin(part, part.c.run_id == RUN.c.run_id)
        counted = part is findings
        columns += [(sa.func.coalesce(c, 0).label(c.name) if counted else c) for c in part.c if c.name != "run_id"]
    query = sa.select(*columns).select_from(joined)
    if run_ids is not None:
        query = query.where(RUN.c.run_id.in_(run_ids))
    return [_summary(row) for row in ledger.read(query.order_by(RUN.c.hospital, RUN.c.night, RUN.c.number))]


def _summary(row: Mapping[str, Any]) -> RunSummary:
    """A run; one that is open while the process that worked on it has ended was cut off."""
    said = dict(row)
    if is_cut_off(said):
        said |= {"state": "failed", "message": CUT_OFF, "hint": CUT_OFF_HINT}
    del said["worker"]
    return RunSummary(**said)


def last_deliveries(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """One run per hospital and night: the one started last. `runs` come in the order of `summaries`."""
    return list({(run.hospital, run.night): run for run in runs}.values())


def newest_night(runs: Sequence[RunSummary]) -> date | None:
    """The newest night that was not gone back from; where all were, the newest of them."""
    nights = [run.night for run in runs if run.state not in ("left", "lost")] or [run.night for run in runs]
    return max(nights, default=None)


def night(ledger: Ledger, run: RunSummary, runs: Sequence[RunSummary]) -> Night:
    """Everything about `run`; `runs` are the summaries that its trend and its predecessor are found in."""
    own = [r for r in runs if r.hospital == run.hospital and r.run_id != run.run_id]
    published = [r for r in own if r.state == "published" and r.number < run.number]
    stays = _newest(published)
    # an earlier delivery of the same night would compare the night with itself
    before = _newest([r for r in published if r.night < run.night])
    others = tuple(r for r in own if r.night == run.night)
    past = [r for r in last_deliveries(own) if r.night < run.night]
    return Night(
        run=run,
        before=before,
        stays=stays,
        other_deliveries=others,
        trend=(*past[-TREND_NIGHTS + 1 :], run),
        gates=gates_of(ledger, run.run_id),
        decisions=of_runs(ledger, [run.run_id, *(r.run_id for r in others)]),
        rates=_rates(ledger, run.run_id),
        unmapped=_unmapped(ledger, run.run_id, before.run_id if before else None),
        sources=_sources(ledger, run.run_id),
        tables=_tables(ledger, run.run_id),
        reasons=_reasons(ledger, run.run_id),
        changes=_changes(ledger, run.run_id),
        stages=_stages(ledger, run.run_id),
        files=_files(ledger, run.run_id),
    )


def _newest(runs: Sequence[RunSummary]) -> RunSummary | None:
    return max(runs, key=lambda r: (r.night, r.number), default=None)


def _per_run(table: sa.Table, run_ids: Collection[str] | None, **columns: sa.ColumnElement[Any]) -> sa.Subquery:
    """Sums over the rows of a table by run, of the given runs only: a year of nights is not read for one page."""
    labelled = [column.label(name) for name, column in columns.items()]
    query = sa.select(table.c.run_id, *labelled).group_by(table.c.run_id)
    return (query if run_ids is None else query.where(table.c.run_id.in_(run_ids))).subquery()


def _sum_where(value: Any, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.sum(sa.case((condition, value), else_=0))


def _outcomes(files: sa.Subquery, run_ids: Collection[str] | None) -> sa.Subquery:
    """Rows per outcome: rejects are known once files are read, the others once the mapping has recorded any."""
    account = SOURCE_ACCOUNT.c
    sums = {name: _sum_where(account.rows, account.outcome == name) for name in OUTCOMES}
    sorted_out = _sum_where(1, account.outcome != "rejected") > 0
    known = {name: total if name == "rejected" else sa.case((sorted_out, total)) for name, total in sums.items()}
    found = _per_run(SOURCE_ACCOUNT, run_ids, **known)
    rejected = sa.func.coalesce(found.c.rejected, 0).label("rejected")
    others = [found.c[name] for name in OUTCOMES if name != "rejected"]
    join = files.outerjoin(found, found.c.run_id == files.c.run_id)
    return sa.select(files.c.run_id, rejected, *others).select_from(join).subquery()


def gates_of(ledger: Ledger, run_id: str) -> tuple[Gate, ...]:
    """All findings of a run, gate by gate."""
    order = (FINDING.c.success, FINDING.c.severity, sa.desc(FINDING.c.unexpected), FINDING.c.number)
    findings = [FindingRow(**row) for row in ledger.rows(FINDING, run_id, *order)]
    names = dict.fromkeys([*GATES, *(f.gate for f in findings)])
    return tuple(Gate(name, tuple(f for f in findings if f.gate == name)) for name in names)


def _rates(ledger: Ledger, run_id: str) -> tuple[DomainRate, ...]:
    rate = MAPPING_RATE.c
    order = (rate.domain == UNIT_DOMAIN, sa.desc(rate.records), rate.domain)
    return tuple(DomainRate(**row) for row in ledger.rows(MAPPING_RATE, run_id, *order))


def in_steps_told(code: Any) -> sa.ColumnElement[int]:
    """SQL of a code's records as `in_steps` tells them; what earlier versions wrote is exact."""
    steps = (code.records + code.fewer_than - 1) // code.fewer_than * code.fewer_than
    return sa.case((code.fewer_than.is_(None), code.records), else_=steps)


def _unmapped(ledger: Ledger, run_id: str, previous_id: str | None) -> Unmapped:
    """The top codes with the running sum over their rank; `new` are those the previous night did not have."""
    code, before = UNMAPPED.c, UNMAPPED.alias("before")
    told = in_steps_told(code)
    rank = [sa.desc(told), code.domain, code.vocabulary, code.code]
    key = ("domain", "vocabulary", "code")
    same = sa.and_(before.c.run_id == previous_id, *(before.c[k] == code[k] for k in key))
    known = sa.exists().where(before.c.run_id == previous_id)
    query = (
        sa.select(
            *(code[name] for name in (*key, "description", "patients", "fewer_than", "last_seen")),
            told.label("records"),
            sa.func.sum(told).over(order_by=rank, rows=(None, 0)).label("running"),
            (known & ~sa.exists().where(same)).label("new"),
            sa.func.count().over().label("codes"),
            sa.func.sum(told).over().label("listed"),
        )
        .where(code.run_id == run_id)
        .order_by(*rank)
        .limit(TOP_CODES)
    )
    missing = sa.func.sum(MAPPING_RATE.c.records - MAPPING_RATE.c.mapped).label("missing")
    total = ledger.read(sa.select(missing).where(MAPPING_RATE.c.run_id == run_id))[0]["missing"] or 0
    rows = [dict(row) for row in ledger.read(query)]
    codes = max((row.pop("codes") for row in rows), default=0)
    listed = max((row.pop("listed") for row in rows), default=0)
    return Unmapped(tuple(UnmappedCode(**row) for row in rows), codes, max(total, listed))


def _sources(ledger: Ledger, run_id: str) -> tuple[SourceBalance, ...]:
    file, account = SOURCE_FILE.c, SOURCE_ACCOUNT.c
    from_files = sa.select(file.source, sa.literal("rows").label("kind"), file.rows).where(file.run_id == run_id)
    outcomes = sa.select(account.source, account.outcome, account.rows).where(account.run_id == run_id)
    both = sa.union_all(from_files, outcomes).subquery()
    kinds = ("rows", *OUTCOMES)
    sums = [_sum_where(both.c.rows, both.c.kind == kind).label(kind) for kind in kinds]
    query = sa.select(both.c.source, *sums).group_by(both.c.source).order_by(sa.desc("rows"), both.c.source)
    return tuple(SourceBalance(**row) for row in ledger.read(query))


def _tables(ledger: Ledger, run_id: str) -> tuple[CdmTable, ...]:
    table = TABLE_ACCOUNT.c
    order = (table.cdm_table, sa.desc(table.rows), table.entry)
    return CdmTable.of([EntryRows(**row) for row in ledger.rows(TABLE_ACCOUNT, run_id, *order)])


def _reasons(ledger: Ledger, run_id: str) -> tuple[ReasonCount, ...]:
    """Largest reason first; within a reason the sources by their rows."""
    account = SOURCE_ACCOUNT.c
    of_reason = sa.func.sum(account.rows).over(partition_by=(account.outcome, account.reason))
    query = (
        sa.select(account.outcome, account.reason, account.source, account.rows)
        .where((account.run_id == run_id) & (account.outcome != "mapped") & (account.rows > 0))
        .order_by(account.outcome, sa.desc(of_reason), account.reason, sa.desc(account.rows), account.source)
    )
    return tuple(ReasonCount(**row) for row in ledger.read(query))


def _changes(ledger: Ledger, run_id: str) -> tuple[ChangeCount, ...]:
    """By kind of change, the table with most rows first."""
    change = ROW_CHANGE.c
    order = (change.change, sa.desc(change.rows), change.cdm_table, change.column_name)
    return tuple(ChangeCount(**row) for row in ledger.rows(ROW_CHANGE, run_id, *order))


def _stages(ledger: Ledger, run_id: str) -> tuple[StageTime, ...]:
    order = {stage.name: place for place, stage in enumerate(STAGE_NAMES)}
    found = (StageTime(**row) for row in ledger.rows(STAGE, run_id))
    return tuple(sorted(found, key=lambda s: order.get(s.stage, len(order))))


def _files(ledger: Ledger, run_id: str) -> tuple[SourceFile, ...]:
    file = SOURCE_FILE.c
    return tuple(SourceFile(**row) for row in ledger.rows(SOURCE_FILE, run_id, sa.desc(file.bytes), file.file))
