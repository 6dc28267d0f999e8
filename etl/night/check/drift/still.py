"""Days of a whole delivery that stopped: the newest one is longer ago than rows have been apart in the year before."""

from __future__ import annotations

from collections.abc import Iterator

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.night.check.drift.judge import drifted
from etl.night.check.drift.measure import DERIVED
from etl.night.check.drift.rules import Rules
from etl.sql import quote
from etl.store.ledger.records import Finding

_EXPECTED = 10  # rows that should have come in the meantime: by chance none comes once in twenty thousand nights
_KIND = "still"


def standing_still(con: DuckDBPyConnection, rules: Rules) -> Iterator[Finding]:
    """Tables of the candidate, views of `con` with everybody's rows, of which no new day has come for too long."""
    for name, table in tables().items():
        day = next((f.name for f in table.fields if f.type == "date" and f.required), None)
        rule = rules.rule(_KIND, name, day)
        if table.schema != "cdm" or name in DERIVED or day is None or rule is None:
            continue
        row = con.execute(_query(name, day)).fetchone()
        if row and row[0] is not None:
            since, longest, daily = row
            if since > longest and since * daily >= _EXPECTED:
                told = f"{since} days before the night, never more than {longest} days apart"
                yield drifted(_KIND, name, day, rule, None, None, told)


def _query(name: str, day: str) -> str:
    """Days since the newest row, the longest time without one in the year before it, and rows a day in that year."""
    column = quote(day)
    return (
        f"with known as (select {column} as d, count(*) as n from {quote(name)} "
        f"where {column} <= omop_night() group by 1), "
        "newest as (select max(d) as last from known), "
        "year as (select d, n, d - lag(d) over (order by d) as apart from known, newest where d > last - 365) "
        "select (omop_night() - any_value(last))::integer, coalesce(max(apart), 0), sum(n) / (max(d) - min(d) + 1) "
        "from year, newest having count(*) > 1"
    )
