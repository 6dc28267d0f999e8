"""Checks that count persons: who has no row in a table, no era, or periods that overlap."""

from __future__ import annotations

from collections.abc import Sequence

from etl.quality.battery.checks import Check
from etl.quality.battery.statement import Ground, Statement, Wide, long, named


def eras_of(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """Persons with a condition who have no condition era."""
    mine = named(asked, "measureConditionEraCompleteness")
    schema = ground.schema
    if not mine or not schema.has("condition_occurrence", "person_id", "condition_concept_id"):
        return None
    sql = (
        f"select {schema.hospital('condition_occurrence')}, 0, "
        "count(*) filter (where t.person_id not in (select person_id from condition_era where person_id is not null)), "
        "count(*) from (select distinct person_id from condition_occurrence where condition_concept_id <> 0 "
        "and person_id is not null) t group by 1"
    )
    return long(eras_of, mine, sql)


def periods_of(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """Persons of whom two observation periods overlap or touch."""
    mine = named(asked, "measureObservationPeriodOverlap")
    if not mine:
        return None
    table = mine[0].table
    sql = (
        f"with m as materialized (select * from {table} where person_id in "
        f"(select person_id from {table} group by 1 having count(*) > 1)), "
        "o as (select distinct a.person_id from m a join m b on a.person_id = b.person_id "
        "and a.observation_period_id <> b.observation_period_id "
        "where a.observation_period_start_date <= b.observation_period_end_date + 1 "
        "and b.observation_period_start_date <= a.observation_period_end_date + 1) "
        f"select {ground.schema.hospital(table)}, 0, count(*) filter (where t.person_id in (select person_id from o)), "
        f"count(*) from (select distinct person_id from {table} where person_id is not null) t group by 1"
    )
    return long(periods_of, mine, sql)


def persons_of(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """Persons without a row in each of several tables."""
    has = ground.schema.has
    mine = [c for c in named(asked, "measurePersonCompleteness") if has(c.table, "person_id")]
    if not mine or not has("person", "person_id"):
        return None
    wide = Wide("person", ground)
    every = wide.column("count(*)")
    marks = []
    for i, check in enumerate(mine):
        marks.append(f"t.person_id in (select distinct person_id from {check.table}) as _p{i}")
        wide.add(check, wide.counted(f"t._p{i} is not true"), every)
    return wide.statement(persons_of, f"(select t.*, {', '.join(marks)} from person t) t")
