"""What OHDSI's tools read of Achilles: the tables of `results.sql` in a DuckDB file, which warehouses take over."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from etl.files import packaged
from etl.sql import quote

#: The tables that a warehouse takes over, each wholly; the views beside them it has of its own.
TABLES = (
    "achilles_source", "achilles_count", "achilles_distribution", "achilles_concept", "achilles_analysis",
    "concept_hierarchy",
)  # fmt: skip
#: Under the names that OHDSI's tools know: the whole warehouse.
KNOWN = (
    "achilles_results", "achilles_results_dist", "achilles_result_concept_count", "achilles_analysis",
    "concept_hierarchy",
)  # fmt: skip


def create_results(con: DuckDBPyConnection) -> None:
    """Make the empty tables, and the views, in the connection's current schema."""
    con.execute(packaged(__name__, "results.sql"))


def has_results(con: DuckDBPyConnection) -> bool:
    """Whether a reader's connection sees results of Achilles."""
    place = "'results' in (database_name, schema_name)"
    there = f"select 1 from duckdb_tables() where table_name = 'achilles_source' and {place}"
    return con.execute(there).fetchone() is not None


def copy_known(con: DuckDBPyConnection, target: str) -> None:
    """Copy what OHDSI's tools know into the schema `results` of an attached database, where a reader sees any of it."""
    if not has_results(con):
        return
    con.execute(f"create schema {target}.results")
    for name in KNOWN:
        con.execute(f"create table {target}.results.{quote(name)} as from results.{quote(name)}")
