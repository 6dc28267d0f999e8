"""Versions of data sets: the same of the same, whole or not there, proven, and what changed between two of them."""

from __future__ import annotations

import json

import made_dataset
import made_versions
import pytest
from made_dataset import measured
from made_versions import A1C, COHORT

from etl.errors import ConfigError, GateClosed, TransientError
from etl.research.datasets import build as building
from etl.research.datasets import kept
from etl.research.datasets.definition import read_dataset
from etl.research.datasets.verify import verify


@pytest.fixture
def place(tmp_path, monkeypatch):
    with made_versions.place(tmp_path, monkeypatch) as place:
        yield place


def build(place, **options):
    return place.build(**options)


def folder(place, version):
    return kept.folder_of(place.settings, "diabetes", version)


def test_the_same_inputs_give_the_version_that_is_there_and_built_again_the_same_bytes(place):
    first = build(place)
    assert first.anew and not build(place).anew
    again = build(place, again=True)
    assert (first.manifest.version, again.manifest.version) == (1, 2)
    assert again.manifest.files == first.manifest.files
    for name in first.manifest.files:
        assert (folder(place, 1) / name).read_bytes() == (folder(place, 2) / name).read_bytes()


def test_a_version_says_what_it_is_of_and_every_check(place):
    said = build(place).manifest
    assert {h: (s.night, s.run, s.step) for h, s in said.snapshot.hospitals.items()} == place.published.at
    assert (said.sizes["persons"], said.sizes["hospitals"]["h2"]["persons"]) == (24, 12)
    assert [(r["rule"], r["persons"]) for r in said.attrition] == [("entry", 24), ("left", 24)]
    assert said.completeness["a1c"] == {"h1": 12, "h2": 12}
    assert said.definition["dataset.yaml"].startswith("cohort:")
    assert {c["verdict"] for c in said.checks if "concept" not in c["name"]} == {"passed"}
    assert kept.made(place.settings, "diabetes", 1).by == "kim"


def test_nothing_of_few_persons_is_told(place):
    place.con.execute("delete from measurement where person_id >> 24 = 2 and person_id & 255 > 3")
    said = build(place).manifest
    assert said.sizes["hospitals"]["h2"] == {"persons": "<5", "episodes": "<5"}
    assert said.sizes["persons"] is None  # less the other hospital's it would be the number
    assert said.completeness["a1c"]["h2"] is None
    assert said.distributions["hospital"] == {"values": {"other": 15}}


def test_a_version_that_a_check_fails_does_not_stand(place):
    place.con.execute("update measurement set measurement_date = date '2010-01-01' where person_id & 255 = 1")
    with pytest.raises(GateClosed, match="an index day is observed"):
        build(place)
    assert kept.versions(place.settings, "diabetes") == []
    assert not list((place.settings.home / "datasets" / "diabetes").iterdir())


def test_a_night_that_is_published_meanwhile_leaves_nothing(place):
    def publish(_stage):
        place.published.at["h1"] = ("2021-01-02", "r2", 2)

    with pytest.raises(TransientError, match="published while"):
        building.build(place.settings, read_dataset(place.folder), "kim", publish)
    assert kept.versions(place.settings, "diabetes") == []


def test_what_changed_is_told_with_its_reason(place):
    build(place)
    place.published.at["h1"] = ("2022-01-01", "r2", 2)
    place.con.execute("update measurement set value_as_number = 11 where person_id >> 24 = 1 and person_id & 255 <= 6")
    for n in range(20, 26):
        made_dataset.add(
            place.con, "person", person_id=1 << 24 | n, gender_concept_id=8507, year_of_birth=1970, month_of_birth=7
        )
        place.con.execute(
            f"insert into observation_period select {n}, {1 << 24 | n}, date '2019-01-01', date '2022-12-31', 32817"
        )
        measured(place.con, 1 << 24 | n, 900 + n, "2021-06-01", 7.0)
    changed = build(place).manifest.changes
    assert changed["why"] == {"new data": ["h1"]}
    assert changed["in"] == {"number": 6, "because": {"new data": 6}}
    assert changed["out"] == {"number": 0, "because": {}}
    assert changed["values"]["a1c"] == {"number": 6, "because": {"new data": 6}}  # the window reaches beyond the night


def test_a_value_whose_window_was_over_before_the_night_was_corrected(place):
    build(place)
    place.published.at["h1"] = ("2022-01-01", "r2", 2)
    build(place)
    place.published.at["h1"] = ("2022-01-02", "r3", 3)
    place.con.execute("update measurement set value_as_number = 11 where person_id >> 24 = 1")
    assert build(place).manifest.changes["values"]["a1c"]["because"] == {"corrected data": 12}


def test_another_definition_and_another_vocabulary_are_the_reason_before_any_data(place):
    build(place)
    made_dataset.write(place.folder, cohort=COHORT, variables=[{**A1C, "take": "count", "value": None, "unit": None}])
    place.published.release = "v2"
    changed = build(place).manifest.changes
    assert set(changed["why"]) == {"another definition", "another vocabulary"}
    assert changed["values"]["a1c"]["because"] == {"another definition or another vocabulary": 24}


def test_a_file_that_was_changed_is_found(place):
    build(place)
    assert verify(place.settings, "diabetes", 1).wrong == ()
    file = folder(place, 1) / "data.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    assert verify(place.settings, "diabetes", 1).wrong == ("data.parquet is not what was written",)


def test_a_manifest_that_was_changed_is_found_also_by_the_version_after_it(place):
    build(place)
    build(place, again=True)
    file = folder(place, 1) / "manifest.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"small_cell": 1}))
    assert "manifest.json is not what was written" in verify(place.settings, "diabetes", 1).wrong
    assert "the manifest of version 1" in " ".join(verify(place.settings, "diabetes", 2).wrong)


def test_a_night_that_was_rolled_back_is_told_and_one_that_others_followed_is_not(place):
    place.published.at["h1"] = ("2021-01-02", "r2", 2)
    build(place)
    place.published.at["h1"] = ("2021-01-01", "r1", 1)
    place.published.at["h2"] = ("2021-01-05", "s2", 2)
    found = verify(place.settings, "diabetes", 1)
    assert (found.standing, found.rolled_back) == ({"h1": "rolled back", "h2": "gone on"}, ["h1"])


def test_no_more_versions_are_kept_than_the_definition_says(place):
    for _ in range(4):
        last = build(place, again=True)
    assert last.removed == (1,)
    assert kept.versions(place.settings, "diabetes") == [2, 3, 4]
    with pytest.raises(ConfigError, match="there is no version 1"):
        kept.chosen(place.settings, "diabetes", 1)
