"""What the gates find of a night beside the nights published before it."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from etl.night.check.drift.judge import judge
from etl.night.check.drift.kept import earlier, keep, rules_of
from etl.night.check.drift.measure import measure_cdm, measure_sources
from etl.night.check.drift.mixes import large
from etl.night.check.drift.still import standing_still
from etl.night.run import Run
from etl.store.ledger.records import Finding


def source_drift(con: DuckDBPyConnection, run: Run, came: Iterable[str], *, whole: bool) -> list[Finding]:
    """Of the landed tables that `came`, views of `con`; the figures are kept for the nights to come."""
    rules = rules_of(run)
    if rules is None:
        return []
    tonight = large(measure_sources(con, run.mapping, came, rules.sample), run.mapping.hospital.small_cell)
    keep(run, "source", tonight, rules, whole=whole)
    return judge(rules, tonight, earlier(run, "source", rules, whole=whole), whole=whole)


def cdm_drift(con: DuckDBPyConnection, run: Run) -> list[Finding]:
    """Of the candidate CDM with everybody's rows, views of `con`, whatever the night brought."""
    rules = rules_of(run)
    if rules is None:
        return []
    measured = measure_cdm(con, run.ledger.accounts(run.run_id).rows_by_table(), rules.sample)
    tonight = large(measured, run.mapping.hospital.small_cell)
    keep(run, "cdm", tonight, rules, whole=True)
    found = judge(rules, tonight, earlier(run, "cdm", rules, whole=True), whole=True)
    return [*found, *standing_still(con, rules)]
