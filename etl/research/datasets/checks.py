"""What has to hold of the rows of a version, and what whoever uses it should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from duckdb import DuckDBPyConnection

from etl.engine import one_number
from etl.pages.language import noted
from etl.research.datasets.columns import WIDE
from etl.research.datasets.definition import Dataset
from etl.research.datasets.series import Asked, used_sets
from etl.research.datasets.told import Told
from etl.research.datasets.wanted import missing
from etl.sql import quote

FAILED, WARNED, PASSED = "failed", "warning", "passed"
#: Rows that must not be: the check's name, and SQL that counts them.
_MUST_NOT = (
    (noted("an episode is there once"), f"select count(*) - count(distinct (person_id, episode)) from {WIDE}"),
    (noted("every person is one of the warehouse"), f"select count(*) from {WIDE} anti join person using (person_id)"),
    (noted("no episode ends before it begins"), f"select count(*) from {WIDE} where end_date < index_date"),
    (
        noted("an index day is observed"),
        f"select count(*) from {WIDE} w where not exists (select 1 from observation_period o where o.person_id = "
        "w.person_id and w.index_date between o.observation_period_start_date and o.observation_period_end_date)",
    ),
    (noted("somebody is in the cohort"), f"select (count(*) = 0)::integer from {WIDE}"),
)


def made(
    con: DuckDBPyConnection, dataset: Dataset, wanted: Asked, units: Mapping[str, Mapping[str, Told]]
) -> list[dict[str, Any]]:
    """All checks with their verdicts; `units` are the values that were none, as they are told."""
    found = [_check(name, FAILED if one_number(con, sql) else PASSED) for name, sql in _MUST_NOT]
    lacking = missing(con, used_sets(dataset, wanted))
    found.append(
        _check(noted("the vocabulary has every concept that is asked for"), WARNED if lacking else PASSED, lacking)
    )
    found.append(_check(noted("every value is in a unit that converts"), WARNED if units else PASSED, units))
    if dataset.columns:
        counts = ", ".join(f"count({quote(name)})" for name in dataset.columns)
        row: Sequence[int] = con.execute(f"select {counts} from {WIDE}").fetchone() or ()
        empty = [name for name, n in zip(dataset.columns, row, strict=True) if not n]
        found.append(_check(noted("every variable has a value of somebody"), WARNED if empty else PASSED, empty))
    return found


def failed(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the checks that failed: such a version does not stand."""
    return [each["name"] for each in checks if each["verdict"] == FAILED]


def _check(name: str, verdict: str, about: Any = None) -> dict[str, Any]:
    return {"name": name, "verdict": verdict} | ({"about": about} if about else {})
