"""Finds a cohort by Circe's own SQL, where the shared plan cannot say all that it asks for."""

from __future__ import annotations

from duckcdm import circe, sqlrender
from duckdb import DuckDBPyConnection

from etl.research.cohorts.model import Cohort
from etl.research.cohorts.rows import table
from etl.sql import quote

_TARGET, _TIDIES = "cohorts_official", "DELETE FROM inclusion_events"
# Which events pass how many rules is only known until Circe's SQL tidies up.
_ATTRITION = """
insert into found_attrition
with failed as (
  select q.person_id, q.event_id, min(r.rule_number) as rule_number
  from qualified_events q cross join cohorts_rule r anti join inclusion_events i
  on i.person_id = q.person_id and i.event_id = q.event_id and i.inclusion_rule_id + 1 = r.rule_number group by all
), best as (
  select q.person_id, max(coalesce(f.rule_number - 1, (select count(*) from cohorts_rule))) as passed
  from qualified_events q left join failed f using (person_id, event_id) group by all
), hospital as (select distinct (person_id >> 24)::integer as hospital_number from person),
step as (select rule_number, rule from cohorts_rule union all select 0, 'entry')
select {number}, s.rule_number, s.rule, h.hospital_number, count(b.person_id) from step s cross join hospital h
left join best b on b.passed >= s.rule_number and b.person_id >> 24 = h.hospital_number group by all
"""


def find_officially(con: DuckDBPyConnection, number: int, cohort: Cohort) -> None:
    """Add a cohort to `found_cohort` and `found_attrition` by the SQL that Circe makes of its JSON."""
    con.execute(
        f"create or replace temp table {_TARGET} (cohort_definition_id bigint, subject_id bigint, "
        "cohort_start_date date, cohort_end_date date)"
    )
    rules = [(place, rule.name) for place, rule in enumerate(cohort.rules, 1)]
    table(con, "cohorts_rule", {"rule_number": "int", "rule": "text"}, rules)
    for statement in statements(con, number, cohort):
        if statement.strip().startswith(_TIDIES):
            con.execute(_ATTRITION.format(number=number))
        con.execute(statement)
    con.execute(f"insert into found_cohort from {_TARGET}")
    for made in (_TARGET, "cohorts_rule"):
        con.execute(f"drop table {made}")


def statements(con: DuckDBPyConnection, number: int, cohort: Cohort) -> list[str]:
    """Circe's SQL of a cohort for the tables that a connection reads by their plain names."""
    place = con.execute("select current_database(), current_schema()").fetchone()
    schema = ".".join(map(quote, place or ()))
    query = circe.build_cohort_query(
        cohort.official, cdm_schema=schema, vocabulary_schema=schema, result_schema="temp.main",
        target_table=f"temp.main.{_TARGET}", cohort_id=number,
    )  # fmt: skip
    translated = sqlrender.translate(sqlrender.render(query), "duckdb")
    return [each for each in sqlrender.split_sql(translated) if each.strip()]
