"""Whether the engine understands a check: it plans it over the tables of the CDM without a row, and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import empty, tables
from etl.errors import Problem
from etl.quality.battery.definition import as_on
from etl.quality.battery.own.ready import Ready

_NIGHT = "2000-01-01"
_LINE = re.compile(r"\s*LINE \d+:.*", re.DOTALL)


@contextmanager
def bare() -> Iterator[DuckDBPyConnection]:
    """An engine that knows the tables of the CDM, which are empty, and no files."""
    with duckdb.connect(config={"threads": 1, "enable_external_access": False}) as con:
        con.execute(";".join(f"create view {name} as {empty(table)}" for name, table in tables().items()))
        yield con


def trouble(con: DuckDBPyConnection, sql: str) -> str | None:
    """Why the engine cannot plan a query, in its words; None where it can."""
    try:
        con.execute(f"explain {as_on(sql, _NIGHT)}")
    except duckdb.Error as error:
        return _LINE.sub("", str(error)).strip().splitlines()[0]
    return None


def columns(con: DuckDBPyConnection, sql: str) -> list[str]:
    """The columns that a query gives; raises duckdb.Error where it cannot be planned."""
    return [row[0] for row in con.execute(f"describe {as_on(sql, _NIGHT)}").fetchall()]


def troubles(con: DuckDBPyConnection, sources: Mapping[str, str], asked: Sequence[Ready]) -> Iterator[Problem]:
    """Which conditions the engine does not understand: of all at once, one by one where it is any.

    `sources` is SQL of the rows `t`, by key of the conditions over them.
    """
    for key, source in sources.items():
        mine = [(one, sql) for one in asked for k, sql in one.conditions if k == key]
        if not mine or trouble(con, _counted(source, (sql for _, sql in mine))) is None:
            continue
        wrong = ((one, trouble(con, _counted(source, [sql]))) for one, sql in mine)
        yield from (one.item.problem(key, said) for one, said in wrong if said)


def _counted(source: str, said: Iterable[str]) -> str:
    counted = ", ".join(f"count_if({condition})" for condition in said)
    return f"select {counted} from {source}"
