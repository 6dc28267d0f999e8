"""Conventions 16 to 18: drug exposures and eras."""

from __future__ import annotations

from harness import Case

PATIENTS = "PT | SEX | BIRTH\n1 | M | 1980-01-01"
DRUGS = """- from: drugs
  event: drug
  person: PT
  start: DAY
  end: END
  concept: {code: CODE, vocabulary: RxNorm}
  type: 32838
  days: DAYS
  quantity: QTY
  daily_dose: DOSE
"""
GIVEN = DRUGS.replace("32838", "32818").replace("event: drug", "event: drug\n  name: given")
HEADER = "PT | DAY | END | CODE | DAYS | QTY | DOSE"


def test_convention_16_the_end_of_a_drug(case: Case) -> None:
    """Given; else start + days of supply - 1; else by quantity and daily dose; else 30 days; never before the start."""
    cdm = case(DRUGS, patients=PATIENTS, drugs=f"""
        {HEADER}
        1 | 2020-01-01 | 2020-01-05 | 6809 | 10 | 60 | 3
        1 | 2020-02-01 |            | 6809 | 10 | 60 | 3
        1 | 2020-03-01 |            | 6809 |    | 60 | 3
        1 | 2020-04-01 |            | 6809 |    | 60 |
        1 | 2020-05-01 | 2020-04-20 | 6809 |    |    |
        """)  # fmt: skip
    cdm.shows("drug_exposure", """
        drug_exposure_start_date | drug_exposure_end_date | verbatim_end_date | days_supply
        2020-01-01               | 2020-01-05             | 2020-01-05        | 10
        2020-02-01               | 2020-02-10             | -                 | 10
        2020-03-01               | 2020-03-20             | -                 | -
        2020-04-01               | 2020-04-30             | -                 | -
        2020-05-01               | 2020-05-01             | 2020-04-20        | -
        """)  # fmt: skip


def test_convention_16_an_administration_ends_when_it_starts(case: Case) -> None:
    cdm = case(GIVEN, patients=PATIENTS, drugs=f"{HEADER}\n1 | 2020-01-01 08:00 | | 6809 | | 1 |")
    cdm.shows("drug_exposure", "drug_exposure_start_date | drug_exposure_end_date\n2020-01-01 | 2020-01-01")


def test_convention_16_how_long_a_prescription_lasts_by_default_is_a_setting(case: Case) -> None:
    drugs = f"{HEADER}\n1 | 2020-01-01 | | 6809 | | |"
    cdm = case(DRUGS, "drug_default_days: 7", patients=PATIENTS, drugs=drugs)
    cdm.shows("drug_exposure", "drug_exposure_end_date\n2020-01-07")


def test_convention_16_negative_days_of_supply_are_dropped_and_more_than_a_year_is_flagged(case: Case) -> None:
    cdm = case(DRUGS, patients=PATIENTS, drugs=f"""
        {HEADER}
        1 | 2020-01-01 | | 6809 | -5  | |
        1 | 2020-02-01 | | 6809 | 365 | |
        1 | 2020-03-01 | | 6809 | 366 | |
        """)  # fmt: skip
    cdm.shows("drug_exposure", """
        drug_exposure_start_date | days_supply | drug_exposure_end_date
        2020-01-01               | -           | 2020-01-30
        2020-02-01               | 365         | 2021-01-30
        2020-03-01               | 366         | 2021-03-01
        """)  # fmt: skip
    assert cdm.changes() == {"drug_exposure.negative_days": 1}
    assert cdm.flagged("drug_exposure", "not over 365 days") == 1


def test_convention_17_a_refused_missed_or_discontinued_dose_makes_no_row(case: Case) -> None:
    """A named rule of the entry says which doses were given; the others are counted under its name."""
    cdm = case(
        "- {from: doses, event: drug, person: PT, start: DAY, concept: {code: CODE, vocabulary: RxNorm}, type: 32818, "
        "where: {given: \"STATE = 'given'\", not_discontinued: \"DC is distinct from 'Y'\"}}\n",
        patients=PATIENTS,
        doses="""
        PT | DAY        | CODE | STATE   | DC
        1  | 2020-01-01 | 6809 | given   |
        1  | 2020-01-02 | 6809 | refused |
        1  | 2020-01-03 | 6809 | missed  |
        1  | 2020-01-04 | 6809 | given   | Y
        1  | 2020-01-05 | 6809 |         |
        """,
    )
    cdm.shows("drug_exposure", "drug_exposure_start_date\n2020-01-01")
    assert cdm.select(
        "select name, value_as_number from metadata where name like 'rows filtered: doses%' order by name"
    ) == [["rows filtered: doses: given", "3"], ["rows filtered: doses: not_discontinued", "1"]]


