"""A CDM of a few rows in memory, as a reader shows it, for tests of cohorts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache

import duckdb
from duckdb import DuckDBPyConnection
from phenotype_rows import READ

from etl.research.cohorts.find import find_cohorts
from etl.research.cohorts.model import Cohort
from etl.research.cohorts.records import records
from etl.sql import quote
from etl.store.warehouse.schema import create_statements

START = date(2020, 1, 1)
DISEASE, BELOW, OTHER, DRUG, TEST = 100, 101, 200, 300, 400


@cache
def _statements() -> tuple[str, ...]:
    made = create_statements(keys=False)
    return tuple(made[name].replace(" NOT NULL", "") for name in sorted(READ))


def person(number: int, hospital: int = 1) -> int:
    """A person's id."""
    return (hospital << 24) + number


def day(number: int) -> date:
    """A day after the start of everybody's observation."""
    return START + timedelta(number)


def cdm(*rows: dict[str, object]) -> DuckDBPyConnection:
    """Rows as `record` makes them; everybody who has one is observed for a thousand days, and born in 1980."""
    con = duckdb.connect(config={"threads": 1})
    for statement in _statements():
        con.execute(statement)
    for concept in (DISEASE, BELOW, OTHER, DRUG, TEST):
        con.execute("insert into concept (concept_id) values (?)", [concept])
    con.execute("insert into concept_ancestor values (?, ?, 1, 1)", [DISEASE, BELOW])
    for who in sorted({row["person_id"] for row in rows}, key=str):
        con.execute("insert into person (person_id, year_of_birth, gender_concept_id) values (?, 1980, 8532)", [who])
        con.execute(
            "insert into observation_period values (?, ?, ?, ?, 0)", [who, who, START, START + timedelta(1000)]
        )  # fmt: skip
    for number, row in enumerate(rows, 1):
        table = records()[str(row.pop("table"))]
        named = {table.id: number, **row} if table.id != "person_id" else row
        columns, marks = ", ".join(map(quote, named)), ", ".join("?" * len(named))
        con.execute(f"insert into {table.name} ({columns}) values ({marks})", list(named.values()))
    return con


def record(who: int, table: str, concept: int, when: int, **more: object) -> dict[str, object]:
    """A record of a person on a day after the start."""
    each = records()[table]
    columns: dict[str, object] = {"table": table, "person_id": who, each.starts.removeprefix("t."): day(when)}
    if each.concept:
        columns[each.concept.removeprefix("t.")] = concept
    return columns | more


Spells = list[tuple[int, int, int]]


def found(con: DuckDBPyConnection, cohort: Cohort) -> Spells:
    """Persons of a cohort, and the days after the start when they come and go."""
    return found_at_once(con, {"one": cohort})["one"]


def found_at_once(con: DuckDBPyConnection, cohorts: dict[str, Cohort]) -> dict[str, Spells]:
    """The same of many cohorts, found in one pass."""
    find_cohorts(con, list(enumerate(cohorts.values(), 1)))
    spells: dict[str, Spells] = {name: [] for name in cohorts}
    rows = con.execute(
        "select cohort_definition_id, subject_id, cohort_start_date - ?::date, cohort_end_date - ?::date "
        "from found_cohort order by all", [START, START],
    ).fetchall()  # fmt: skip
    for number, *spell in rows:
        spells[list(cohorts)[number - 1]].append(tuple(spell))
    return spells


def attrition(con: DuckDBPyConnection) -> Iterable[tuple[object, ...]]:
    """What was told by the last search: rule, hospital, persons."""
    query = "select rule_number, rule, hospital_number, persons from found_attrition order by all"
    return con.execute(query).fetchall()
