"""A hospital shaped like MIMIC-IV, from files alone: days in admissions, versions of codes, organisms, services."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tiny
from made_warehouse import take_over
from pydantic import SecretStr

from etl.night.pipeline import run_delivery
from etl.settings import PROJECT, Settings

SHAPED = PROJECT / "tests" / "data" / "mimic"
NIGHT = date(2200, 1, 1)  # days are shifted far into the future


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Any:
    """Rows of the warehouse by table after the night, the project's own gate included."""
    home = tmp_path_factory.mktemp("icu")
    (home / "vocabulary").symlink_to(vocabulary)
    (home / "expectations").mkdir()
    (home / "expectations" / "cdm").symlink_to(PROJECT / "expectations" / "cdm")
    shutil.copytree(SHAPED / "delivery", home / NIGHT.isoformat())
    settings = Settings(
        home=home, mappings=SHAPED / "mappings", expectations=home / "expectations", threads=1,
        key_secret=SecretStr(tiny.SECRET), memory="500MB", _env_file=None,
    )  # fmt: skip
    take_over(settings)
    reason = "days of a de-identified export are shifted"
    run_delivery(settings, "icu", home / NIGHT.isoformat(), force=True, reason=reason)
    return tiny.warehouse_rows(settings, list(tiny.hospital_tables()))


def of(warehouse: Any, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of a table, as texts of days and numbers, in order."""
    names = list(tiny.hospital_tables()[table].columns)
    picked = [names.index(c) for c in columns]
    return sorted((tuple(_plain(row[i]) for i in picked) for row in warehouse[table]), key=str)


def _plain(value: Any) -> Any:
    return value.isoformat(" ", "minutes") if hasattr(value, "hour") else value


def test_the_race_of_the_newest_admission_is_the_patients(warehouse: Any) -> None:
    assert of(warehouse, "person", "year_of_birth", "race_concept_id") == [(2113, 8515), (2128, 38003585)]


def test_a_diagnosis_has_the_day_of_its_admission_and_the_code_of_its_version(warehouse: Any) -> None:
    """E119 is a code of ICD-10; under version 9 it says nothing. One names an admission that did not come."""
    columns = ("condition_start_datetime", "condition_concept_id", "condition_source_value")
    assert of(warehouse, "condition_occurrence", *columns) == [
        ("2180-05-06 22:23", 320128, "4019"),
        ("2180-06-26 18:27", 0, "E119"),
        ("2180-06-26 18:27", 320128, "I10"),
        ("2186-11-01 10:00", 201826, "E119"),
    ]


def test_a_service_ends_when_the_next_begins_and_the_last_with_its_visit(warehouse: Any) -> None:
    assert of(warehouse, "visit_detail", "visit_detail_start_datetime", "visit_detail_end_datetime") == [
        ("2186-11-01 11:00", "2186-11-03 09:00"),
        ("2186-11-03 09:00", "2186-11-05 12:00"),
    ]


def test_a_culture_of_three_lines_is_one_specimen_and_one_organism(warehouse: Any) -> None:
    assert of(warehouse, "specimen", "specimen_concept_id", "specimen_date") == [
        (4001225, date(2186, 11, 2)),
        (4046280, date(2180, 6, 26)),
    ]
    found = of(warehouse, "measurement", "measurement_source_value", "value_source_value")
    assert ("URINE CULTURE", "ESCHERICHIA COLI") in found
    assert len(of(warehouse, "fact_relationship", "relationship_concept_id")) == 2  # said from both sides


def test_a_concentration_keeps_its_sign_and_its_interpretation(warehouse: Any) -> None:
    columns = ("operator_concept_id", "value_as_number", "value_as_concept_id", "value_source_value")
    found = [row for row in of(warehouse, "measurement", *columns) if row[2]]
    assert set(found) == {
        (4171754, 0.25, 4069590, "<=0.25"),
        (4171755, 32.0, 4328749, "=>32"),
        (None, None, 4328749, "R"),
    }


def test_a_rate_lasts_until_the_next_change(warehouse: Any) -> None:
    columns: Sequence[str] = ("drug_exposure_start_datetime", "drug_exposure_end_datetime", "quantity")
    assert of(warehouse, "drug_exposure", *columns) == [
        ("2186-11-02 08:00", "2186-11-02 12:00", 0.05),
        ("2186-11-02 12:00", "2186-11-03 20:00", 0.1),
    ]


def test_what_did_not_become_a_row_is_accounted_for(warehouse: Any) -> None:
    assert of(warehouse, "metadata", "name", "value_as_number") == [
        ("rows filtered: inputs: stopped", 1.0),
        ("rows quarantined: diagnoses: start_missing", 1.0),
    ]
