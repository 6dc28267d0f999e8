"""The battery gives the figures and verdicts of every check's own definition, whatever the warehouse holds."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from quality_definitions import definitions, verdict

from etl.cdm.spec import Field, tables
from etl.quality.battery.checks import load_checks
from etl.quality.battery.judge import judge
from etl.quality.battery.measure import measure
from etl.quality.battery.statement import WHOLE
from etl.settings import PROJECT

FOLDER = PROJECT / "expectations" / "dqd"
CONTROL = Path(os.environ.get("ETL_TEST_DATA", PROJECT.parent / "shared" / "data")) / "dqd_v5.4"
NIGHT = date(2026, 6, 30)
CHECKS = load_checks(FOLDER)
needs_control = pytest.mark.skipif(not CONTROL.exists(), reason=f"no control files in {CONTROL}; set ETL_TEST_DATA")


class Broken:
    """A small warehouse without constraints in which little is right, drawn from a seed."""

    def __init__(self, con: DuckDBPyConnection, seed: int) -> None:
        self._draw = random.Random(seed)
        self._con = con
        self._concepts = [c for check in CHECKS for c in check.concepts]
        self._people = [h << 24 | n for h in (1, 2) for n in range(1, 5)]
        for name, table in tables().items():
            missing = self._draw.random() < 0.04 and name not in ("person", "concept", "concept_ancestor", "death")
            if not missing:
                self._table(name, [f for f in table.fields if self._draw.random() > 0.01 or f.is_id])

    def _table(self, name: str, fields: list[Field]) -> None:
        columns = ", ".join(f'"{f.name}" {self._type(f)}' for f in fields)
        self._con.execute(f"create table {name} ({columns})")
        empty = {f.name for f in fields if self._draw.random() < 0.1 and not f.primary_key}
        rows = self._draw.choice([0, 3, 12, 40]) if tables()[name].schema != "vocab" else 60
        for i in range(rows):
            marks = ", ".join("?" * len(fields))
            values = [None if f.name in empty else self._value(name, f, i) for f in fields]
            self._con.execute(f"insert into {name} values ({marks})", values)

    def _type(self, field: Field) -> str:
        return (
            "VARCHAR"
            if field.type == "integer" and not field.is_id and self._draw.random() < 0.1
            else field.duckdb_type
        )

    def _value(self, table: str, field: Field, i: int) -> object:  # noqa: PLR0911
        draw = self._draw
        if draw.random() < 0.1:
            return None
        if field.name in ("person_id", "subject_id") or (table, field.name) == ("person", "person_id"):
            return draw.choice(self._people)
        if table == "concept" and field.name == "concept_id":
            return [0, 8507, 8532, 8554, *self._concepts][i * 9 % (len(self._concepts) + 4)]
        if "concept_id" in field.name:
            return draw.choice([0, 8507, 8532, 8554, 99, *draw.sample(self._concepts, 2)])
        if field.name == "year_of_birth":
            return draw.choice([1849, 1950, 2020, 2031])
        if field.name in ("month_of_birth", "day_of_birth"):
            return draw.choice([1, 7, 12])
        if field.primary_key or field.is_id:
            return draw.choice(self._people) << 23 | draw.randrange(4)
        if field.type == "integer":
            return draw.choice([-1, 0, 1, 30, 400])
        if field.type in ("date", "datetime"):
            day = datetime(2026, 6, 1) + timedelta(days=draw.choice([-40_000, -900, -70, -8, 0, 1, 29, 30, 31, 90]))
            return day if field.type == "datetime" else day.date()
        return {"float": draw.choice([0.0, 0.5, 3.0])}.get(field.type, self._text(field))

    def _text(self, field: Field) -> str:
        words = {
            "domain_id": ["Unit", "Condition", "Gender"], "concept_class_id": ["Ingredient", "Clinical Drug"],
            "standard_concept": ["S", "C"], "invalid_reason": ["D"],
        }  # fmt: skip
        return self._draw.choice(words.get(field.name, ["a", "b", "b ", "가"]))


@pytest.fixture
def warehouse() -> Iterator[DuckDBPyConnection]:
    """An empty database."""
    with duckdb.connect() as con:
        yield con


@needs_control
@pytest.mark.parametrize("seed", range(4))
def test_every_check_counts_what_its_definition_counts(warehouse: DuckDBPyConnection, seed: int) -> None:
    Broken(warehouse, seed)
    measured = measure(warehouse, CHECKS, NIGHT)
    found = {r.check.id: (r.violated, r.of, r.status) for r in judge(CHECKS, measured, WHOLE)}
    expected = {d.id: verdict(warehouse, d) for d in definitions(CONTROL, NIGHT.isoformat())}
    asked = {"passed", "failed"}
    wrong = {
        id_: (found[id_], said)
        for id_, said in expected.items()
        if found[id_][2] != said[2] or (said[2] in asked and found[id_] != said)
    }
    assert not dict(list(wrong.items())[:5])
    assert len({status for *_, status in found.values()}) > 2


@needs_control
def test_the_checks_are_those_of_the_control_files() -> None:
    expected = {d.id: d.threshold for d in definitions(CONTROL, NIGHT.isoformat())}
    assert {c.id: c.threshold for c in CHECKS} == expected
    assert len(CHECKS) == 2374
