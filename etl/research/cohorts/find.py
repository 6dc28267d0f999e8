"""Finds who is in many cohorts at once, on a reader of one moment of a warehouse."""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from etl.research.cohorts.ends import find_ends
from etl.research.cohorts.entries import find_entries, include, refine_events
from etl.research.cohorts.events import find_events
from etl.research.cohorts.groups import make_tables
from etl.research.cohorts.model import Cohort
from etl.research.cohorts.official import find_officially
from etl.research.cohorts.plan import Plan
from etl.research.cohorts.rows import table
from etl.research.cohorts.sets import find_concepts
from etl.sql import quote

_FOUND = (
    "create or replace temp table found_cohort (cohort_definition_id integer, subject_id bigint, "
    "cohort_start_date date, cohort_end_date date)",
    "create or replace temp table found_attrition (cohort_definition_id integer, rule_number integer, rule varchar, "
    "hospital_number integer, persons bigint)",
)
# What is asked of all persons again and again, read once.
_PERSONS = (
    "create or replace temp table cohorts_person as select person_id, year_of_birth, gender_concept_id, "
    "race_concept_id, ethnicity_concept_id from person",
    "create or replace temp table cohorts_period as select person_id, observation_period_start_date as opens, "
    "observation_period_end_date as closes from observation_period",
)
# A person is counted under each rule that one of the events passes together with all rules before it.
_ATTRITION = """
insert into found_attrition
with best as (select cohort, person_id, max(passed) as passed from cohorts_passed group by all),
hospital as (select distinct (person_id >> 24)::integer as hospital_number from cohorts_person),
step as (select cohort, rule_number, rule from cohorts_rule union all select cohort, 0, 'entry' from cohorts_number)
select n.number, s.rule_number, s.rule, h.hospital_number, count(b.person_id)
from step s join cohorts_number n using (cohort) cross join hospital h
left join best b on b.cohort = s.cohort and b.passed >= s.rule_number and b.person_id >> 24 = h.hospital_number
group by all
"""


def find_cohorts(con: DuckDBPyConnection, cohorts: Sequence[tuple[int, Cohort]]) -> None:
    """Make the temporary tables of what is found, each cohort by its number.

    `found_cohort` (cohort_definition_id, subject_id, cohort_start_date, cohort_end_date): a person's episodes do not
    overlap. `found_attrition` (cohort_definition_id, rule_number, rule, hospital_number, persons): rule 0 is who has an
    event that lets in, and each hospital has its row under every rule. `found_lacking` (cohort_definition_id,
    concept_set, concept_id): concepts that the vocabulary does not have, which is not to have nobody.
    """
    for statement in _FOUND:
        con.execute(statement)
    planned = [(number, cohort) for number, cohort in cohorts if cohort.official is None]
    _find_lacking(con, cohorts)
    if planned:
        _find(con, Plan(planned))
    for number, cohort in cohorts:
        if cohort.official is not None:
            find_officially(con, number, cohort)


def _find(con: DuckDBPyConnection, plan: Plan) -> None:
    numbers = [(place, number) for place, (number, _) in enumerate(plan.cohorts)]
    table(con, "cohorts_number", {"cohort": "int", "number": "int"}, numbers)
    for statement in _PERSONS:
        con.execute(statement)
    find_concepts(con, {number: each for each, number in plan.sets.items()})
    find_events(con, plan)
    make_tables(con)
    refine_events(con, plan)
    find_entries(con, plan)
    include(con, plan)
    find_ends(con, plan)
    con.execute(
        "insert into found_cohort select number, person_id, starts, ends from cohorts_found "
        "join cohorts_number using (cohort)"
    )
    con.execute(_ATTRITION)
    _tidy(con)


def _find_lacking(con: DuckDBPyConnection, cohorts: Sequence[tuple[int, Cohort]]) -> None:
    rows = [
        (number, name, item.concept) for number, cohort in cohorts for name, each in cohort.sets for item in each.items
    ]
    table(con, "cohorts_named", {"cohort_definition_id": "int", "concept_set": "text", "concept_id": "int"}, rows)
    con.execute(
        "create or replace temp table found_lacking as select distinct cohort_definition_id::integer as "
        "cohort_definition_id, concept_set, concept_id from cohorts_named anti join concept using (concept_id)"
    )
    con.execute("drop table cohorts_named")


def _tidy(con: DuckDBPyConnection) -> None:
    """Give back what was worked out on the way."""
    query = "select table_name from duckdb_tables() where temporary and starts_with(table_name, 'cohorts_')"
    for (name,) in con.execute(query).fetchall():
        con.execute(f"drop table {quote(name)}")
