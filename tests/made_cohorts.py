"""A cohort of a test's own SQL behind the interface of cohorts, where these are not what is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

#: Everybody from the first day of observation to the last.
EVERYBODY = (
    "select person_id as subject_id, min(observation_period_start_date) as cohort_start_date, "
    "max(observation_period_end_date) as cohort_end_date from observation_period group by person_id"
)


@dataclass(frozen=True)
class OfSql:
    """A cohort that is what a query gives."""

    sql: str


def read(said: Any, folder: Path, place: str) -> OfSql:
    """As `read_cohort`, of `{sql: …}`."""
    return OfSql(said["sql"])


def find(con: DuckDBPyConnection, cohorts: Sequence[tuple[int, OfSql]]) -> None:
    """As `find_cohorts`: rule 0 is everybody who has an event, rule 1 who is left."""
    for table in ("found_cohort", "found_attrition"):
        con.execute(f"drop table if exists temp.{table}")
    rows = " union all ".join(f"select {n} as cohort_definition_id, * from ({each.sql})" for n, each in cohorts)
    con.execute(f"create temp table found_cohort as {rows}")
    con.execute(
        "create temp table found_attrition as select cohort_definition_id, rule_number, rule, hospital_number, persons "
        "from (select cohort_definition_id, (subject_id >> 24)::integer as hospital_number, "
        "count(distinct subject_id) as persons from found_cohort group by all), "
        "(values (0, 'entry'), (1, 'left')) r(rule_number, rule)"
    )


def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put these in the place of the real ones for a test."""
    monkeypatch.setattr("etl.research.datasets.definition.read_cohort", read)
    monkeypatch.setattr("etl.research.datasets.find.find_cohorts", find)
