"""The adequacy test of a space that stands: whether it is what was built, and holds what its policy asks."""

from __future__ import annotations

from contextlib import closing

import duckdb
from duckdb import DuckDBPyConnection
from sqlalchemy.engine import URL

from etl.engine import load_cipher, one_number
from etl.research.spaces import kept, vault
from etl.research.spaces.adequacy import Measured, measure_again
from etl.research.spaces.definition import Definition
from etl.research.spaces.on_postgres import schema_of
from etl.research.spaces.persons import quasi_identifiers
from etl.research.spaces.policy import policy
from etl.settings import Settings
from etl.sql import literal, quote
from etl.store.postgres.connect import attach


def check_again(
    settings: Settings, definition: Definition, digest: str, journalist: float, admin: URL | None = None
) -> tuple[Measured | None, list[str]]:
    """Measure a space that stands anew, and tell what does not hold; `digest` is that of its file when it was built.

    Nothing is measured of a file that is another one. On PostgreSQL the rows of its schema are held against the file's.
    """
    about, rules = kept.about(settings, definition.name), policy(definition.policy)
    file = kept.file_of(settings, definition.name)
    if kept.digest(file) != digest:
        return None, ["changed since it was built"]
    with closing(duckdb.connect(config={"threads": settings.threads, "memory_limit": settings.memory})) as con:
        load_cipher(con)
        con.execute(kept.attach_statement(file, vault.take(settings, definition.name)))
        known = quasi_identifiers(definition, rules)
        measured = measure_again(con, definition, rules, known, journalist)
        failures = measured.failures(rules.adequacy)
        if about.schema:
            attach(con, admin or settings.warehouse, "pg")
            failures += [f"{table} of the server is not that of the file" for table in _differ(con, definition.name)]
    return measured, failures


def _differ(con: DuckDBPyConnection, project: str) -> list[str]:
    """Tables whose rows on the server are not those of the file."""
    place, wrong = f"pg.{quote(schema_of(project))}", []
    tables = "select table_name from duckdb_tables() where database_name = {} and schema_name = {} order by 1"
    here, there = (
        [name for (name,) in con.execute(tables.format(literal(db), literal(schema))).fetchall()]
        for db, schema in (("space", "main"), ("pg", schema_of(project)))
    )
    for table in sorted({*here, *there}):
        if table not in here or table not in there:
            wrong.append(table)
            continue
        sums = [
            one_number(con, f"select coalesce(bit_xor(hash(t)) % 1000000007, 0) + 1000000007 * count(*) from {each} t")
            for each in (f"space.main.{quote(table)}", f"{place}.{quote(table)}")
        ]
        if sums[0] != sums[1]:
            wrong.append(table)
    return wrong
