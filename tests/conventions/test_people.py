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


def test_convention_10_month_of_birth_known_takes_its_first_day(case: Case) -> None:
    cdm = case(
        "",
        patients="""
        PT | SEX | BIRTH
        1  | M   | 1980-03
        2  | M   | 19800300
        3  | F   | 1980.03.00
        """,
    )
    cdm.shows("person", """
        person_id | year_of_birth | month_of_birth | day_of_birth | birth_datetime
        1         | 1980          | 3              | -            | 1980-03-01 00:00
        2         | 1980          | 3              | -            | 1980-03-01 00:00
        3         | 1980          | 3              | -            | 1980-03-01 00:00
        """)  # fmt: skip


def test_convention_10_a_birth_date_without_time_is_at_midnight_and_a_time_is_kept(case: Case) -> None:
    cdm = case(
        "",
        patients="""
        PT | SEX | BIRTH
        1  | M   | 19800315
        2  | F   | 2026-03-15 04:20
        """,
    )
    cdm.shows("person", """
        person_id | year_of_birth | month_of_birth | day_of_birth | birth_datetime
        1         | 1980          | 3              | 15           | 1980-03-15 00:00
        2         | 2026          | 3              | 15           | 2026-03-15 04:20
        """)  # fmt: skip


def test_convention_10_without_a_year_of_birth_neither_person_nor_events_are_loaded(case: Case) -> None:
    cdm = case(
        RECORD,
        patients="""
        PT | SEX | BIRTH
        1  | M   |
        2  | M   | 00000000
        3  | F   | 20270101
        4  | F   | 1980-01-01
        """,
        records="""
        PT | DAY        | TEXT
        1  | 2020-01-01 | a
        2  | 2020-01-01 | b
        4  | 2020-01-01 | c
        """,
    )
    cdm.shows("person", "person_id\n4")
    cdm.shows("observation", "person_id | value_as_string\n4 | c")
    assert cdm.quarantined() == [
        "patients_person: birth_invalid", "patients_person: birth_invalid", "patients_person: birth_missing",
        "records_observation: person_excluded", "records_observation: person_excluded",
    ]  # fmt: skip


def test_convention_10_a_person_without_events_keeps_its_row(case: Case) -> None:
    cdm = case(RECORD, patients="PT | SEX | BIRTH\n1 | M | 1980-01-01", records="PT | DAY | TEXT")
    cdm.shows("person", "person_id\n1")


def test_convention_11_gender_race_and_ethnicity(case: Case) -> None:
    """Sex at birth is 8507, 8532 or 0; a race that is not known is 0, and ethnicity is 0 outside the United States."""
    cdm = case(
        "",
        changes="- {name: patients_person, race: {code: NATION, map: nation}}",
        maps="  nation: {codes: {N: 38003585}}",
        patients="""
        PT | SEX | BIRTH      | NATION
        1  | M   | 1980-01-01 | N
        2  | F   | 1980-01-01 | Y
        3  | X   | 1980-01-01 |
        """,
    )
    cdm.shows("person", """
        person_id | gender_concept_id | gender_source_value | race_concept_id | race_source_value | ethnicity_concept_id
        1         | 8507              | M                   | 38003585        | N                 | 0
        2         | 8532              | F                   | 0               | Y                 | 0
        3         | 0                 | X                   | 0               | -                 | 0
        """)  # fmt: skip


def test_convention_19_partial_dates_of_death_go_to_the_end_of_the_month_or_of_december(case: Case) -> None:
    cdm = case(
        DEATH,
        patients="""
        PT | SEX | BIRTH      | DEATH
        1  | M   | 1940-01-01 | 2020-02-07 11:05
        2  | M   | 1940-01-01 | 2020-02
        3  | F   | 1940-01-01 | 20200000
        4  | F   | 1940-01-01 |
        """,
    )
    cdm.shows("death", """
        person_id | death_date | death_datetime
        1         | 2020-02-07 | 2020-02-07 11:05
        2         | 2020-02-29 | -
        3         | 2020-12-31 | -
        """)  # fmt: skip


def test_convention_19_a_partial_date_of_death_does_not_lie_beyond_the_delivery(case: Case) -> None:
    cdm = case(DEATH, patients="PT | SEX | BIRTH | DEATH\n1 | M | 1940-01-01 | 2026")
    cdm.shows("death", "person_id | death_date\n1 | 2026-07-01")
    assert cdm.select("from due") == [["1"]]  # another night finds another day


def test_convention_19_without_a_reliable_date_there_is_no_death(case: Case) -> None:
    cdm = case(
        DEATH,
        patients="""
        PT | SEX | BIRTH      | DEATH
        1  | M   | 1940-01-01 | unknown
        2  | F   | 1940-01-01 | 20270101
        """,
    )
    assert cdm.rows("death") == 0
    assert cdm.quarantined() == ["patients_death: start_in_future", "patients_death: start_invalid"]


def test_convention_19_a_person_dies_once(case: Case) -> None:
    cdm = case(
        "- {from: deaths, table: death, person: PT, start: DAY, type: 32817}\n",
        patients="PT | SEX | BIRTH\n1 | M | 1940-01-01",
        deaths="""
        PT | DAY
        1  | 2020-02-07
        1  | 2020-02-07
        """,
    )
    cdm.shows("death", "person_id | death_date\n1 | 2020-02-07")
    assert cdm.quarantined() == ["deaths_death: key_duplicate"]


def test_convention_19_activity_more_than_sixty_days_after_death_is_kept_and_flagged(case: Case) -> None:
    cdm = case(
        DEATH + RECORD,
        patients="PT | SEX | BIRTH | DEATH\n1 | M | 1940-01-01 | 2020-01-01",
        records="""
        PT | DAY        | TEXT
        1  | 2020-03-01 | sixty days later
        1  | 2020-03-02 | one day more
        """,
    )
    assert cdm.rows("observation") == 2
    assert cdm.flagged("observation", "not more than 60 days after death") == 1
