"""The plain evaluator of cohorts that shipped data sets are measured with, on rows a person can read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import phenotypes_in_sql
import pytest

SETS = {
    "disease": {"concepts": [{"id": 10, "descendants": True}], "exclude": [{"id": 12}]},
    "drug": {"concepts": [{"id": 20}]},
    "lab": {"concepts": [{"id": 3004410}]},
}
CONDITION = {"table": "condition_occurrence", "of": "disease"}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Concept 10 has 11 and 12 below it; everybody is observed in 2020 to 2022."""
    with duckdb.connect() as db:
        db.execute("""
            create table concept_ancestor as select * from (values (10, 10), (10, 11), (10, 12))
              t(ancestor_concept_id, descendant_concept_id);
            create table person as select i as person_id, 1980 as year_of_birth from range(1, 10) t(i);
            create table observation_period as select person_id, date '2020-01-01' as observation_period_start_date,
              date '2022-12-31' as observation_period_end_date from person;
            create table visit_occurrence (visit_occurrence_id bigint, visit_concept_id int);
            insert into visit_occurrence values (1, 9201), (2, 9202);
            create table condition_occurrence (person_id int, condition_concept_id int, condition_start_date date,
              visit_occurrence_id bigint);
            create table drug_exposure (person_id int, drug_concept_id int, drug_exposure_start_date date);
            create table measurement (person_id int, measurement_concept_id int, measurement_date date,
              value_as_number double, value_as_concept_id int, unit_concept_id int);
        """)
        yield db


def members(con: duckdb.DuckDBPyConnection, **said: Any) -> list[tuple[int, date]]:
    cohort = {"concept_sets": SETS, "entry": [CONDITION], "episodes": "first"} | said
    return con.execute(f"{phenotypes_in_sql.episodes(cohort)} order by all").fetchall()


def conditions(con: duckdb.DuckDBPyConnection, *rows: tuple[int, int, str]) -> None:
    con.executemany("insert into condition_occurrence values (?, ?, ?, 1)", rows)


def test_a_set_holds_descendants_without_what_is_excluded(con: duckdb.DuckDBPyConnection) -> None:
    conditions(con, (1, 11, "2021-01-01"), (2, 12, "2021-01-01"), (3, 10, "2021-01-01"), (4, 20, "2021-01-01"))
    assert [person for person, _ in members(con)] == [1, 3]


def test_a_rule_counts_records_in_its_window(con: duckdb.DuckDBPyConnection) -> None:
    again = {"name": "again", "any": [CONDITION | {"within": [1, 365], "count": {"min": 1}}]}
    conditions(con, (1, 10, "2020-01-01"), (1, 10, "2021-06-01"), (1, 10, "2021-06-02"), (2, 10, "2020-01-01"))
    assert members(con, rules=[again]) == [(1, date(2021, 6, 1))]
    never = {"name": "never before", "all": [CONDITION | {"within": [-1000, -1], "count": {"max": 0}}]}
    assert members(con, rules=[never]) == [(1, date(2020, 1, 1)), (2, date(2020, 1, 1))]


def test_one_of_any_is_enough_and_all_of_all(con: duckdb.DuckDBPyConnection) -> None:
    conditions(con, (1, 10, "2021-01-01"), (2, 10, "2021-01-01"), (3, 10, "2021-01-01"))
    con.execute("insert into drug_exposure values (1, 20, '2021-01-05'), (2, 20, '2021-03-01')")
    early = {"table": "drug_exposure", "of": "drug", "within": [0, 30]}
    late = {"table": "drug_exposure", "of": "drug", "within": [31, 90]}
    assert [p for p, _ in members(con, rules=[{"name": "a drug", "any": [early, late]}])] == [1, 2]
    assert members(con, rules=[{"name": "both", "all": [early, late]}]) == []


def test_episodes_begin_after_the_washout(con: duckdb.DuckDBPyConnection) -> None:
    conditions(con, (1, 10, "2020-01-01"), (1, 10, "2020-03-01"), (1, 10, "2021-06-01"))
    assert members(con, episodes="all", washout=365) == [(1, date(2020, 1, 1)), (1, date(2021, 6, 1))]
    assert members(con) == [(1, date(2020, 1, 1))]


def test_entries_ask_for_age_observation_visit_and_the_first(con: duckdb.DuckDBPyConnection) -> None:
    conditions(con, (1, 10, "2020-02-01"), (1, 10, "2021-06-01"), (2, 10, "2023-05-01"))
    con.execute("insert into condition_occurrence values (3, 10, '2021-01-01', 2)")
    asked = {"prior_observation": 180}
    assert members(con, entry=[CONDITION | asked]) == [(1, date(2021, 6, 1)), (3, date(2021, 1, 1))]
    assert members(con, entry=[CONDITION | asked | {"first": True}]) == [(3, date(2021, 1, 1))]
    assert [p for p, _ in members(con, entry=[CONDITION | {"visit": [9201]}])] == [1]
    assert members(con, entry=[CONDITION | {"age": {"min": 42}}]) == []


def test_values_are_compared_in_the_units_asked_for(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("""insert into measurement values (1, 3004410, '2021-01-01', 6.5, null, 8554),
        (2, 3004410, '2021-01-01', 6.4, null, 8554), (3, 3004410, '2021-01-01', 7, null, 8737),
        (4, 3004410, '2021-01-01', 60, null, 8840), (5, 3004410, '2021-01-01', null, 9191, null)""")
    raised = {"table": "measurement", "of": "lab", "value": {"min": 6.5, "unit": [8554, 8737]}}
    assert [p for p, _ in members(con, entry=[raised])] == [1, 3]
    low = {"table": "measurement", "of": "lab", "value": {"max": 6.45, "unit": [8554]}}
    assert [p for p, _ in members(con, entry=[low])] == [2]
    positive = {"table": "measurement", "of": "lab", "value": {"concepts": [9191]}}
    assert [p for p, _ in members(con, entry=[positive])] == [5]


def test_it_knows_all_that_the_shipped_data_sets_ask_for(con: duckdb.DuckDBPyConnection) -> None:
    known = {"table", "of", "first", "age", "prior_observation", "value", "visit", "within", "count"}
    for file in phenotypes_in_sql.shipped().values():
        cohort = phenotypes_in_sql.cohort_of(file)
        parts = [
            *cohort["entry"],
            *(each for r in cohort.get("rules", []) for k in ("any", "all") for each in r.get(k, [])),
        ]
        assert {key for part in parts for key in part} <= known
        assert set(cohort) <= {"concept_sets", "entry", "rules", "exit", "washout", "episodes"}
