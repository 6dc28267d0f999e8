"""Circe's JSON, as ATLAS exports it: what is wrong in it is said by file and key, and what the plan cannot say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cohort_rows import DISEASE, cdm, found, person, record

from etl.cdm.spec import tables
from etl.errors import ConfigError
from etl.research.cohorts.read import read_cohort
from etl.research.cohorts.records import parts, records

WINDOW = {"Start": {"Days": 1, "Coeff": 1}, "End": {"Days": 30, "Coeff": 1}}


def definition(**more: object) -> dict[str, Any]:
    items = [{"concept": {"CONCEPT_ID": DISEASE}, "includeDescendants": True}]
    return {
        "ConceptSets": [{"id": 0, "name": "disease", "expression": {"items": items}}],
        "PrimaryCriteria": {
            "CriteriaList": [{"ConditionOccurrence": {"CodesetId": 0}}],
            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
            "PrimaryCriteriaLimit": {"Type": "All"},
        },
        "ExpressionLimit": {"Type": "All"},
        "EndStrategy": {"DateOffset": {"DateField": "StartDate", "Offset": 3}},
        **more,
    }


def rule(**around: object) -> dict[str, Any]:
    said = {"Criteria": {"ConditionOccurrence": {"CodesetId": 0}}, "StartWindow": WINDOW} | around
    said.setdefault("Occurrence", {"Type": 2, "Count": 1})
    return {"name": "again", "expression": {"Type": "ALL", "CriteriaList": [said]}}


def write(folder: Path, said: object) -> str:
    (folder / "cohort.json").write_text(said if isinstance(said, str) else json.dumps(said), encoding="utf-8")
    return "cohort.json"


def wrong(folder: Path, said: object) -> str:
    with pytest.raises(ConfigError) as error:
        read_cohort(write(folder, said), folder, "datasets/x/dataset.yaml")
    return error.value.message


def test_all_that_is_wrong_is_said_at_once_with_file_and_key(tmp_path: Path) -> None:
    backwards = WINDOW | {"Start": {"Days": 40, "Coeff": 1}}
    said = definition(
        ConceptSets=[{"id": 0, "name": "none", "expression": {"items": []}}],
        InclusionRules=[
            rule(StartWindow=backwards),
            rule(Criteria={"ConditionOccurence": {}}),
            rule(Criteria={"DrugExposure": {"CodesetId": 7, "Dose": 1}}),
        ],
        InclusionRule=[],
    )
    told = wrong(tmp_path, said)
    for each in (
        "ConceptSets[0].expression: the concept set is empty",
        "InclusionRules[0].expression.CriteriaList[0].StartWindow: ends before it starts: from day 40 to day 30",
        "InclusionRules[1].expression.CriteriaList[0].Criteria.ConditionOccurence: means nothing here; "
        "did you mean 'ConditionOccurrence'?",
        "InclusionRules[2].expression.CriteriaList[0].Criteria.DrugExposure.CodesetId: names concept set 7",
        "InclusionRules[2].expression.CriteriaList[0].Criteria.DrugExposure.Dose: means nothing here",
        "InclusionRule: means nothing here; did you mean 'InclusionRules'?",
    ):
        assert f"datasets/x/cohort.json  {each}" in told


@pytest.mark.parametrize("said", ["{", "[]", "null", '"cohort"'])
def test_what_is_no_definition_is_refused(tmp_path: Path, said: str) -> None:
    assert "datasets/x/cohort.json" in wrong(tmp_path, said)


def test_a_file_that_is_not_there_or_lies_elsewhere_is_refused(tmp_path: Path) -> None:
    for name in ("nothing.json", "../elsewhere.json"):
        with pytest.raises(ConfigError):
            read_cohort(name, tmp_path, "dataset.yaml")


def test_a_definition_is_found_by_the_plan(tmp_path: Path) -> None:
    cohort = read_cohort(write(tmp_path, definition(InclusionRules=[rule()])), tmp_path, "dataset.yaml")
    who = person(1)
    rows = [record(who, "condition_occurrence", DISEASE, when) for when in (5, 20, 100)]
    assert found(cdm(*rows), cohort) == [(who, 5, 8)]
    assert cohort.official is None


def test_what_the_plan_cannot_say_is_found_by_circes_sql_and_says_why(tmp_path: Path) -> None:
    adjusted = {"ConditionOccurrence": {"CodesetId": 0, "DateAdjustment": {"StartOffset": 2, "EndOffset": 2}}}
    said = definition(InclusionRules=[rule()])
    said["PrimaryCriteria"]["CriteriaList"] = [adjusted]
    cohort = read_cohort(write(tmp_path, said), tmp_path, "dataset.yaml")
    assert cohort.unsaid == ("PrimaryCriteria.CriteriaList[0].ConditionOccurrence.DateAdjustment",)
    who = person(1)
    con = cdm(*(record(who, "condition_occurrence", DISEASE, when) for when in (5, 20, 100)))
    assert found(con, cohort) == [(who, 7, 10)]
    told = con.execute("select rule, persons from found_attrition order by rule_number").fetchall()
    assert told == [("entry", 1), ("again", 1)]


def test_every_field_that_conditions_ask_of_is_there() -> None:
    by_name = {each.circe: each for each in records().values()}
    for name, keys in parts().items():
        for key, part in keys.items():
            if part.kind in ("whole", "decimal", "day", "concepts", "chosen", "text") and name in by_name:
                assert by_name[name].has(part.field), f"{name}.{key}"
    assert set(records()) <= set(tables())
