"""A cohort in a data set's YAML: whom it finds, and what it says of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cohort_rows import BELOW, DISEASE, DRUG, OTHER, TEST, attrition, cdm, found, found_at_once, person, record

from etl.errors import ConfigError
from etl.research.cohorts.model import Cohort
from etl.research.cohorts.read import read_cohort

ONE, TWO, THREE = person(1), person(2), person(3, hospital=2)
SETS = """
concept_sets:
  disease: {concepts: [{id: 100, descendants: true}]}
  other: {concepts: [200]}
  drug: {concepts: [300]}
  test: {concepts: [400]}
"""


def cohort(text: str, folder: Path = Path()) -> Cohort:
    return read_cohort(yaml.safe_load(SETS + text), folder, "dataset.yaml")


def sick(who: int, when: int, concept: int = DISEASE, **more: object) -> dict[str, object]:
    return record(who, "condition_occurrence", concept, when, **more)


def test_descendants_let_in_and_the_end_of_observation_lets_out() -> None:
    con = cdm(sick(ONE, 10, BELOW), sick(TWO, 20, OTHER))
    assert found(con, cohort("entry: [{table: condition_occurrence, of: disease}]")) == [(ONE, 10, 1000)]


def test_attrition_is_told_by_rule_and_hospital_also_where_nobody_is_left() -> None:
    con = cdm(sick(ONE, 10), sick(ONE, 60), sick(TWO, 10), sick(THREE, 10), record(TWO, "drug_exposure", DRUG, 5))
    said = """
entry: [{table: condition_occurrence, of: disease}]
rules:
  - name: again or a drug
    any:
      - {of: disease, table: condition_occurrence, within: [1, 365]}
      - {of: drug, table: drug_exposure, within: [-30, 365], count: {min: 1}}
  - {name: no drug, of: drug, table: drug_exposure, count: {max: 0}}
"""
    assert found(con, cohort(said)) == [(ONE, 10, 1000)]
    assert attrition(con) == [
        (0, "entry", 1, 2), (0, "entry", 2, 1),
        (1, "again or a drug", 1, 2), (1, "again or a drug", 2, 0),
        (2, "no drug", 1, 1), (2, "no drug", 2, 0),
    ]  # fmt: skip


def test_windows_and_counts_hold_to_the_day() -> None:
    con = cdm(sick(ONE, 10), sick(ONE, 41), sick(ONE, 41, BELOW))
    days: dict[str, list[int]] = {
        "within: [1, 30]": [],
        "within: [1, 31]": [10],
        "within: [31, null]": [10],
        "within: [null, -1]": [41],
        "count: {min: 3}": [10, 41],
        "count: {min: 3, different: day}": [],
        "count: {min: 2, max: 2, different: day}": [10, 41],
    }
    said = """
entry: [{table: condition_occurrence, of: disease}]
rules: [{name: around, of: disease, table: condition_occurrence, ASKED}]
exit: {after: 0}
"""
    spells = found_at_once(con, {asked: cohort(said.replace("ASKED", asked)) for asked in days})
    assert {asked: [begins for _, begins, _ in those] for asked, those in spells.items()} == days


def test_first_is_the_first_of_all_whatever_else_is_asked() -> None:
    con = cdm(sick(ONE, 10), sick(ONE, 500), sick(TWO, 500))
    said = "entry: [{table: condition_occurrence, of: disease, first: true, prior_observation: 100}]"
    assert found(con, cohort(said)) == [(TWO, 500, 1000)]


def test_values_units_and_persons_are_asked_for() -> None:
    con = cdm(
        record(ONE, "measurement", TEST, 5, value_as_number=6.5, unit_concept_id=8554),
        record(TWO, "measurement", TEST, 5, value_as_number=7, unit_concept_id=1, value_as_concept_id=9191),
    )
    who = {
        "value: {min: 6.5}": [ONE, TWO],
        "value: {min: 6.5, unit: 8554}": [ONE],
        "value: {max: 6.49999}": [],
        "value: {concepts: [9191]}": [TWO],
        "age: {min: 41}": [],
        "age: {max: 40}, sex: female": [ONE, TWO],
        "sex: male": [],
    }
    said = "entry: [{table: measurement, of: test, ASKED}]"
    spells = found_at_once(con, {asked: cohort(said.replace("ASKED", asked)) for asked in who})
    assert {asked: [each for each, *_ in those] for asked, those in spells.items()} == who


def test_a_visit_of_a_kind_and_an_episode_of_a_disease() -> None:
    con = cdm(
        record(ONE, "visit_occurrence", 9201, 3, visit_occurrence_id=77), sick(ONE, 3, visit_occurrence_id=77),
        sick(TWO, 3), record(THREE, "episode", 32533, 4, episode_object_concept_id=DISEASE),
    )  # fmt: skip
    said = """
entry:
  - {table: condition_occurrence, of: disease, visit: [9201, 9203]}
  - {table: episode, of: disease}
