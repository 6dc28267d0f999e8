"""Definitions of data sets: everything that is wrong is told at once, by file and key."""

from __future__ import annotations

import made_cohorts
import made_dataset
import pytest

from etl.errors import ConfigError
from etl.research.datasets.definition import categories, read_dataset
from etl.research.datasets.words import Words
from etl.settings import PROJECT


@pytest.fixture(autouse=True)
def _own_cohort(monkeypatch):
    made_cohorts.use(monkeypatch)


def wrong(folder, **changes):
    with pytest.raises(ConfigError) as error:
        made_dataset.read(folder, **changes)
    return error.value.message


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    message = wrong(
        tmp_path,
        variables=[
            {"name": "a", "take": "last", "of": "hba1", "table": "measurement"},
            {"name": "b", "is": "agee"},
            {"name": "c", "take": "count", "of": "hba1c", "table": "measuremen"},
            {"name": "d", "take": "max", "of": "hba1c", "table": "measurement", "value": "value_source_value"},
            {"name": "e"},
            {"name": "person_id", "is": "age", "unit": 8554},
        ],
    )
    for part in (
        "diabetes/dataset.yaml  variables.a.of: there is no concept set 'hba1'; did you mean 'hba1c'?",
        "variables.a.value: 'last' needs", "variables.b.is: there is no 'agee'; did you mean 'age'?",
        "variables.c.table: nothing can be taken of 'measuremen'; did you mean 'measurement'?",
        "variables.d.value: measurement has no number or concept", "variables.e.take: expected one",
        "variables.person_id: the name is that of a key", "variables.person_id.unit: has no meaning with 'is'",
    ):  # fmt: skip
        assert part in message


@pytest.mark.parametrize(("changes", "said"), [
    ({"owner": ""}, "owner:"), ({"refresh": "hourly"}, "refresh:"), ({"colour": "red"}, "colour:"),
    ({"variables": [{"name": "Ab", "is": "age"}]}, "variables.0.name: expected 1 to 32 small letters"),
    ({"variables": [{"name": "a", "is": "age", "within": [3, 1]}]}, "variables.0.within: ends before it starts"),
    ({"concept_sets": {"x": {"concepts": []}}}, "concept_sets.x: the concept set is empty"),
    ({"variables": [{"name": "a", "is": "age"}, {"name": "a", "is": "sex"}]}, "'a' is there more than once"),
])  # fmt: skip
def test_what_is_wrong_is_named_by_its_key(tmp_path, changes, said):
    assert said in wrong(tmp_path, **changes)


def test_another_text_of_a_file_that_is_named_is_another_definition(tmp_path):
    folder = made_dataset.write(tmp_path / "x", concept_sets={"hba1c": {"csv": "a1c.csv"}})
    (folder / "a1c.csv").write_text("concept_id\n3004410\n")
    (folder / "notes.txt").write_text("nobody reads this")
    before = read_dataset(folder)
    assert set(before.files) == {"dataset.yaml", "a1c.csv"}
    (folder / "a1c.csv").write_text("concept_id\n3004410\n40758583\n")
    assert read_dataset(folder).digest != before.digest


def test_the_index_of_charlson_has_the_weights_of_1987():
    weights = {each.name: each.weight for each in categories()}
    assert len(weights) == 17 and sum(weights.values()) == 1 * 10 + 2 * 4 + 3 + 6 * 2
    assert {each.name for each in categories() if each.worse} == {"mild liver disease", "diabetes", "malignancy"}


def test_a_variable_without_a_title_is_called_by_its_name_or_by_what_it_is(tmp_path):
    from etl.research.datasets.definition import titles

    said = made_dataset.read(tmp_path, variables=[{"name": "x", "is": "age"}]).said.variables[0]
    assert titles(said) == Words(en="Age in years on the index day", ko="기준일의 만 나이")


@pytest.mark.parametrize("name", [file.parent.name for file in PROJECT.glob("datasets/*/dataset.yaml")])
def test_a_definition_of_the_project_can_be_read(name, monkeypatch):
    monkeypatch.undo()  # by what really reads cohorts
    assert read_dataset(PROJECT / "datasets" / name).columns
