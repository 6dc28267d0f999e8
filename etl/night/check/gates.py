"""The two gates of a night: the source gate on what landed, the CDM gate on the candidate."""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.engine import one_number, open_engine
from etl.mapping.language.landed import landed_columns_sql
from etl.night.check.codemaps import map_findings
from etl.night.check.columns import new_columns
from etl.night.check.gate import run_suites
from etl.night.check.overall import with_figures
from etl.night.check.overrides import overridden, read_overrides
from etl.night.check.partial import count_findings, without_counts
from etl.night.check.suites import Suite, load_suites
from etl.night.check.views import create_candidate, create_sources
from etl.night.lake.candidate import candidate_files, file_rows
from etl.night.lake.history import brings_changes
from etl.night.lake.layers import read_layer
from etl.night.lake.published import state_of
from etl.night.run import Progress, Run
from etl.sql import quote
from etl.store.ledger.records import Finding


def source_suites(run: Run) -> list[Suite]:
    """Suites of the hospital's landed tables, checked against its contract.

    An unused source that did not come has nothing to be held against its suite.
    """
    columns = {n: ["_row", *landed_columns_sql(s)] for n, s in run.mapping.sources.items()}
    suites = load_suites(run.settings.expectations / "source" / run.delivery.hospital, columns=columns)
    came = read_layer(run.folder("land")).sources
    absent = {n for n, source in run.mapping.sources.items() if source.unused and n not in came}
    return [suite for suite in suites if suite.table not in absent]


def check_source(run: Run, progress: Progress | None = None) -> tuple[int, list[Finding]]:
    """Evaluate the source suites; returns the rows looked at and the findings."""
    suites = source_suites(run)
    if brings_changes(run):
        suites = without_counts(suites)
    with open_engine(run.settings, run.delivery.night) as con:
        create_sources(con, run)
        return _rows(con, suites), _evaluate(con, suites, progress) + new_columns(run.folder("land"))


def check_cdm(run: Run, progress: Progress | None = None) -> tuple[int, list[Finding]]:
    """Evaluate the CDM suites on the candidate; returns the rows looked at and the findings."""
    columns = {n: t.columns for n, t in tables().items()}
    folder = run.settings.expectations / "cdm"
    suites = load_suites(folder, columns=columns)
    state, _ = state_of(run)
    suites = overridden(suites, read_overrides(folder, run.delivery.hospital, suites), state.as_of)
    with open_engine(run.settings, state.as_of) as con:
        folders = create_candidate(con, run)
        rows = sum(file_rows(f) for f in candidate_files(folders).values())
        counted = [] if state.whole else count_findings(suites, run.ledger.accounts(run.run_id))
        suites = suites if state.whole else without_counts(suites)
        found = [with_figures(con, finding) for finding in _evaluate(con, suites, progress)]
        return rows, counted + found + map_findings(run.mapping, run.release)


def _rows(con: DuckDBPyConnection, suites: Sequence[Suite]) -> int:
    counted = " union all ".join(f"select count(*) as n from {quote(s.table)}" for s in suites)
    return one_number(con, f"select sum(n) from ({counted})") if counted else 0


def _evaluate(con: DuckDBPyConnection, suites: Sequence[Suite], progress: Progress | None) -> list[Finding]:
    return run_suites(con, suites, progress=(lambda suite: progress(suite.name)) if progress else None)
