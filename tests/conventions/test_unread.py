"""Conventions 31 and 32: what is given and cannot be read, and how dates, numbers and time zones are read.

The data pull is 2026-07-01.
"""

from __future__ import annotations

import pytest
from harness import Case

PATIENTS = "PT | SEX | BIRTH\n1 | M | 1960-01-01\n2 | F | 1970-01-01\n3 | F | 1980-01-01"
STAYS = """- {from: visits, table: visit_occurrence, person: PT, key: ADM, start: BEGIN, end: END, concept: 9201,
   type: 32827}
"""
DRUGS = """- {from: drugs, event: drug, person: PT, start: DAY, end: END, concept: 1503297, type: 32838, quantity: Q,
   days: D}
"""
PLANS = """- {from: plans, table: payer_plan_period, person: PT, start: BEGIN, end: END, payer: 0}
"""
RESULTS = """- {from: labs, event: measurement, person: PT, start: DTM, concept: 3004249, type: 32856, value: RES,
   range_low: LO, range_high: HI}
"""
CONDITIONS = """- {from: dx, event: condition, person: PT, start: BEGIN, end: END, concept: 201826, type: 32827}
"""


def test_convention_31_an_end_that_cannot_be_read_is_no_open_end(case: Case) -> None:
    cdm = case(STAYS, patients=PATIENTS, visits="""
        PT | ADM | BEGIN            | END
        1  | a   | 2026-01-05 08:00 | 2026-01-09 오후 3:00
        2  | b   | 2026-02-05 08:00 | 202602092400
        3  | c   | 2026-03-05 08:00 | the day after
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        person_id | visit_start_date | visit_end_datetime | visit_type_concept_id
        1         | 2026-01-05       | 2026-01-09 15:00   | 32827
        2         | 2026-02-05       | 2026-02-10 00:00   | 32827
        3         | 2026-03-05       | 2026-03-05 08:00   | 32827
        """)  # fmt: skip
    assert cdm.changes() == {"visit_occurrence.unreadable.end": 1}
    assert cdm.select("select person from due") == []


def test_convention_31_what_cannot_be_read_tells_rows_of_one_key_apart(case: Case) -> None:
    """Their place in the file does not: here the end that cannot be read, or the one that is not there."""
    header, *rows = ["PT | ADM | BEGIN | END", "1 | a | 2026-06-05 | ", "1 | a | 2026-06-05 | the day after"]
    found = set()
    for lines in (rows, rows[::-1]):
        cdm = case(STAYS, patients=PATIENTS, visits="\n".join([header, *lines]))
        visits = cdm.select("select visit_start_date, visit_end_date from visit_occurrence")
        found.add((str(visits), str(cdm.changes())))
        assert cdm.quarantined() == ["visits_visit_occurrence: key_duplicate"]
    assert len(found) == 1


def test_convention_31_nothing_is_inferred_of_a_drug_from_what_cannot_be_read(case: Case) -> None:
    cdm = case(DRUGS, patients=PATIENTS, drugs="""
        PT | DAY        | END        | Q  | D
        1  | 2026-01-05 | 07/01/2026 | 2정 | 3일
        2  | 2026-02-05 | 2026-02-07 | 2  | 3
        3  | 2026-03-05 |            | 2정 | 4
        3  | 2026-04-05 |            |    |
        """)  # fmt: skip
    cdm.shows("drug_exposure", """
        person_id | drug_exposure_start_date | drug_exposure_end_date | verbatim_end_date | quantity | days_supply
        1         | 2026-01-05               | 2026-01-05             | -                 | -        | -
        2         | 2026-02-05               | 2026-02-07             | 2026-02-07        | 2        | 3
        3         | 2026-03-05               | 2026-03-08             | -                 | -        | 4
        3         | 2026-04-05               | 2026-05-04             | -                 | -        | -
        """)  # fmt: skip
    assert cdm.changes() == {
        "drug_exposure.unreadable.end": 1, "drug_exposure.unreadable.quantity": 2, "drug_exposure.unreadable.days": 1,
    }  # fmt: skip


def test_convention_31_an_insurance_lasts_to_its_end_to_death_or_to_the_data_pull(case: Case) -> None:
    entries = PLANS + "- {from: deaths, table: death, person: PT, start: DAY, type: 32817}\n"
    cdm = case(entries, patients=PATIENTS, deaths="PT | DAY\n2 | 2026-05-20", plans="""
        PT | BEGIN      | END
        1  | 2025-01-01 | 31-DEC-25
        1  | 2026-01-01 |
        2  | 2026-01-01 | 29991231
        2  | 2025-01-01 | 2027-12-31
        3  | 2026-01-01 | until further notice
        """)  # fmt: skip
    cdm.shows("payer_plan_period", """
        person_id | payer_plan_period_start_date | payer_plan_period_end_date
        1         | 2025-01-01                   | 2025-12-31
        1         | 2026-01-01                   | 2026-07-01
        2         | 2025-01-01                   | 2026-05-20
        2         | 2026-01-01                   | 2026-05-20
        3         | 2026-01-01                   | 2026-01-01
        """)  # fmt: skip
    assert cdm.changes() == {"payer_plan_period.end_after_death": 1, "payer_plan_period.unreadable.end": 1}


def test_convention_32_days_of_supply_are_whole_days_and_any_amount_is_one(case: Case) -> None:
    cdm = case(DRUGS, patients=PATIENTS, drugs="""
        PT | DAY        | END | Q   | D
        1  | 2026-01-01 |     | 1   | 0.4
        1  | 2026-02-01 |     | 1   | 2.5
        1  | 2026-04-01 |     | 20  | 6.67
        1  | 2026-05-01 |     | 0.5 | 0.5
        """)  # fmt: skip
    cdm.shows("drug_exposure", """
        drug_exposure_start_date | drug_exposure_end_date | days_supply
        2026-01-01               | 2026-01-01             | 1
        2026-02-01               | 2026-02-03             | 3
        2026-04-01               | 2026-04-07             | 7
        2026-05-01               | 2026-05-01             | 1
        """)  # fmt: skip


