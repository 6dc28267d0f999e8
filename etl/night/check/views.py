"""What the gates look at: views of the landed tables, and of the candidate CDM with its figures.

Of a night of changes these are its own rows: what came, and all rows of the persons touched. `widen_sources` and
`widen_candidate` make the same views show the whole hospital.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.cdm.spec import Table, tables, vocabulary_tables
from etl.engine import rows_in
from etl.mapping.consortium import cdm_source_row, read_consortium
from etl.night.check.codemaps import add_local_concepts
from etl.night.check.overall import create_figures
from etl.night.check.partial import narrow_periods
from etl.night.lake.candidate import create_views
from etl.night.lake.layers import read_layer
from etl.night.lake.mapped import current
from etl.night.lake.published import layers_of, state_of
from etl.night.lake.state import State
from etl.night.lake.views import alive_rows, create_delivered
from etl.night.run import Run
from etl.sql import quote


def create_sources(con: DuckDBPyConnection, run: Run) -> None:
    """Views of the landed tables by the sources' names; `_row` numbers their rows."""
    create_delivered(con, run.mapping, read_layer(run.folder("land")))
    for name in run.mapping.sources:
        con.execute(f"create view {quote(name)} as from landed.{quote(name)}")


def widen_sources(con: DuckDBPyConnection, run: Run) -> None:
    """Let the views of the landed tables show all rows that count after the night, whenever they came."""
    state, _ = state_of(run)
    for name in run.mapping.sources:
        con.execute(f"create or replace view {quote(name)} as {alive_rows(run.mapping, name, state)}")


def create_candidate(con: DuckDBPyConnection, run: Run) -> list[Path]:
    """Views of the candidate CDM, the vocabulary and the hospital's figures; returns the candidate's folders."""
    folders = [run.folder("map"), run.folder("derive")]
    state, _ = state_of(run)
    create_views(con, folders, [n for n, t in tables().items() if t.schema == "cdm"])
    mapped, derived = layers_of(run, state, run.folder("map").name)
    narrow_periods(con, derived)
    for name in vocabulary_tables():
        con.execute(f"create view {name} as from {rows_in(run.release.table(name))}")
    add_local_concepts(con, run.mapping, run.release)
    _create_source(con, run, state)
    create_figures(con, run, mapped.touched)
    return folders


def widen_candidate(con: DuckDBPyConnection, run: Run) -> None:
    """Let the views of persons' tables show everybody's rows, as they will be when the night is published."""
    state, published = state_of(run)
    if published is None:
        return
    mapped, derived = layers_of(run, state, run.folder("map").name)
    for name, table in personal_tables().items():
        rows = [current(layers, name, str(table.owner))
                for layers in ((*published.mapped, mapped), (*published.derived, derived))]  # fmt: skip
        if query := " union all by name ".join(filter(None, rows)):
            columns = ", ".join(map(quote, table.columns))
            con.execute(f"create or replace view {quote(name)} as select {columns} from ({query})")


def personal_tables() -> dict[str, Table]:
    """The tables of which a night of changes has the rows of the persons touched only; of all others it has all."""
    return {n: t for n, t in tables().items() if t.personal and t.schema == "cdm"}


def _create_source(con: DuckDBPyConnection, run: Run, state: State) -> None:
    """The row of cdm_source that publishing will write."""
    row = cdm_source_row(read_consortium(run.settings.mappings), run.release, state.as_of)
    given = pa.Table.from_pylist([row])  # noqa: F841 - read by name
    columns = ", ".join(f"{quote(f.name)}::{f.duckdb_type} as {quote(f.name)}" for f in tables()["cdm_source"].fields)
    con.execute(f"create or replace table source_row as select {columns} from given")
    con.execute("create or replace view cdm_source as from source_row")
