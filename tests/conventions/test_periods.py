"""Conventions 12 and 26: observation periods. The data pull is 2026-07-01."""

from __future__ import annotations

from harness import Case

RECORD = "- {from: records, event: observation, person: PT, start: DAY, concept: 0, type: 32817, value: TEXT}\n"
DIAGNOSES = "- {from: dx, event: condition, person: PT, start: DAY, end: END, concept: 201826, type: 32827}\n"
DEATH = "- {from: patients, table: death, where: {died: DEATH is not null}, person: PT, start: DEATH, type: 32817}\n"
PATIENTS = "PT | SEX | BIRTH | DEATH\n1 | M | 1940-01-01 |\n2 | F | 1940-01-01 |"
COLUMNS = "person_id | observation_period_start_date | observation_period_end_date | period_type_concept_id"


def test_convention_12_a_period_runs_from_the_first_record_to_sixty_days_after_the_last(case: Case) -> None:
    cdm = case(DIAGNOSES, patients=PATIENTS, dx="""
        PT | DAY        | END
        1  | 2020-01-01 | 2020-02-01
        1  | 2020-01-10 |
        2  | 2026-06-20 |
        """)  # fmt: skip
    cdm.shows("observation_period", f"""
        {COLUMNS}
        1 | 2020-01-01 | 2020-04-01 | 32882
        2 | 2026-06-20 | 2026-07-01 | 32882
        """)  # fmt: skip


def test_convention_12_a_period_does_not_begin_before_the_system_went_live(case: Case) -> None:
    """Records that were taken over from before are kept, outside the period."""
    cdm = case(DIAGNOSES, "live_since: 2016-01-01", patients=PATIENTS, dx="""
        PT | DAY        | END
        1  | 2015-12-01 | 2016-01-10
        1  | 2016-02-01 |
        """)  # fmt: skip
    cdm.shows(
        "observation_period", f"{COLUMNS}\n1 | 2016-01-01 | 2016-04-01 | 32882\n2 | 2016-01-01 | 2016-01-01 | 32882"
    )
    assert cdm.rows("condition_occurrence") == 2


def test_convention_12_every_person_with_events_has_a_period(case: Case) -> None:
    """Also who has nothing but records from before the system went live, or from long after death."""
    cdm = case(DEATH + DIAGNOSES, "live_since: 2016-01-01", patients="""
        PT | SEX | BIRTH      | DEATH
        1  | M   | 1940-01-01 |
        2  | F   | 1940-01-01 | 2020-01-01
        """, dx="""
        PT | DAY        | END
        1  | 2009-01-01 | 2009-01-05
        1  | 2009-02-01 |
        2  | 2021-01-01 |
        """)  # fmt: skip
    cdm.shows("observation_period", f"""
        {COLUMNS}
        1 | 2009-01-01 | 2009-02-01 | 32882
        2 | 2021-01-01 | 2021-01-01 | 32882
        """)  # fmt: skip
    assert cdm.flagged("person", "Every person with events") == 0


def test_convention_12_a_period_ends_sixty_days_after_death_and_death_alone_makes_none(case: Case) -> None:
    cdm = case(DEATH + DIAGNOSES, "observation_period: {without_records: none}", patients="""
        PT | SEX | BIRTH      | DEATH
        1  | M   | 1940-01-01 | 2020-03-01
        2  | F   | 1940-01-01 | 2020-03-01
        """, dx="""
        PT | DAY        | END
        1  | 2020-01-01 | 2021-01-01
        """)  # fmt: skip
    cdm.shows("observation_period", f"{COLUMNS}\n1 | 2020-01-01 | 2020-04-30 | 32882")


def test_convention_12_a_gap_of_548_days_splits_a_period_and_one_of_547_does_not(case: Case) -> None:
    cdm = case(DIAGNOSES, patients=PATIENTS, dx="""
        PT | DAY        | END
        1  | 2020-01-01 |
        1  | 2021-07-02 |
        2  | 2020-01-01 |
        2  | 2021-07-01 |
        """)  # fmt: skip
    cdm.shows("observation_period", f"""
        {COLUMNS}
        1 | 2020-01-01 | 2020-03-01 | 32882
        1 | 2021-07-02 | 2021-08-31 | 32882
        2 | 2020-01-01 | 2021-08-30 | 32882
        """)  # fmt: skip


def test_convention_12_gap_and_tail_are_settings(case: Case) -> None:
    cdm = case(DIAGNOSES, "observation_period: {gap_days: 100, tail_days: 30}", patients=PATIENTS, dx="""
        PT | DAY        | END
        1  | 2020-01-01 |
        1  | 2020-04-10 |
        """)  # fmt: skip
    cdm.shows("observation_period", f"""
        {COLUMNS}
        1 | 2020-01-01 | 2020-01-31 | 32882
        1 | 2020-04-10 | 2020-05-10 | 32882
        2 | 1940-01-01 | 1940-01-01 | 32882
        """)  # fmt: skip


def test_convention_12_overlapping_records_are_one_period(case: Case) -> None:
    """A record inside a longer one does not hide how long that one lasts."""
    cdm = case(DIAGNOSES, patients=PATIENTS, dx="""
        PT | DAY        | END
        1  | 2018-01-01 | 2020-01-01
        1  | 2018-02-01 | 2018-02-02
        1  | 2021-01-01 |
        """)  # fmt: skip
    cdm.shows(
        "observation_period", f"{COLUMNS}\n1 | 2018-01-01 | 2021-03-02 | 32882\n2 | 1940-01-01 | 1940-01-01 | 32882"
    )


def test_convention_12_who_has_no_record_has_a_period_of_one_day_unless_the_hospital_wants_none(case: Case) -> None:
    """The day of birth or, for whom that was before, the day on which the records system went live."""
    days = f"{COLUMNS}\n1 | 2016-01-01 | 2016-01-01 | 32882\n2 | 2018-06-15 | 2018-06-15 | 32882"
    for setting, expected in (("", days), ("observation_period: {without_records: none}", COLUMNS)):
        cdm = case(
            DIAGNOSES, f"live_since: 2016-01-01\n{setting}", dx="PT | DAY | END",
            patients="PT | SEX | BIRTH\n1 | M | 1940-01-01\n2 | F | 2018",
        )  # fmt: skip
        cdm.shows("observation_period", expected)


def test_convention_26_events_outside_the_observation_period_are_kept(case: Case) -> None:
    cdm = case(DEATH + RECORD, "live_since: 2016-01-01", patients="""
        PT | SEX | BIRTH      | DEATH
        1  | M   | 1940-01-01 | 2020-03-01
        """, records="""
        PT | DAY        | TEXT
        1  | 2010-01-01 | before the system went live
        1  | 2020-01-01 | within
        1  | 2020-12-01 | long after death
        """)  # fmt: skip
    cdm.shows("observation_period", f"""
        {COLUMNS}
        1 | 2020-01-01 | 2020-03-01 | 32882
        """)  # fmt: skip
    assert cdm.rows("observation") == 3
