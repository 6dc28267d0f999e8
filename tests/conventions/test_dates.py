"""Convention 27: dates that cannot be as they are. The data pull is 2026-07-01."""

from __future__ import annotations

from harness import Case

PATIENTS = "PT | SEX | BIRTH\n1 | M | 1980-06-01"
DIAGNOSES = "- {from: dx, event: condition, person: PT, start: DAY, end: END, concept: 201826, type: 32827}\n"
DRUGS = "- {from: drugs, event: drug, person: PT, start: DAY, end: END, concept: 1503297, type: 32838}\n"


def test_convention_27_an_end_before_the_start_becomes_null_or_the_start_and_is_counted(case: Case) -> None:
    rows = """
        PT | DAY        | END
        1  | 2020-01-10 | 2020-01-05
        1  | 2020-02-10 | 2020-02-15
        """
    cdm = case(DIAGNOSES + DRUGS, patients=PATIENTS, dx=rows, drugs=rows)
    cdm.shows("condition_occurrence", """
        condition_start_date | condition_end_date
        2020-01-10           | -
        2020-02-10           | 2020-02-15
        """)  # fmt: skip
    cdm.shows("drug_exposure", """
        drug_exposure_start_date | drug_exposure_end_date
        2020-01-10               | 2020-01-10
        2020-02-10               | 2020-02-15
        """)  # fmt: skip
    assert cdm.changes() == {"condition_occurrence.end_before_start": 1, "drug_exposure.end_before_start": 1}


def test_convention_27_dates_in_the_future_are_quarantined(case: Case) -> None:
    cdm = case(DIAGNOSES, patients=PATIENTS, dx="""
        PT | DAY              | END
        1  | 2026-07-01 23:59 |
        1  | 2026-07-02       |
        """)  # fmt: skip
    cdm.shows("condition_occurrence", "condition_start_date\n2026-07-01")
    assert cdm.quarantined() == ["dx_condition: start_in_future"]


def test_convention_27_dates_before_birth_are_kept_and_flagged_those_of_more_than_a_year_quarantined(
    case: Case,
) -> None:
    cdm = case(DIAGNOSES, patients=PATIENTS, dx="""
        PT | DAY        | END
        1  | 1979-05-31 |
        1  | 1979-06-01 |
        1  | 1980-05-31 |
        1  | 1980-06-01 |
        """)  # fmt: skip
    cdm.shows("condition_occurrence", "condition_start_date\n1979-06-01\n1980-05-31\n1980-06-01")
    assert cdm.flagged("condition_occurrence", "is not before birth") == 2
    assert cdm.quarantined() == ["dx_condition: before_birth"]


def test_convention_27_of_a_year_of_birth_the_whole_year_counts(case: Case) -> None:
    """Of whom only the year is known, nothing in that year lies before birth."""
    cdm = case(DIAGNOSES, patients="PT | SEX | BIRTH\n1 | M | 1980", dx="""
        PT | DAY        | END
        1  | 1980-01-02 |
        1  | 1978-12-31 |
        """)  # fmt: skip
    cdm.shows("condition_occurrence", "condition_start_date\n1980-01-02")
    assert cdm.flagged("condition_occurrence", "is not before birth") == 0
    assert cdm.quarantined() == ["dx_condition: before_birth"]
