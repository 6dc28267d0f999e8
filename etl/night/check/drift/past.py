"""What is published of patients' past, beside what a whole delivery makes of it: the past does not change by itself."""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from etl.cdm.spec import Table, tables
from etl.night.check.drift.judge import drifted
from etl.night.check.drift.kept import rules_of
from etl.night.check.drift.measure import DERIVED
from etl.night.lake.mapped import current
from etl.night.lake.published import Published, chain_of
from etl.night.run import Run
from etl.sql import literal, quote
from etl.store.ledger.records import Finding

_KIND = "past"
_GOES_ON = ("payer_plan_period_end_date",)  # of what lasts still: it is another day every night
_SETTLED = 60  # days before the night that was published: younger records are still completed


def changed_past(con: DuckDBPyConnection, run: Run) -> list[Finding]:
    """Tables of which more patients than the rule lets pass have other old records than published.

    The candidate's tables are views of `con`, of everybody or of the persons touched: of the others nothing changes. A
    night made with other mappings or another vocabulary waits for nobody: its past is meant to change.
    """
    rules = rules_of(run)
    last = run.ledger.last_published(run.delivery.hospital, before=run.run_id)
    before = chain_of(run, last["run_id"]) if rules and last else None
    if rules is None or last is None or before is None:
        return []
    why = "" if last["mappings"] == run.fingerprint else "with other mappings or another vocabulary: "
    persons = run.ledger.accounts(run.run_id).rows_by_table().get("person", 0)
    found = []
    for name, table in tables().items():
        rows, columns = current(before.mapped, name, "person_id"), _compared(table)
        if table.schema != "cdm" or name in DERIVED or "person_id" not in table.columns or not rows or not columns:
            continue
        rule = rules.rule(_KIND, name)
        if rule is None:
            continue
        told = rule if not why else rule.model_copy(update={"hold": None})
        changed = con.execute(_query(table, rows, columns, before)).fetchone() or ()
        worst = max(changed, default=0)
        if worst >= rule.least and worst > rule.warn * persons:
            column, what = what_changed(changed, columns)
            found.append(drifted(_KIND, name, column, told, worst, persons, why + what))
    return found


def what_changed(changed: Sequence[int], columns: Sequence[str]) -> tuple[str | None, str]:
    """The column that changed most and all that did; no column where records came or went as a whole."""
    worst = max(changed)
    if min(changed) == worst and len(columns) > 1:
        return None, "records are gone, or are new"
    ordered = sorted(zip(changed, columns, strict=True), key=lambda c: -c[0])
    names = [column for count, column in ordered if count * 2 >= worst]
    return names[0], ", ".join(names)


def _compared(table: Table) -> list[str]:
    """Columns that tell of a record what it is: no ids of ours, which depend on the other records."""
    told = [f.name for f in table.fields if not f.primary_key and (not f.is_id or f.name.endswith("concept_id"))]
    return [name for name in told if name not in _GOES_ON]


def _query(table: Table, rows: str, columns: Sequence[str], before: Published) -> str:
    """By column, of how many patients the values in old records are others than published.

    Patients who have dated records on one side only count in every column.
    """
    day = next((f.name for f in table.fields if f.type == "date" and f.required), None)
    old = f"{quote(day)} < date {literal(before.state.as_of.isoformat())} - {_SETTLED}" if day else "true"
    joined = "full join" if day else "join"
    known = "person_id in (select person_id from person)"
    sums = ", ".join(f"sum(hash({quote(c)})) as {quote(c)}" for c in columns)
    sides = [f"select person_id, {sums} from ({side}) where {old} and {known} group by all"
             for side in (rows, f"from {quote(table.name)}")]  # fmt: skip
    counts = ", ".join(f"count(*) filter (was.{quote(c)} is distinct from now.{quote(c)})" for c in columns)
    return f"select {counts} from ({sides[0]}) as was {joined} ({sides[1]}) as now using (person_id)"
