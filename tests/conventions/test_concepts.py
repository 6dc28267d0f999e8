"""Conventions 1 to 9: concepts, where they come from and what they decide."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Case
from vocabulary import VERSION, load

PATIENTS = "PT | SEX | BIRTH\n1 | M | 1980-01-01"
DIAGNOSES = """- from: diagnoses
  event: condition
  person: PT
  start: DAY
  concept: {code: CODE, vocabulary: KCD7, clean: kcd}
  type: 32827
"""
DOTTED = "case when length(code) > 3 and code not like '%.%' then left(code, 3) || '.' || substr(code, 4) else code end"
KCD = f'clean: {{kcd: "{DOTTED}"}}'
LABS = """- from: labs
  event: measurement
  person: PT
  start: DAY
  concept: {code: CODE, vocabulary: LOINC}
  type: 32856
  value: {code: RESULT, map: results}
  unit: {code: UNIT, vocabulary: UCUM}
"""
RESULTS = "  results: {codes: {positive: 9191, negative: 9189}}"


def test_convention_1_a_required_concept_that_cannot_be_mapped_is_0(case: Case) -> None:
    cdm = case(DIAGNOSES, changes=KCD, patients=PATIENTS, diagnoses="""
        PT | DAY        | CODE
        1  | 2020-01-01 | E11.9
        1  | 2020-01-02 | E11.7
        1  | 2020-01-03 | XYZ
        """)  # fmt: skip
    cdm.shows("condition_occurrence", """
        condition_start_date | condition_concept_id | condition_source_value | condition_source_concept_id
        2020-01-01           | 201826               | E11.9                  | 45571658
        2020-01-02           | 0                    | E11.7                  | 45571661
        2020-01-03           | 0                    | XYZ                    | 0
        """)  # fmt: skip


def test_convention_2_optional_concepts_are_null_without_a_source_and_0_when_unmapped(case: Case) -> None:
    cdm = case(LABS, maps=RESULTS, patients=PATIENTS, labs="""
        PT | DAY        | CODE   | RESULT   | UNIT
        1  | 2020-01-01 | 2345-7 | 99       | mg/dL
        1  | 2020-01-02 | 2345-7 | 99       |
        1  | 2020-01-03 | 2345-7 | 99       | bottles
        1  | 2020-01-04 | 2885-2 | positive |
        1  | 2020-01-05 | 2885-2 | unclear  |
        1  | 2020-01-06 | 2345-7 | =99      | mg/dL
        1  | 2020-01-07 | 2345-7 | <99      | mg/dL
        """)  # fmt: skip
    cdm.shows("measurement", """
        value_source_value | unit_source_value | unit_concept_id | value_as_concept_id | operator_concept_id
        99                 | mg/dL             | 8840            | -                   | -
        99                 | -                 | -               | -                   | -
        99                 | bottles           | 0               | -                   | -
        positive           | -                 | -               | 9191                | -
        unclear            | -                 | -               | 0                   | -
        =99                | mg/dL             | 8840            | -                   | -
        <99                | mg/dL             | 8840            | -                   | 4171756
        """)  # fmt: skip


def test_convention_2_routes_and_statuses_follow_the_same_rule(case: Case) -> None:
    cdm = case(
        "- {from: drugs, event: drug, person: PT, start: DAY, concept: 1503297, type: 32838, "
        "route: {code: ROUTE, map: route}}\n",
        maps="  route: {codes: {PO: 4132161}}",
        patients=PATIENTS,
        drugs="""
        PT | DAY        | ROUTE
        1  | 2020-01-01 | PO
        1  | 2020-01-02 | ?
        1  | 2020-01-03 |
        """,
    )
    cdm.shows("drug_exposure", """
        route_source_value | route_concept_id
        PO                 | 4132161
        ?                  | 0
        -                  | -
        """)  # fmt: skip


def test_convention_3_the_domain_of_the_standard_concept_decides_the_table(case: Case) -> None:
    """Without a standard concept the domain of the source concept does, without both what the mapping says."""
    cdm = case(DIAGNOSES, changes=KCD, patients=PATIENTS, diagnoses="""
        PT | DAY        | CODE
        1  | 2020-01-01 | Z83.3
        1  | 2020-01-02 | Q00.0
        1  | 2020-01-03 | XYZ
        """)  # fmt: skip
    cdm.shows("observation", "observation_source_value | observation_concept_id\nZ83.3 | 4167217")
    cdm.shows("procedure_occurrence", "procedure_source_value | procedure_concept_id\nQ00.0 | 0")
    cdm.shows("condition_occurrence", "condition_source_value | condition_concept_id\nXYZ | 0")


def test_convention_4_a_code_with_several_targets_makes_several_rows_of_one_source_concept(case: Case) -> None:
    cdm = case(DIAGNOSES, changes=KCD, patients=PATIENTS, diagnoses="PT | DAY | CODE\n1 | 2020-01-01 | E11.40")
    cdm.shows("condition_occurrence", """
        condition_concept_id | condition_source_value | condition_source_concept_id
        201826               | E11.40                 | 45571656
        376065               | E11.40                 | 45571656
        """)  # fmt: skip


def test_convention_4_the_targets_of_a_code_may_lie_in_several_tables(case: Case) -> None:
    cdm = case(DIAGNOSES, changes=KCD, patients=PATIENTS, diagnoses="PT | DAY | CODE\n1 | 2020-01-01 | E11.41")
    row = "E11.41 | 45571662"
    cdm.shows("condition_occurrence", f"condition_source_value | condition_source_concept_id\n{row}")
    cdm.shows("observation", f"observation_source_value | observation_source_concept_id\n{row}")


def test_convention_5_maps_to_value_fills_the_value_of_its_row(case: Case) -> None:
    cdm = case(DIAGNOSES, changes=KCD, patients=PATIENTS, diagnoses="PT | DAY | CODE\n1 | 2020-01-01 | Z83.3")
    cdm.shows("observation", "observation_concept_id | value_as_concept_id\n4167217 | 201820")


def test_convention_6_only_valid_mappings_to_standard_concepts_count(case: Case) -> None:
    cdm = case(DIAGNOSES, changes=KCD, patients=PATIENTS, diagnoses="""
        PT | DAY        | CODE
        1  | 2020-01-01 | E11.8
        1  | 2020-01-02 | E11.7
        """)  # fmt: skip
    cdm.shows("condition_occurrence", """
        condition_source_value | condition_concept_id | condition_source_concept_id
        E11.8                  | 0                    | 45571660
        E11.7                  | 0                    | 45571661
        """)  # fmt: skip


def test_convention_6_a_new_release_maps_and_routes_anew(case: Case, tmp_path: Path) -> None:
    """In the newer release a concept is one of another domain."""
    newer = load(tmp_path / "newer", version="v5.0 28-FEB-27", domains={"4167217": "Condition"})
    source = "PT | DAY | CODE\n1 | 2020-01-01 | Z83.3"
    for release, table in ((case.release, "observation"), (newer, "condition_occurrence")):
        cdm = Case(tmp_path / release.name, release)(DIAGNOSES, changes=KCD, patients=PATIENTS, diagnoses=source)
        assert {t: cdm.rows(t) for t in ("observation", "condition_occurrence") if cdm.rows(t)} == {table: 1}


def test_convention_7_codes_get_their_punctuation_back(case: Case) -> None:
    cdm = case(DIAGNOSES, changes=KCD, patients=PATIENTS, diagnoses="PT | DAY | CODE\n1 | 2020-01-01 | E119")
    cdm.shows("condition_occurrence", """
        condition_source_value | condition_concept_id | condition_source_concept_id
        E119                   | 201826               | 45571658
        """)  # fmt: skip


def test_convention_7_units_are_case_sensitive(case: Case) -> None:
    cdm = case(LABS, maps=RESULTS, patients=PATIENTS, labs="""
        PT | DAY        | CODE   | RESULT | UNIT
        1  | 2020-01-01 | 2345-7 | 1      | kg
        1  | 2020-01-02 | 2345-7 | 1      | Kg
        1  | 2020-01-03 | 2345-7 | 1      | KG
        """)  # fmt: skip
    cdm.shows("measurement", """
        unit_source_value | unit_concept_id
        kg                | 9529
        Kg                | 44777578
        KG                | 0
        """)  # fmt: skip


def test_convention_8_local_concepts_have_ids_above_two_billion(case: Case) -> None:
    """Such an id is a concept like any other, and a map may leave the source concept at 0."""
    cdm = case(
        "- {from: diagnoses, event: condition, person: PT, start: DAY, concept: {code: CODE, map: own}, type: 32827}\n",
        maps="  own: {codes: {A: 2000000001, B: 201826}}",
        patients=PATIENTS,
        diagnoses="PT | DAY | CODE\n1 | 2020-01-01 | A\n1 | 2020-01-02 | B",
    )
    cdm.shows("condition_occurrence", """
        condition_source_value | condition_concept_id | condition_source_concept_id
        A                      | 2000000001           | 0
        B                      | 201826               | 0
        """)  # fmt: skip


@pytest.mark.parametrize(("type_", "wrong"), [(32827, 0), (8507, 1)])
def test_convention_9_type_concepts_come_from_the_vocabulary_type_concept(case: Case, type_: int, wrong: int) -> None:
    cdm = case(DIAGNOSES.replace("32827", str(type_)), changes=KCD, patients=PATIENTS,
               diagnoses="PT | DAY | CODE\n1 | 2020-01-01 | E11.9")  # fmt: skip
    assert cdm.flagged("condition_occurrence", "the vocabulary Type Concept") == wrong


def test_convention_22_the_vocabulary_version_is_that_of_the_vocabulary_none(case: Case) -> None:
    assert case.release.version == VERSION