def test_convention_18_drug_eras_are_of_ingredients_with_thirty_days_of_persistence(case: Case) -> None:
    """Two products of one ingredient; the second begins 30 days after the first ended, the third 31 days later."""
    cdm = case(DRUGS, patients=PATIENTS, drugs=f"""
        {HEADER}
        1 | 2020-01-01 | 2020-01-10 | 861007 | | |
        1 | 2020-02-09 | 2020-02-20 | 860975 | | |
        1 | 2020-03-22 | 2020-03-31 | 861007 | | |
        1 | 2020-01-01 | 2020-12-31 | XYZ    | | |
        """)  # fmt: skip
    cdm.shows("drug_era", """
        drug_concept_id | drug_era_start_date | drug_era_end_date | drug_exposure_count | gap_days
        1503297         | 2020-01-01          | 2020-02-20        | 2                   | 29
        1503297         | 2020-03-22          | 2020-03-31        | 1                   | 0
        """)  # fmt: skip


def test_convention_18_nothing_is_stockpiled(case: Case) -> None:
    """A refill that comes early does not lengthen the era by the days it overlaps."""
    cdm = case(DRUGS, patients=PATIENTS, drugs=f"""
        {HEADER}
        1 | 2020-01-01 | | 6809 | 30 | |
        1 | 2020-01-16 | | 6809 | 30 | |
        """)  # fmt: skip
    cdm.shows("drug_era", "drug_era_start_date | drug_era_end_date | gap_days\n2020-01-01 | 2020-02-14 | 0")


def test_convention_18_condition_eras_and_their_persistence(case: Case) -> None:
    entries = (
        "- {from: dx, event: condition, person: PT, start: DAY, end: END, "
        "concept: {code: CODE, vocabulary: SNOMED}, type: 32827}\n"
    )
    dx = """
        PT | DAY        | END        | CODE
        1  | 2020-01-01 | 2020-01-10 | 44054006
        1  | 2020-02-09 | 2020-02-10 | 44054006
        1  | 2020-04-01 | 2020-04-02 | 44054006
        1  | 2020-01-01 | 2020-12-31 | XYZ
        """
    case(entries, patients=PATIENTS, dx=dx).shows("condition_era", """
        condition_concept_id | condition_era_start_date | condition_era_end_date | condition_occurrence_count
        201826               | 2020-01-01               | 2020-02-10             | 2
        201826               | 2020-04-01               | 2020-04-02             | 1
        """)  # fmt: skip
    case(entries, "era_gap_days: 60", patients=PATIENTS, dx=dx).shows("condition_era", """
        condition_concept_id | condition_era_start_date | condition_era_end_date | condition_occurrence_count
        201826               | 2020-01-01               | 2020-04-02             | 3
        """)  # fmt: skip


def test_convention_18_dose_eras_are_of_one_drug_and_one_daily_dose(case: Case) -> None:
    """500 mg tablets: twice a day for ten days, again, then four times a day."""
    cdm = case(DRUGS, patients=PATIENTS, drugs=f"""
        {HEADER}
        1 | 2020-01-01 | | 861007 | 10 | 20 | 2
        1 | 2020-01-20 | | 861007 | 10 | 20 | 2
        1 | 2020-02-05 | | 861007 | 10 | 40 | 4
        """)  # fmt: skip
    cdm.shows("dose_era", """
        drug_concept_id | unit_concept_id | dose_value | dose_era_start_date | dose_era_end_date
        1503297         | 8576            | 1000       | 2020-01-01          | 2020-01-29
        1503297         | 8576            | 2000       | 2020-02-05          | 2020-02-14
        """)  # fmt: skip


def test_convention_18_gap_days_are_days_without_drug(case: Case) -> None:
    cdm = case(DRUGS, patients=f"{PATIENTS}\n2 | F | 1970-01-01", drugs=f"""
        {HEADER}
        1 | 2026-01-01 | 2026-01-05 | 6809 | | |
        1 | 2026-01-03 | 2026-01-07 | 6809 | | |
        1 | 2026-01-11 | 2026-01-13 | 6809 | | |
        1 | 2026-01-16 | 2026-01-20 | 6809 | | |
        2 | 2026-01-01 | 2026-01-30 | 6809 | | |
        2 | 2026-01-31 | 2026-03-01 | 6809 | | |
        2 | 2026-03-02 | 2026-03-31 | 6809 | | |
        """)  # fmt: skip
    cdm.shows("drug_era", """
        person_id | drug_era_start_date | drug_era_end_date | drug_exposure_count | gap_days
        1         | 2026-01-01          | 2026-01-20        | 4                   | 5
        2         | 2026-01-01          | 2026-03-31        | 3                   | 0
        """)  # fmt: skip
