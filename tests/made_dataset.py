"""A data set of tests, and a warehouse of a handful of invented persons whose every row a test has written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import made_cohorts
import yaml
from duckdb import DuckDBPyConnection

from etl.engine import records
from etl.mapping.language.units import Conversion
from etl.research.datasets import columns, series
from etl.research.datasets.definition import Dataset, categories, read_dataset
from etl.research.datasets.units import create_conversions
from etl.store.warehouse.protocol import Night
from etl.store.warehouse.schema import create_statements

HBA1C, GLUCOSE, PERCENT, PER_MOL, MG_DL = 3004410, 3004501, 8554, 9579, 8840
METFORMIN, DIABETES, COMPLICATED, DEMENTIA = 1503297, 201820, 442793, 4182210
A1C = {
    "hemoglobin_a1c": Conversion.model_validate({
        "concepts": [HBA1C], "to": PERCENT, "from": {PER_MOL: {"factor": 0.09148, "offset": 2.152}}, "source": "NGSP",
    })
}  # fmt: skip
SETS = {
    "hba1c": {"concepts": [{"id": HBA1C}]},
    "metformin": {"concepts": [{"id": METFORMIN, "descendants": True}]},
}
_TABLES = (
    "person", "observation_period", "death", "visit_occurrence", "condition_occurrence", "drug_exposure", "measurement",
    "concept", "concept_ancestor", "concept_relationship",
)  # fmt: skip


def said(**changes: Any) -> dict[str, Any]:
    """A definition as its YAML says it, with other keys in the place of some."""
    words = {"en": "Diabetes", "ko": "당뇨병"}
    return {
        "title": words, "says": words, "owner": "Kim", "cohort": {"sql": made_cohorts.EVERYBODY},
        "concept_sets": SETS, "variables": [{"name": "age", "is": "age"}],
    } | changes  # fmt: skip


def write(folder: Path, **changes: Any) -> Path:
    """Write a definition into a folder of its own; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(said(**changes), allow_unicode=True), encoding="utf-8")
    return folder


def read(folder: Path, **changes: Any) -> Dataset:
    """A definition that was written and read."""
    return read_dataset(write(folder / "diabetes", **changes))


@contextmanager
def warehouse(*persons: int) -> Iterator[DuckDBPyConnection]:
    """A connection as a reader has it: persons born in 1970, observed from 2019 to the end of 2022."""
    with duckdb.connect(config={"threads": 1}) as con:
        for name, statement in create_statements(keys=False).items():
            if name in _TABLES:
                con.execute(statement)
        con.execute(
            "create view hospital as select * from (values (1, 'h1', date '2022-12-31'), (2, 'h2', date '2022-12-31')) "
            "v(hospital_number, hospital, night)"
        )
        con.execute(
            "insert into concept_ancestor by name select 99 as descendant_concept_id, 1503297 as ancestor_concept_id, "
            "1 as min_levels_of_separation, 1 as max_levels_of_separation"
        )
        known = {HBA1C, METFORMIN, 99, *(item.concept for each in categories() for item in each.concepts.items)}
        for concept in known:
            con.execute(
                f"insert into concept by name select {concept:d} as concept_id, 'C' as concept_name, 'X' as domain_id, "
                "'X' as vocabulary_id, 'X' as concept_class_id, 'X' as concept_code, date '1970-01-01' as "
                "valid_start_date, date '2099-12-31' as valid_end_date"
            )
        for person in persons:
            con.execute(
                f"insert into person by name select {person:d} as person_id, 8507 as gender_concept_id, "
                "1970 as year_of_birth, 7 as month_of_birth, 0 as race_concept_id, 0 as ethnicity_concept_id"
            )
            con.execute(
                f"insert into observation_period by name select {person:d} as observation_period_id, {person:d} as "
                "person_id, date '2019-01-01' as observation_period_start_date, date '2022-12-31' as "
                "observation_period_end_date, 32817 as period_type_concept_id"
            )
        yield con


def add(con: DuckDBPyConnection, table: str, **row: Any) -> None:
    """Add a row; what is not said stays empty, or is 0 where it must not be."""
    required = [r[0] for r in con.execute(
        "select column_name from duckdb_columns() where table_name = ? and not is_nullable", [table]
    ).fetchall()]  # fmt: skip
    row = dict.fromkeys(required, 0) | row
    places = ", ".join("?" * len(row))
    con.execute(f"insert into {table} ({', '.join(row)}) values ({places})", list(row.values()))


def measured(
    con: DuckDBPyConnection, person: int, key: int, day: str, value: float | None, unit: int = PERCENT
) -> None:
    """Add an HbA1c."""
    add(
        con, "measurement", measurement_id=key, person_id=person, measurement_concept_id=HBA1C, measurement_date=day,
        value_as_number=value, unit_concept_id=unit,
    )  # fmt: skip


def wide(con: DuckDBPyConnection, dataset: Dataset) -> list[dict[str, Any]]:
    """The rows of a data set, made of what its cohort finds."""
    made_cohorts.find(con, [(1, dataset.cohort)])
    create_conversions(con, A1C)
    wanted = series.asked(dataset)
    series.find_members(con, 1)
    series.find_rows(con, dataset, wanted)
    columns.make_wide(con, dataset, wanted)
    return records(con, f"from {columns.WIDE}")


class Published:
    """A warehouse whose rows a test has written: `at` is the night, run and publication of every hospital."""

    def __init__(self, con: DuckDBPyConnection, **at: tuple[str, str, int]) -> None:
        self.con, self.at, self.before = con, at, dict[str, list[Night]]()
        self.release = "v1"

    @contextmanager
    def reader(self) -> Iterator[DuckDBPyConnection]:
        """See Warehouse.reader."""
        with self.con.cursor() as con:
            yield con

    def vocabulary(self) -> str:
        """See Warehouse.vocabulary."""
        return self.release

    def published(self, hospital: str) -> Night | None:
        """See Warehouse.published."""
        if hospital not in self.at:
            return None
        night, run, step = self.at[hospital]
        return Night(run, date.fromisoformat(night), step=step, mappings="m1")

    def nights(self, hospital: str) -> list[Night]:
        """See Warehouse.nights."""
        now = self.published(hospital)
        return [*([now] if now else []), *self.before.get(hospital, [])]
