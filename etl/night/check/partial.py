"""The gates of a night that brings changes: what its suites ask of whole tables.

Expectations about rows look at what came, or at the candidate, which has all rows of the persons touched. How many rows
came says nothing of how many there are: that is answered by counting what counts, or from the accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.engine import rows_in
from etl.night.check.gate import finding_of
from etl.night.check.overall import FIGURES
from etl.night.check.suites import Expectation, Suite
from etl.night.lake.mapped import PERIOD, Mapped
from etl.sql import quote
from etl.store.ledger.records import Finding

_COUNTS = {
    "expect_table_row_count_to_be_between": ("min_value", "max_value"),
    "expect_table_row_count_to_equal": ("value", "value"),
}


def narrow_periods(con: DuckDBPyConnection, derived: Mapped) -> None:
    """Leave out of the candidate the periods of persons that only became longer: of these it has nothing else."""
    view = con.execute("select sql from duckdb_views() where view_name = ?", [PERIOD]).fetchone()
    if view and derived.touched:
        con.execute(f"alter view {quote(PERIOD)} rename to every_period")
        con.execute(
            f"create view {quote(PERIOD)} as select * from every_period where person_id in "
            f"(select person from {rows_in(*derived.touched)})"
        )


def without_counts(suites: Sequence[Suite]) -> list[Suite]:
    """The suites without what they promise of the number of rows of sources and of persons' tables."""
    return [replace(s, expectations=tuple(e for e in s.expectations if not _counts(s, e))) for s in suites]


def count_findings(suites: Iterable[Suite], rows: Mapping[str, int]) -> list[Finding]:
    """What `without_counts` leaves out, held against the whole hospital's `rows` by table."""
    return [_finding(s, e, rows.get(s.table, 0)) for s in suites for e in s.expectations if _counts(s, e)]


def _counts(suite: Suite, expectation: Expectation) -> bool:
    table = tables().get(suite.table)
    whole = (table is not None and not table.personal) or suite.table in FIGURES
    return expectation.type in _COUNTS and not whole


def _finding(suite: Suite, expectation: Expectation, rows: int) -> Finding:
    least, most = (expectation.kwargs.get(word) for word in _COUNTS[expectation.type])
    return finding_of(suite, expectation, success=_within(rows, least, most), total=rows, observed=str(rows))


def _within(rows: int, least: Any, most: Any) -> bool:
    return (least is None or rows >= least) and (most is None or rows <= most)