"""
    assert [who for who, *_ in found(con, cohort(said))] == [ONE, THREE]


def test_exits_and_episodes() -> None:
    con = cdm(
        sick(ONE, 10), sick(ONE, 50), sick(ONE, 300),
        record(ONE, "drug_exposure", DRUG, 0, days_supply=30), record(ONE, "drug_exposure", DRUG, 55, days_supply=25),
    )  # fmt: skip
    spells = {
        "exit: {after: 0}": [(10, 10), (50, 50), (300, 300)],
        "exit: {after: 40}": [(10, 90), (300, 340)],
        "exit: {after: 0}\nwashout: 90": [(10, 50), (300, 300)],
        "exit: {after: 0}\nwashout: 90\nepisodes: first": [(10, 50)],
        "exit: {after_end: 1}": [(10, 12), (50, 52), (300, 302)],
        "exit: {after: 5000}": [(10, 1000)],
        "exit: {after: end_of_observation}": [(10, 1000)],
        "exit: {continuous_drug: {of: drug, gap: 30}}": [(10, 80), (300, 1000)],
        "exit: {continuous_drug: {of: drug, gap: 5, longer: 2}}": [(10, 32), (50, 1000)],
    }
    entry = "entry: [{table: condition_occurrence, of: disease}]\n"
    those = found_at_once(con, {asked: cohort(entry + asked) for asked in spells})
    assert {asked: [tuple(days) for _, *days in each] for asked, each in those.items()} == spells


def test_all_that_is_wrong_is_said_at_once_with_file_and_key(tmp_path: Path) -> None:
    said = """
concept_sets:
  disease: {concepts: [{id: 100, descendant: true}]}
  empty: {exclude: [100]}
  round: {sets: [trip]}
  trip: {sets: [round]}
  filed: {csv: no.csv}
entry:
  - {table: condition_ocurrence, of: diseas, visit: [1]}
  - {table: condition_occurrence, of: disease, value: {min: 1}}
rules:
  - {name: backwards, of: disease, table: condition_occurrence, within: [30, 1]}
  - {of: disease, table: condition_occurrence, count: {min: 2, max: 1}}
  - {name: nothing}
exit: {after: -1}
episodes: some
"""
    with pytest.raises(ConfigError) as error:
        read_cohort(yaml.safe_load(said), tmp_path, "datasets/x/dataset.yaml")
    wrong = [
        "concept_sets.disease.concepts[0].descendant: means nothing here; did you mean 'descendants'?",
        "concept_sets.empty: the concept set is empty",
        "concept_sets.trip.sets[0]: goes round in a circle: round → trip → round",
        "concept_sets.filed.csv: there is no file no.csv",
        "entry[0].table: is none of those that are known; did you mean 'condition_occurrence'?",
        "entry[0].of: is none of those that are known; did you mean 'disease'?",
        "entry[1].value: records of condition_occurrence have no value",
        "rules[0].within: ends before it starts: from day 30 to day 1",
        "rules[1].name: is missing",
        "rules[1].count: is never met: at least 2 and at most 1",
        "rules[2]: asks for nothing",
        "exit.after: has to be a number of days, 0 or more",
        "episodes: is none of those that are known; known: all, first",
    ]
    for each in wrong:
        assert f"datasets/x/dataset.yaml  cohort.{each}" in error.value.message


def test_concept_sets_are_read_from_files_and_other_sets(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("concept_id,descendants,excluded\n100,true,\n101,,yes\n", encoding="utf-8")
    (tmp_path / "atlas.json").write_text('{"items": [{"concept": {"CONCEPT_ID": 200}}]}', encoding="utf-8")
    said = """
concept_sets:
  both: {csv: some.csv, sets: [atlas]}
  atlas: {atlas: atlas.json}
entry: [{table: condition_occurrence, of: both}]
"""
    con = cdm(sick(ONE, 1), sick(TWO, 1, BELOW), sick(THREE, 1, OTHER))
    assert [who for who, *_ in found(con, read_cohort(yaml.safe_load(said), tmp_path, "x"))] == [ONE, THREE]


def test_a_concept_that_the_vocabulary_lacks_is_told_apart_from_a_cohort_of_nobody() -> None:
    con = cdm(sick(ONE, 1, OTHER))
    said = cohort("entry: [{table: condition_occurrence, of: disease}]")
    assert found(con, said) == []
    assert con.execute("from found_lacking").fetchall() == []
    con.execute("delete from concept where concept_id = 100")
    assert found(con, said) == []
    assert con.execute("from found_lacking").fetchall() == [(1, "disease", 100)]


def test_nothing_is_left_behind_but_what_was_found() -> None:
    con = cdm(sick(ONE, 1))
    found(con, cohort("entry: [{table: condition_occurrence, of: disease}]"))
    left = con.execute("select table_name from duckdb_tables() where temporary order by all").fetchall()
    assert left == [("found_attrition",), ("found_cohort",), ("found_lacking",)]
