"""`etl concept`: by name, synonym, Korean name, code and id; counts are those of the warehouse, small ones hidden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
from tiny import Tiny
from typer.testing import CliRunner, Result

from etl.cli import app
from etl.store.warehouse.open import open_warehouse

HYPERTENSION, DIABETES = 320128, 201826


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Tiny:
    """A published night: all six patients have hypertension, one has diabetes."""
    hospital = tiny.make(tmp_path_factory.mktemp("concept") / "home", vocabulary)
    for n in range(1, 7):
        hospital.tables["DIAG.csv"].append([f"7000{n}", "", "I10.9", "", "20260610", "N"])
    hospital.publish()
    return hospital


def asked(hospital: Tiny, *words: str) -> Result:
    s = hospital.settings
    env = {"ETL_HOME": str(s.home), "ETL_MAPPINGS": str(s.mappings), "ETL_THREADS": "1", "ETL_MEMORY": "500MB"}
    return CliRunner().invoke(app, ["concept", *words], env=env)


def found(hospital: Tiny, *words: str) -> list[dict[str, Any]]:
    done = asked(hospital, *words, "--json")
    assert done.exit_code == 0, done.output
    return list(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("words", "by", "code"),
    [
        (["essential", "HYPERTENSION"], "name", "59621000"),
        (["hypertension essential"], "name", "59621000"),
        (["본태성"], "synonym", "I10"),
        (["i10.9"], "code", "I10.9"),
        (["i109"], "code", "I10.9"),
        (["320128"], "id", "59621000"),
    ],
)
def test_a_concept_is_found(night: Tiny, words: list[str], by: str, code: str) -> None:
    hits = {hit["code"]: hit for hit in found(night, *words)}
    assert hits[code]["found_by"] == by


def test_a_source_concept_tells_what_it_maps_to(night: Tiny) -> None:
    [hit] = [h for h in found(night, "E11.21") if h["code"] == "E11.21"]
    assert not hit["standard"]
    assert DIABETES in [target for target, _ in hit["maps_to"]]
    assert f"→ {DIABETES} Type 2 diabetes mellitus" in asked(night, "E11.21").stdout


def test_counts_are_those_of_the_warehouse(night: Tiny) -> None:
    with open_warehouse(night.settings).reader() as con:
        counted = con.execute(
            "select sum(n), count(distinct p) from (select count(*) n, person_id p from condition_occurrence where "
            f"condition_concept_id = {HYPERTENSION} group by 2 union all select count(*), person_id from condition_era "
            f"where condition_concept_id = {HYPERTENSION} group by 2)"
        ).fetchone()
    [hit] = found(night, str(HYPERTENSION))
    assert (hit["records"], hit["persons"]) == counted
    assert hit["persons"] == 6


def test_small_counts_are_hidden(night: Tiny) -> None:
    [hit] = found(night, str(DIABETES))
    assert (hit["records"], hit["persons"], hit["fewer_than"]) == (None, None, 5)
    assert asked(night, str(DIABETES)).stdout.count("<5") == 2
    night.rewrite("hospital.yaml", "live_since", "small_cell: 7\nlive_since")
    try:
        assert found(night, str(HYPERTENSION))[0]["fewer_than"] == 7
    finally:
        night.rewrite("hospital.yaml", "small_cell: 7\n", "")


def test_what_is_used_comes_before_what_only_sounds_so(night: Tiny) -> None:
    hits = [h for h in found(night, "hypertension") if h["rank"] > 2]
    counts = [h["records"] or 0 for h in hits]
    assert counts == sorted(counts, reverse=True)


def test_domain_vocabulary_and_limit_narrow(night: Tiny) -> None:
    assert {h["vocabulary"] for h in found(night, "diabetes", "--vocabulary", "kcd7")} == {"KCD7"}
    assert {h["domain"] for h in found(night, "blood", "--domain", "measurement")} == {"Measurement"}
    assert len(found(night, "diabetes", "--limit", "1")) == 1


@pytest.mark.parametrize("word", ["no such thing", "'; drop table concept; --", "99999999999999999999", "%"])
def test_what_is_not_there_is_said(night: Tiny, word: str) -> None:
    done = asked(night, word, "--domain", "Nothing")
    assert (done.exit_code, done.stdout) == (0, "no concept of the loaded vocabulary has that\n")


def test_without_a_warehouse_concepts_are_found_all_the_same(hospital: Tiny) -> None:
    done = asked(hospital, "320128")
    assert done.exit_code == 0
    assert "Essential hypertension" in done.stdout
    assert "without counts" in done.output
