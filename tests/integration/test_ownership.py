"""Whose rows are whose: publishing a hospital replaces its rows in every table, and nobody else's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from etl.cdm.spec import hospital_tables
from etl.sql import literal, quote
from etl.store.warehouse.ducklake.warehouse import DuckLake
from etl.store.warehouse.protocol import Publication

SOURCE = {
    "cdm_source_name": "Test", "cdm_source_abbreviation": "T", "cdm_holder": "Test", "cdm_version_concept_id": 756265,
    "vocabulary_version": "none", "source_release_date": date(2026, 1, 1), "cdm_release_date": date(2026, 1, 1),
}  # fmt: skip
VALUES = {"BIGINT": "{id}", "INTEGER": "1", "DOUBLE": "1", "VARCHAR": "'x'", "DATE": "date '2026-01-01'"}


def write_row(folder: Path, table: str, number: int) -> Path:
    """One row of a table, of the first person of a hospital, with ids as mapping gives them."""
    person = number << 24
    small = {"person_id", "provider_id", "care_site_id", "location_id", "metadata_id"}
    columns = []
    for field in hospital_tables()[table].fields:
        value = VALUES.get(field.duckdb_type, "null").format(id=person if field.name in small else person << 23)
        columns.append(f"({value})::{field.duckdb_type} as {quote(field.name)}")
    file = folder / f"{table}-{number}.parquet"
    with duckdb.connect() as con:
        con.execute(f"copy (select {', '.join(columns)}) to {literal(str(file))}")
    return file


def publish(lake: DuckLake, folder: Path, number: int, names: list[str]) -> dict[str, int]:
    files = {name: write_row(folder, name, number) for name in names}
    publication = Publication(f"h{number}", number, f"run-{number}", date(2026, 1, 1), files)
    return lake.publish(publication, SOURCE)


@pytest.fixture
def lake(tmp_path: Path) -> DuckLake:
    made = DuckLake(tmp_path / "warehouse")
    made.initialise()
    return made


def test_every_table_tells_whose_its_rows_are(lake: DuckLake, tmp_path: Path) -> None:
    every = list(hospital_tables())
    assert "cdm_source" not in every
    for number in (62, 63):
        assert publish(lake, tmp_path, number, every) == dict.fromkeys(every, 1)
    assert publish(lake, tmp_path, 62, ["person"]) == dict.fromkeys(every, 0) | {"person": 1}
    with lake.reader() as con:
        left = {
            name: con.execute(f"select ({t.owner}) >> 24 from {name}").fetchall()
            for name, t in hospital_tables().items()
        }
    assert {name: sorted(rows) for name, rows in left.items()} == {
        name: [(62,), (63,)] if name == "person" else [(63,)] for name in every
    }


def test_a_relationship_between_persons_belongs_to_the_first_of_them(tmp_path: Path) -> None:
    owner = hospital_tables()["fact_relationship"].owner
    with duckdb.connect() as con:
        facts = f"select {owner} from (values ({63 << 24 | 5}), ({(63 << 24 | 5) << 23 | 9})) t(fact_id_1)"
        assert con.execute(facts).fetchall() == [(63 << 24 | 5,)] * 2
