"""An invented warehouse in memory, of any size, for tests of project spaces; and a space filled from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.research.spaces.adequacy import Measured
from etl.research.spaces.build import fill
from etl.research.spaces.definition import Definition
from etl.research.spaces.persons import KEY
from etl.research.spaces.policy import policy
from etl.sql import literal
from etl.store.warehouse.schema import create_statements

NIGHT = date(2026, 7, 1)
FIRST, LAST = date(2015, 1, 1), date(2026, 6, 30)
EVERYTHING = {
    name: tables()[name].columns
    for name in ("person", "visit_occurrence", "condition_occurrence", "measurement", "observation_period", "death")
}
ALL = "select person_id, observation_period_start_date as index_date from observation_period"
_IDS = "(1 + i % 4) << 24 | (1 + i // 4)"  # of four hospitals

_FILL = f"""
insert into person by name select {_IDS} as person_id, 8507 + 25 * (hash(i, 1) % 2) as gender_concept_id,
  1930 + hash(i, 2) % 85 as year_of_birth, 1 + hash(i, 3) % 12 as month_of_birth, 1 + hash(i, 4) % 28 as day_of_birth,
  0 as race_concept_id, 0 as ethnicity_concept_id, i as location_id, 'P' || i as person_source_value
  from range($n) r(i);
insert into location by name select i as location_id, (10 + hash(i, 5) % 4)::varchar || '000' as zip
  from range($n) r(i);
insert into observation_period by name select i as observation_period_id, {_IDS} as person_id,
  date '2014-12-01' as observation_period_start_date, date '2026-07-01' as observation_period_end_date,
  32817 as period_type_concept_id from range($n) r(i);
insert into visit_occurrence by name select person_id << 23 | k as visit_occurrence_id, person_id,
  9202 as visit_concept_id, date '2016-01-01' + (hash(i, k, 6) % 3200)::integer as visit_start_date,
  visit_start_date as visit_end_date, 32817 as visit_type_concept_id, 'room ' || i as visit_source_value,
  person_id as care_site_id from (select i, k, {_IDS} as person_id from range($n) r(i), range(12) s(k));
insert into condition_occurrence by name select visit_occurrence_id as condition_occurrence_id, person_id,
  visit_occurrence_id, visit_start_date as condition_start_date,
  visit_start_date + interval 9 hour as condition_start_datetime,
  2000 + floor(200 * power((hash(visit_occurrence_id, 7) % 100000) / 100000, 3))::integer as condition_concept_id,
  32817 as condition_type_concept_id, 'I10' as condition_source_value from visit_occurrence;
insert into measurement by name select visit_occurrence_id as measurement_id, person_id, visit_occurrence_id,
  visit_start_date as measurement_date, 3000 + hash(visit_occurrence_id, 8) % 10 as measurement_concept_id,
  32817 as measurement_type_concept_id, 100 + hash(visit_occurrence_id, 9) % 60 as value_as_number
  from visit_occurrence;
insert into death by name select {_IDS} as person_id, date '2025-03-10' as death_date from range($n) r(i)
  where i % 10 = 3;
insert into concept by name select unnest(range(2000, 2221) || [2500 + x for x in range(21)]) as concept_id,
  'C' || concept_id as concept_name, 'Condition' as domain_id, 'X' as vocabulary_id, 'X' as concept_class_id,
  concept_id::varchar as concept_code, date '1970-01-01' as valid_start_date, date '2099-12-31' as valid_end_date;
insert into concept_ancestor by name select id as descendant_concept_id,
  unnest([id, 2501 + (id - 2000) // 10, 2500]) as ancestor_concept_id, unnest([0, 1, 2]) as min_levels_of_separation,
  min_levels_of_separation as max_levels_of_separation from (select unnest(range(2000, 2200)) as id);
"""


@contextmanager
def warehouse(
    persons: int, *, threads: int = 1, memory: str = "1GB", file: Path | None = None
) -> Iterator[DuckDBPyConnection]:
    """A connection that reads an invented warehouse of so many persons, as a warehouse's reader does."""
    with opened(file, threads=threads, memory=memory) as con:
        for name, statement in create_statements(keys=False).items():
            if name in (*EVERYTHING, "location", "concept", "concept_ancestor"):
                con.execute(statement)
        for statement in _FILL.replace("$n", str(persons)).split(";\n"):
            con.execute(statement)
        con.execute(
            "create view hospital as select n as hospital_number, 'h' || n as hospital, "
            f"date {literal(str(NIGHT))} as night from range(1, 5) r(n)"
        )
        yield con


@contextmanager
def opened(file: Path | None, *, threads: int = 1, memory: str = "1GB") -> Iterator[DuckDBPyConnection]:
    """A warehouse's file, or memory where there is none."""
    with duckdb.connect(str(file or ":memory:"), config={"threads": threads, "memory_limit": memory}) as con:
        yield con


def definition(
    *, level: str = "standard", cohort: str = ALL, hospitals: int = 4, held: Mapping[str, tuple[str, ...]] = EVERYTHING
) -> Definition:
    """A project of the invented hospitals; by default of everybody and everything."""
    return Definition(
        "study", "A study", "Why", {f"h{n}": NIGHT for n in range(1, hospitals + 1)}, cohort, held, FIRST, LAST, level,
        date(2030, 1, 1), "",
    )  # fmt: skip


def build(
    con: DuckDBPyConnection, said: Definition, key: str = "a" * 64, name: str = "space", file: Path | None = None
) -> tuple[Measured, int]:
    """Fill a space, in memory unless in a `file`, which stays attached by `name`; returns how it measures, and who was
    left out."""
    for left in ("cohort", "everybody", "person_of", "place_of", "code_of", "named"):
        con.execute(f"drop table if exists temp.{left}")
    for left in ("visit_occurrence", "provider", "care_site"):
        con.execute(f"drop table if exists temp.of_{left}")
    con.execute(f"attach {literal(str(file or ':memory:'))} as space")
    con.execute(f"set variable {KEY} = {literal(key)}")
    measured, left_out, _ = fill(con, said, policy(said.policy), lambda *_: None)
    if name != "space":
        con.execute(f"attach ':memory:' as {name}")
        con.execute(f"copy from database space to {name}")
        con.execute("detach space")
    return measured, left_out
