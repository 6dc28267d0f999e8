"""The gates of a night: the source gate on what landed, the CDM gate on the candidate.

On a night of changes the source gate first looks at what came, and decides whether it joins the state. When the state
is known, `check_state` looks at all rows that count.
"""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.engine import one_number, open_engine, rows_in
from etl.mapping.language.landed import landed_columns_sql
from etl.night.check.arrival import arrival_findings
from etl.night.check.carried import Asked, by_asked, findings_of, of_everybody, of_its_own, together
from etl.night.check.codemaps import map_findings
from etl.night.check.columns import changed_columns
from etl.night.check.drift.drift import cdm_drift, source_drift
from etl.night.check.drift.past import changed_past
from etl.night.check.gate import run_suites
from etl.night.check.overall import with_figures
from etl.night.check.overrides import overridden, read_overrides
from etl.night.check.partial import count_findings, without_counts
from etl.night.check.signs import ONE_USE, comma_findings
from etl.night.check.suites import ROW_NUMBER, Suite, load_suites
from etl.night.check.views import create_candidate, create_sources, personal_tables, widen_candidate, widen_sources
from etl.night.lake.candidate import candidate_files
from etl.night.lake.history import brings_changes
from etl.night.lake.layers import chain, read_layer
from etl.night.lake.names import FILE_BITS, ROW_BITS
from etl.night.lake.published import Published, state_of
from etl.night.lake.state import State
from etl.night.run import Progress, Run
from etl.sql import quote
from etl.store.ledger.records import Finding


def source_suites(run: Run) -> list[Suite]:
    """Suites of the hospital's landed tables, checked against its contract."""
    columns = {n: ["_row", *landed_columns_sql(s)] for n, s in run.mapping.sources.items()}
    return load_suites(run.settings.expectations / "source" / run.delivery.hospital, columns=columns)


def check_source(run: Run, progress: Progress | None = None) -> tuple[int, list[Finding]]:
    """Evaluate the source suites on what came; returns the rows looked at and the findings."""
    layer = read_layer(run.folder("land"))
    suites = _of_those_there(run, source_suites(run), set(layer.sources))
    changes = brings_changes(run)
    if changes:
        suites = without_counts(suites)
    with open_engine(run.settings, run.delivery.night) as con:
        create_sources(con, run)
        found = [*_evaluate(con, suites, progress), *comma_findings(con, run.mapping)]
        found += source_drift(con, run, set(layer.sources), whole=not changes)
        return _rows(con, suites), [*found, *changed_columns(layer.folder), *arrival_findings(run)]


def check_state(run: Run, progress: Progress | None = None) -> tuple[int, list[Finding]]:
    """Evaluate the source suites on all rows that count after a night of changes, as `check_source` does on its own.

    Returns the rows looked at and what was found of both.
    """
    state, published = state_of(run)
    own = read_layer(run.folder("land"))
    there = {name for name in run.mapping.sources if chain(run.mapping, name, state.layers)}
    suites = _of_those_there(run, source_suites(run), there)
    tonight = [of_its_own(f) for f in findings_of(run.ledger, run.run_id, "source")]
    before = _runs_before(run, state, published) if published else []
    known = [findings_of(run.ledger, run_id, "source") for run_id in before]
    asked = of_everybody(without_counts(suites), tonight, known)
    with open_engine(run.settings, state.as_of) as con:
        create_sources(con, run)
        widen_sources(con, run)
        found = _evaluate(con, asked, progress)
        commas = comma_findings(con, run.mapping)  # one night may have what contradicts another one
        rows = _rows_by_table(con, suites)
        carried = _carried(con, suites, found, own.number)
    told = together(suites, [*tonight, *count_findings(suites, rows)], found, rows, carried)
    others = [f for f in tonight if f.definition is None and f.expectation != ONE_USE]
    return sum(rows.values()), [*told, *others, *commas]


def check_cdm(run: Run, progress: Progress | None = None) -> tuple[int, list[Finding]]:
    """Evaluate the CDM suites on the candidate; returns the rows looked at and the findings."""
    columns = {n: t.columns for n, t in tables().items()}
    folder = run.settings.expectations / "cdm"
    suites = load_suites(folder, columns=columns)
    state, published = state_of(run)
    suites = overridden(suites, read_overrides(folder, run.delivery.hospital, suites), state.as_of)
    with open_engine(run.settings, state.as_of) as con:
        folders = create_candidate(con, run)
        rows = sum(one_number(con, f"select count(*) from {rows_in(f)}") for f in candidate_files(folders).values())
        evaluated = suites if published is None else without_counts(suites)
        found = [with_figures(con, finding) for finding in _evaluate(con, evaluated, progress)]
        past = changed_past(con, run)
        if published:
            found = _with_everybody(con, run, published, suites, found, progress)
        return rows, [*found, *map_findings(run.mapping, run.release), *cdm_drift(con, run), *past]


def _with_everybody(
    con: DuckDBPyConnection, run: Run, published: Published, suites: Sequence[Suite], tonight: Sequence[Finding],
    progress: Progress | None,
) -> list[Finding]:  # fmt: skip
    """The findings of the whole hospital, from those of the persons touched."""
    known = run.ledger.accounts(run.run_id).rows_by_table()
    rows = {table: known.get(table, 0) for table in personal_tables()}
    shared = [suite for suite in without_counts(suites) if suite.table in personal_tables()]
    asked = of_everybody(shared, tonight, [findings_of(run.ledger, published.run_id, "cdm")])
    widen_candidate(con, run)
    found = _evaluate(con, asked, progress)
    return together(suites, [*tonight, *count_findings(suites, rows)], found, rows)


def _of_those_there(run: Run, suites: Sequence[Suite], came: set[str]) -> list[Suite]:
    """The suites without those of unused sources that did not come: there is nothing to hold against them."""
    absent = {n for n, source in run.mapping.sources.items() if source.unused and n not in came}
    return [suite for suite in suites if suite.table not in absent]


def _runs_before(run: Run, state: State, published: Published) -> list[str]:
    """The runs whose findings are of rows that may count still: the night built on, and what landed since."""
    built_on = {x.name for x in published.state.layers} | {run.folder("land").name}
    since = [x.name for x in state.layers if x.name not in built_on]
    return [published.run_id, *(f"{run.delivery.hospital}-{name.removeprefix('delivery=')}" for name in since)]


def _carried(
    con: DuckDBPyConnection, suites: Sequence[Suite], findings: Sequence[Finding], number: int
) -> dict[Asked, int]:
    """How many of the rows found came with other deliveries than that of this number, where `_row` is the key."""
    numbered = {suite.name for suite in suites if suite.key == (ROW_NUMBER,)}
    earlier = f"{ROW_NUMBER} >> {ROW_BITS + FILE_BITS} <> {number}"
    return {
        asked: min(f.unexpected, one_number(con, f"select count(*) from ({f.rows_sql}) where {earlier}"))
        for asked, f in by_asked(findings).items()
        if f.suite in numbered and f.rows_sql and f.unexpected
    }


def _rows_by_table(con: DuckDBPyConnection, suites: Sequence[Suite]) -> dict[str, int]:
    return {s.table: one_number(con, f"select count(*) from {quote(s.table)}") for s in suites}


def _rows(con: DuckDBPyConnection, suites: Sequence[Suite]) -> int:
    return sum(_rows_by_table(con, suites).values())


def _evaluate(con: DuckDBPyConnection, suites: Sequence[Suite], progress: Progress | None) -> list[Finding]:
    return run_suites(con, suites, progress=(lambda suite: progress(suite.name)) if progress else None)
