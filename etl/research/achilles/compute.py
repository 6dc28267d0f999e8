"""Runs analyses over the rows of one source, and collects what they found into one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.errors import TransientError
from etl.research.achilles.analyses import CDM, FOUND, PREFIX, SOURCE_NAME, fields_read, statements
from etl.research.achilles.snapshot import ROWS, Source
from etl.store.warehouse.protocol import in_range

STRATA = ("stratum_1", "stratum_2", "stratum_3", "stratum_4", "stratum_5")
STATISTICS = (
    "min_value", "max_value", "avg_value", "stdev_value", "median_value", "p10_value", "p25_value", "p75_value",
    "p90_value",
)  # fmt: skip
#: What is found of a source, whoever it is told to or not: counts, and (`of_distribution`) distributions.
COLUMNS = {
    "of_distribution": "boolean", "analysis_id": "integer", **dict.fromkeys(STRATA, "varchar"),
    "count_value": "bigint", **dict.fromkeys(STATISTICS, "double"),
}  # fmt: skip
Tell = Callable[[str], None]


def compute(con: DuckDBPyConnection, source: Source | None, wanted: Sequence[int], into: str, tell: Tell) -> None:
    """Run analyses over a hospital's rows, or everybody's, into the new table `into`.

    TransientError, which quotes no value, where the engine cannot answer one of them.
    """
    _lay_out(con, source)
    con.execute(f"create table {into} ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    name = source.hospital if source else "consortium"
    for place, number in enumerate(wanted, 1):
        tell(f"{place} of {len(wanted)}")
        try:
            for statement in statements(number, name if number == SOURCE_NAME else ""):
                con.execute(statement)
        except duckdb.Error as error:  # its message may quote a value
            raise TransientError(
                f"analysis {number} of Achilles could not be computed of {name}: {type(error).__name__}",
                hint="run again; with OutOfMemory give more: ETL_MEMORY",
            ) from None
    _collect(con, into)


def _lay_out(con: DuckDBPyConnection, source: Source | None) -> None:
    """The tables that analyses read: a hospital's rows are put together, as hundreds of analyses look through them."""
    for schema in (CDM, FOUND):
        con.execute(f"drop schema if exists {schema} cascade")
        con.execute(f"create schema {schema}")
    for name in sorted(fields_read()[0]):
        rows = f"select * from {ROWS}.{name}"
        if source is None:
            con.execute(f"create view {CDM}.{name} as {rows}")
        else:
            con.execute(f"create table {CDM}.{name} as {rows} where {in_range(tables()[name], source.number)}")


def _collect(con: DuckDBPyConnection, into: str) -> None:
    """Put what analyses left, each a table of counts or of distributions or both, into one table."""
    query = "select table_name from duckdb_tables() where schema_name = ? order by table_name"
    made = [name for (name,) in con.execute(query, [FOUND]).fetchall()]
    rows = " union all by name ".join(_rows(name) for name in made)
    con.execute(f"insert into {into} by name {rows}")
    con.execute(f"drop schema {FOUND} cascade")


def _rows(made: str) -> str:
    is_distribution = made.startswith(f"{PREFIX}_dist_")
    names = ["analysis_id", *STRATA, "count_value", *(STATISTICS if is_distribution else ())]
    columns = ", ".join(f"{name}::{COLUMNS[name]} as {name}" for name in names)
    return f"select {is_distribution} as of_distribution, {columns} from {FOUND}.{made}"
