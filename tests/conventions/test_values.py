"""Conventions 20, 21, 28 and 29: measured values, quantities and texts."""

from __future__ import annotations

from harness import Case

PATIENTS = "PT | SEX | BIRTH\n1 | M | 1980-01-01"
LABS = """- from: labs
  event: measurement
  person: PT
  start: DAY
  concept: {code: CODE, vocabulary: LOINC}
  type: 32856
  value: {code: RESULT, map: results, clean: squeezed}
"""
RESULTS = "  results: {codes: {positive: 9191, 양성: 9191, negative: 9189, 1+: 4123508}}"
CLEAN = "clean: {squeezed: \"lower(replace(code, ' ', ''))\"}"


def test_convention_20_negative_values_only_of_what_can_be_negative(case: Case) -> None:
    cdm = case(LABS, maps=RESULTS, changes=CLEAN, patients=PATIENTS, labs="""
        PT | DAY        | CODE    | RESULT
        1  | 2020-01-01 | 2345-7  | -99
        1  | 2020-01-02 | 11555-0 | -2.5
        1  | 2020-01-03 | 2345-7  | <-1
        1  | 2020-01-04 | 2345-7  | 0
        1  | 2020-01-05 | unknown | -5
        """)  # fmt: skip
    cdm.shows("measurement", """
        measurement_concept_id | value_as_number | operator_concept_id | value_source_value
        3004501                | -               | -                   | -99
        3012501                | -2.5            | -                   | -2.5
        3004501                | -               | -                   | <-1
        3004501                | 0               | -                   | 0
        0                      | -               | -                   | -5
        """)  # fmt: skip
    assert cdm.changes() == {"measurement.negative_value": 3}


def test_convention_20_a_hospital_may_name_more_concepts_that_can_be_negative(case: Case) -> None:
    labs = "PT | DAY | CODE | RESULT\n1 | 2020-01-01 | 2885-2 | -1"
    cdm = case(LABS, "negative_values: [3020630]", maps=RESULTS, changes=CLEAN, patients=PATIENTS, labs=labs)
    cdm.shows("measurement", "value_as_number\n-1")


def test_convention_20_the_date_is_the_one_nearest_to_the_drawing_of_the_sample(case: Case) -> None:
    """The entry names the times in the order of their nearness; the first that a row has is taken."""
    cdm = case(
        "- {from: labs, event: measurement, person: PT, concept: {code: CODE, vocabulary: LOINC}, type: 32856, "
        'start: "coalesce(omop_blank(DRAWN), omop_blank(RECEIVED), REPORTED)", value: RESULT}\n',
        patients=PATIENTS,
        labs="""
        PT | CODE   | RESULT | DRAWN            | RECEIVED         | REPORTED
        1  | 2345-7 | 99     | 2020-01-01 07:10 | 2020-01-01 09:00 | 2020-01-02 10:00
        1  | 2345-7 | 98     |                  | 2020-01-03 09:00 | 2020-01-04 10:00
        1  | 2345-7 | 97     |                  |                  | 2020-01-06 10:00
        """,
    )
    cdm.shows("measurement", """
        value_as_number | measurement_date | measurement_datetime
        99              | 2020-01-01       | 2020-01-01 07:10
        98              | 2020-01-03       | 2020-01-03 09:00
        97              | 2020-01-06       | 2020-01-06 10:00
        """)  # fmt: skip


def test_convention_21_quantities_of_procedures_and_devices(case: Case) -> None:
    """A procedure done 0 times was done once, a device without a quantity is one."""
    orders = """
        PT | DAY        | QTY
        1  | 2020-01-01 | 0
        1  | 2020-01-02 | 3
        1  | 2020-01-03 |
        """
    cdm = case(
        "- {from: a, event: procedure, person: PT, start: DAY, concept: 4163872, type: 32827, quantity: QTY}\n"
        "- {from: b, event: device, person: PT, start: DAY, concept: 2614842, type: 32827, quantity: QTY}\n",
        patients=PATIENTS, a=orders, b=orders,
    )  # fmt: skip
    cdm.shows("procedure_occurrence", "procedure_date | quantity\n2020-01-01 | 1\n2020-01-02 | 3\n2020-01-03 | -")
    cdm.shows("device_exposure", """
        device_exposure_start_date | quantity
        2020-01-01                 | 0
        2020-01-02                 | 3
        2020-01-03                 | 1
        """)  # fmt: skip


def test_convention_28_texts_are_cut_to_their_column_and_counted(case: Case) -> None:
    cdm = case(
        "- {from: notes, event: observation, person: PT, start: DAY, concept: 0, type: 32817, value: TEXT}\n",
        patients=PATIENTS,
        notes=f"""
        PT | DAY        | TEXT
        1  | 2020-01-01 | {"가" * 60}
        1  | 2020-01-02 | {"나" * 61}
        1  | 2020-01-03 | {"다" * 50}
        """,
    )
    cdm.shows("observation", f"""
        value_as_string | value_source_value
        {"가" * 60}     | {"가" * 50}
        {"나" * 60}     | {"나" * 50}
        {"다" * 50}     | {"다" * 50}
        """)  # fmt: skip
    assert cdm.changes() == {
        "observation.text_cut.value_as_string": 1, "observation.text_cut.value_source_value": 2,
    }  # fmt: skip


def test_convention_29_numbers_operators_and_words_are_told_apart(case: Case) -> None:
    """Titers and ranges are no numbers. Words that no map knows are concept 0; all stays in value_source_value."""
    cdm = case(LABS, maps=RESULTS, changes=CLEAN, patients=PATIENTS, labs="""
        PT | DAY        | CODE   | RESULT
        1  | 2020-01-01 | 2345-7 | 5.1
        1  | 2020-01-02 | 2345-7 | < 0.5
        1  | 2020-01-03 | 2345-7 | >1000
        1  | 2020-01-04 | 2345-7 | ≤3
        1  | 2020-01-05 | 2345-7 | ≥ 7
        1  | 2020-01-06 | 2345-7 | １２．５
        1  | 2020-01-07 | 2345-7 | Positive
        1  | 2020-01-08 | 2345-7 | 양성
        1  | 2020-01-09 | 2345-7 | 1+
        1  | 2020-01-10 | 2345-7 | 1:160
        1  | 2020-01-11 | 2345-7 | 3-5
        1  | 2020-01-12 | 2345-7 | 검체부족
        1  | 2020-01-13 | 2345-7 | NaN
        """)  # fmt: skip
    cdm.shows("measurement", """
        value_source_value | value_as_number | operator_concept_id | value_as_concept_id
        5.1                | 5.1             | -                   | -
        < 0.5              | 0.5             | 4171756             | -
        >1000              | 1000            | 4172704             | -
        ≤3                 | 3               | 4171754             | -
        ≥ 7                | 7               | 4171755             | -
        １２．５           | 12.5            | -                   | -
        Positive           | -               | -                   | 9191
        양성               | -               | -                   | 9191
        1+                 | -               | -                   | 4123508
        1:160              | -               | -                   | 0
        3-5                | -               | -                   | 0
        검체부족           | -               | -                   | 0
        NaN                | -               | -                   | 0
        """)  # fmt: skip