@pytest.mark.parametrize("zone", ["Asia/Seoul", "UTC"])
def test_convention_32_an_instant_is_what_the_hospitals_clock_showed(case: Case, zone: str) -> None:
    shown = {"Asia/Seoul": "2026-06-05 03:00", "UTC": "2026-06-04 18:00"}[zone]
    cdm = case(RESULTS, settings=f"time_zone: {zone}", patients=PATIENTS, labs=f"""
        PT | DTM                           | RES | LO | HI
        1  | 2026-06-04T18:00:00Z          | 1   |    |
        1  | 2026-06-05T03:00:00+09:00     | 2   |    |
        1  | 2026-06-04 18:00:00+00:00     | 3   |    |
        1  | 2026-06-05 03:00:00 +0900     | 4   |    |
        1  | 2026-06-05T03:00:00.000+0900  | 5   |    |
        1  | {shown}                       | 6   |    |
        """)  # fmt: skip
    assert cdm.select("select distinct measurement_datetime, measurement_date from measurement") == [
        [shown, shown[:10]]
    ]
    assert cdm.rows("measurement") == 6


@pytest.mark.parametrize("text", ["202606042400", "2026-06-04 24:00", "20260604240000", "2026/06/04 24:00"])
def test_convention_32_hour_24_is_the_beginning_of_the_next_day(case: Case, text: str) -> None:
    cdm = case(RESULTS, patients=PATIENTS, labs=f"PT | DTM | RES | LO | HI\n1 | {text} | 7 | |")
    assert cdm.select("select measurement_datetime from measurement") == [["2026-06-05 00:00"]]


def test_convention_32_the_contract_says_how_dates_numbers_and_empty_values_are_written(case: Case) -> None:
    reads = "{dates: [M/D/YYYY, M/D/YYYY HH:MI], 'null': ['null', 'NA'], decimal: ',', thousands: '.', zone: UTC}"
    cdm = case(RESULTS, changes=f"sources: {{labs: {{reads: {reads}}}}}", patients=PATIENTS, labs="""
        PT | DTM             | RES       | LO   | HI
        1  | 7/1/2026        | "7,3"     | null | 10
        1  | 6/30/2026 20:15 | "<0,5"    | NA   |
        1  | 2026-06-29      | "1.234,5" |      | 1.000
        """)  # fmt: skip
    cdm.shows("measurement", """
        measurement_datetime | value_as_number | operator_concept_id | range_low | range_high | value_source_value
        2026-06-29 00:00     | 1234.5          | -                   | -         | 1000       | 1.234,5
        2026-07-01 00:00     | 7.3             | -                   | -         | 10         | 7,3
        2026-07-01 05:15     | 0.5             | 4171756             | -         | -          | <0,5
        """)  # fmt: skip
    assert cdm.changes() == {}


def test_convention_31_what_is_ambiguous_is_not_guessed(case: Case) -> None:
    cdm = case(RESULTS, patients=PATIENTS, labs="""
        PT | DTM        | RES | LO        | HI
        1  | 06/07/2026 | 1   |           |
        1  | 2026-06-07 | 2   | 3.5 g/dL  | 4.5.6
        """)  # fmt: skip
    assert cdm.quarantined() == ["labs_measurement: start_invalid"]
    assert cdm.changes() == {"measurement.unreadable.range_low": 1, "measurement.unreadable.range_high": 1}


def test_convention_32_a_limit_may_have_a_comparison_sign(case: Case) -> None:
    cdm = case(RESULTS, patients=PATIENTS, labs="""
        PT | DTM        | RES | LO   | HI
        1  | 2026-01-01 | 60  |      | <=100
        1  | 2026-01-02 | 59  | >=60 |
        """)  # fmt: skip
    assert cdm.select("select range_low, range_high from measurement order by measurement_date") == [
        ["-", "100"], ["60", "-"],
    ]  # fmt: skip


def test_convention_29_a_number_that_may_not_keep_its_sign_is_a_text(case: Case) -> None:
    entries = "- {from: obs, event: observation, person: PT, start: DAY, concept: 0, type: 32817, value: RES}\n"
    cdm = case(entries, patients=PATIENTS, obs="""
        PT | DAY        | RES
        1  | 2026-01-01 | <5
        1  | 2026-01-02 | 5
        1  | 2026-01-03 | 1:80
        """)  # fmt: skip
    cdm.shows("observation", """
        observation_date | value_as_number | value_as_string | value_source_value
        2026-01-01       | -               | <5              | <5
        2026-01-02       | 5               | -               | 5
        2026-01-03       | -               | 1:80            | 1:80
        """)  # fmt: skip


def test_convention_27_days_compare_as_days_where_one_side_has_no_time(case: Case) -> None:
    cdm = case(CONDITIONS, patients=PATIENTS, dx="""
        PT | BEGIN            | END
        1  | 2026-06-01 14:30 | 2026-06-01
        1  | 2026-06-07       | 2999-12-31
        1  | 2026-06-08 18:22 | 2026-06-08 17:22
        """)  # fmt: skip
    cdm.shows("condition_occurrence", """
        condition_start_datetime | condition_end_date | condition_end_datetime
        2026-06-01 14:30         | 2026-06-01         | -
        2026-06-07 00:00         | -                  | -
        2026-06-08 18:22         | -                  | -
        """)  # fmt: skip
    assert cdm.changes() == {"condition_occurrence.end_before_start": 1}
