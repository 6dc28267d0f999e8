"""The two gates of a night: the source gate on what landed, the CDM gate on the candidate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.cdm.candidate import candidate_files, create_views
from etl.cdm.spec import tables, vocabulary_tables
from etl.engine import open_engine
from etl.land.land import landed_columns_sql
from etl.ledger import Finding
from etl.mapping.expression import literal, quote
from etl.publish.reconcile import file_rows
from etl.publish.source import cdm_source_row, read_consortium
from etl.run import Progress, Run
from etl.state.layers import read_layer
from etl.state.merge import brings_changes
from etl.state.published import layers_of, state_of
from etl.state.state import State, create_delivered
from etl.validate.codemaps import add_local_concepts, map_findings
from etl.validate.gate import run_suites
from etl.validate.overall import create_figures, with_figures
from etl.validate.partial import count_findings, narrow_periods, without_counts
from etl.validate.suites import Suite, load_suites


def source_suites(run: Run) -> list[Suite]:
    """Suites of the hospital's landed tables, checked against its contract."""
    columns = {n: ["_row", *landed_columns_sql(s)] for n, s in run.mapping.sources.items()}
    return load_suites(run.settings.expectations / "source" / run.delivery.hospital, columns=columns)


def check_source(run: Run, progress: Progress | None = None) -> tuple[int, list[Finding]]:
    """Evaluate the source suites; returns the rows looked at and the findings."""
    suites = source_suites(run)
    if brings_changes(run):
        suites = without_counts(suites)
    with open_engine(run.settings, run.delivery.night) as con:
        create_sources(con, run)
        return _rows(con, suites), _evaluate(con, suites, progress)


def check_cdm(run: Run, progress: Progress | None = None) -> tuple[int, list[Finding]]:
    """Evaluate the CDM suites on the candidate; returns the rows looked at and the findings."""
    columns = {n: t.columns for n, t in tables().items()}
    suites = load_suites(run.settings.expectations / "cdm", columns=columns)
    state, _ = state_of(run)
    with open_engine(run.settings, state.as_of) as con:
        folders = create_candidate(con, run)
        rows = sum(file_rows(f) for f in candidate_files(folders).values())
        counted = [] if state.whole else count_findings(suites, run.ledger.accounts(run.run_id))
        suites = suites if state.whole else without_counts(suites)
        found = [with_figures(con, finding) for finding in _evaluate(con, suites, progress)]
        return rows, counted + found + map_findings(run.mapping, run.release)


def create_sources(con: DuckDBPyConnection, run: Run) -> None:
    """Views of the landed tables by the sources' names; `_row` numbers their rows."""
    create_delivered(con, run.mapping, read_layer(run.folder("land")))
    for name in run.mapping.sources:
        con.execute(f"create view {quote(name)} as from landed.{quote(name)}")


def create_candidate(con: DuckDBPyConnection, run: Run) -> list[Path]:
    """Views of the candidate CDM, the vocabulary and the hospital's figures; returns the candidate's folders."""
    folders = [run.folder("map"), run.folder("derive")]
    state, _ = state_of(run)
    create_views(con, folders, [n for n, t in tables().items() if t.schema == "cdm"])
    narrow_periods(con, layers_of(run, state, run.folder("map").name)[1])
    for name in vocabulary_tables():
        con.execute(f"create view {name} as from read_parquet({literal(str(run.release.table(name)))})")
    add_local_concepts(con, run.mapping, run.release)
    _create_source(con, run, state)
    create_figures(con, run)
    return folders


def _create_source(con: DuckDBPyConnection, run: Run, state: State) -> None:
    """The row of cdm_source that publishing will write."""
    row = cdm_source_row(read_consortium(run.settings.mappings), run.release, state.as_of)
    given = pa.Table.from_pylist([row])  # noqa: F841 - read by name
    columns = ", ".join(f"{quote(f.name)}::{f.duckdb_type} as {quote(f.name)}" for f in tables()["cdm_source"].fields)
    con.execute(f"create or replace table source_row as select {columns} from given")
    con.execute("create or replace view cdm_source as from source_row")


def _rows(con: DuckDBPyConnection, suites: Sequence[Suite]) -> int:
    counted = " union all ".join(f"select count(*) as n from {quote(s.table)}" for s in suites)
    row = con.execute(f"select sum(n)::bigint from ({counted})").fetchone() if counted else None
    return int(row[0]) if row else 0


def _evaluate(con: DuckDBPyConnection, suites: Sequence[Suite], progress: Progress | None) -> list[Finding]:
    return run_suites(con, suites, progress=(lambda suite: progress(suite.name)) if progress else None)
