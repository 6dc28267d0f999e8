"""Cohorts on a published night, read from each warehouse in one moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tiny import Tiny

from etl.research.cohorts.circe import read_circe
from etl.research.cohorts.find import find_cohorts
from etl.research.cohorts.read import read_cohort
from etl.store.warehouse.open import open_warehouse

_BY_HAND = """
select c.person_id, min(condition_start_date), max(observation_period_end_date) from condition_occurrence c
join observation_period o on o.person_id = c.person_id
and condition_start_date between observation_period_start_date and observation_period_end_date
where condition_concept_id = ? group by all order by all
"""
_JSON = """{"ConceptSets": [{"id": 0, "name": "one", "expression": {"items": [{"concept": {"CONCEPT_ID": %d}}]}}],
"PrimaryCriteria": {"CriteriaList": [{"ConditionOccurrence": {"CodesetId": 0}}],
"ObservationWindow": {"PriorDays": 0, "PostDays": 0}, "PrimaryCriteriaLimit": {"Type": "All"}},
"ExpressionLimit": {"Type": "All"}}"""


def test_every_warehouse_finds_a_cohort_in_each_of_its_forms(either: Tiny) -> None:
    either.publish()
    with open_warehouse(either.settings).reader() as con:
        con.execute("begin")
        most = "select condition_concept_id from condition_occurrence where condition_concept_id > 0 group by all"
        (concept,) = con.execute(f"{most} order by count(*) desc, 1 limit 1").fetchone() or (0,)
        sets = {"one": {"concepts": [concept]}}
        entry = [{"table": "condition_occurrence", "of": "one"}]
        ours = read_cohort({"concept_sets": sets, "entry": entry}, Path(), "dataset.yaml")
        circe = read_circe(_JSON % concept, "cohort.json")
        find_cohorts(con, [(1, ours), (2, circe), (3, replace(circe, official=_JSON % concept))])
        rows = "select subject_id, cohort_start_date, cohort_end_date from found_cohort where cohort_definition_id = ?"
        by_hand = con.execute(_BY_HAND, [concept]).fetchall()
        assert by_hand
        for number in (1, 2, 3):
            assert con.execute(f"{rows} order by all", [number]).fetchall() == by_hand
        told = "select cohort_definition_id, persons from found_attrition order by all"
        assert con.execute(told).fetchall() == [(number, len({who for who, *_ in by_hand})) for number in (1, 2, 3)]
