"""Conventions 10, 11 and 19: persons and their deaths."""

from __future__ import annotations

from harness import Case

RECORD = "- {from: records, event: observation, person: PT, start: DAY, concept: 0, type: 32817, value: TEXT}\n"
DEATH = "- {from: patients, table: death, where: {died: DEATH is not null}, person: PT, start: DEATH, type: 32817}\n"


def test_convention_10_year_of_birth_only_takes_the_earliest_record_of_that_year(case: Case) -> None:
    cdm = case(
        RECORD,
        patients="""
        PT | SEX | BIRTH
        1  | M   | 1980
        2  | M   | 19800000
        3  | F   | 1980-00-00
        """,
        records="""
        PT | DAY        | TEXT
        1  | 1980-11-03 | a
        1  | 1980-04-02 14:30 | b
        1  | 1981-01-01 | c
        2  | 1981-01-01 | d
        """,
    )
    cdm.shows("person", """
        person_id | year_of_birth | month_of_birth | day_of_birth | birth_datetime
        1         | 1980          | -              | -            | 1980-04-02 00:00
        2         | 1980          | -              | -            | 1980-06-15 00:00
        3         | 1980          | -              | -            | 1980-06-15 00:00
        """)  # fmt: skip
    assert cdm.rows("observation") == 4
