"""OHDSI's phenotypes, found by our plan and by Circe's own SQL, have the same persons from the same day to the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import phenotype_judge
import phenotype_rows
import pytest
from duckdb import DuckDBPyConnection

from etl.research.cohorts.find import find_cohorts

EVERY = 12  # of 231: twenty, of all kinds


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBPyConnection]:
    if not phenotype_judge.PHENOTYPES.is_dir():
        pytest.skip("no phenotypes; set ETL_TEST_DATA to the folder that holds phenotypes/")
    assert phenotype_judge.PYTHON.exists(), "the judge's tools are missing: make install"
    file = tmp_path_factory.mktemp("phenotypes") / "cdm.duckdb"
    asked = phenotype_judge.definitions(EVERY)
    phenotype_rows.write(file, asked, persons=20)
    phenotype_judge.judge(file, asked)
    with duckdb.connect(str(file), read_only=True) as con:
        yield con


def test_persons_and_days_are_those_of_the_official_sql(judged: DuckDBPyConnection) -> None:
    phenotype_judge.find(judged, phenotype_judge.read(phenotype_judge.definitions(EVERY)), at_once=True)
    assert phenotype_judge.differences(judged) == []
    filled = "select count(*), count(distinct cohort_definition_id) from ours"
    rows, cohorts = judged.execute(filled).fetchone() or (0, 0)
    assert rows > 150
    assert cohorts >= 15, "cohorts that show something"


def test_where_only_official_sql_says_it_attrition_is_told_all_the_same(judged: DuckDBPyConnection) -> None:
    file = max(
        phenotype_judge.definitions(EVERY), key=lambda file: file.read_text(encoding="utf-8").count("StartWindow")
    )
    text, (number, cohort) = Path(file).read_text(encoding="utf-8"), phenotype_judge.read([file])[0]
    told = []
    for one in (cohort, replace(cohort, official=text)):
        find_cohorts(judged, [(number, one)])
        told.append(judged.execute("from found_attrition order by all").fetchall())
    assert told[0] == told[1]
    assert len(cohort.rules) > 1
    assert len({persons for *_, persons in told[0]}) > 1, "rules that take somebody away"
