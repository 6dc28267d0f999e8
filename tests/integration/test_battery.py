"""The battery gives the figures and verdicts of every check's own definition, whatever the warehouse holds."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import tiny
from duckdb import DuckDBPyConnection
from quality_definitions import CONTROL, unlike
from tiny import Tiny
from typer import testing

from etl.cdm.spec import Field, Table, tables
from etl.cli import app
from etl.quality.battery.checks import load_checks
from etl.quality.battery.dashboard import as_dashboard
from etl.quality.battery.judge import Result, judge
from etl.quality.battery.measure import measure
from etl.quality.battery.overrides import Override
from etl.quality.battery.statement import WHOLE
from etl.quality.battery.summary import CATEGORIES
from etl.settings import PROJECT

FOLDER = PROJECT / "expectations" / "dqd"
NIGHT = date(2026, 6, 30)
CHECKS = load_checks(FOLDER)
# whether a table is there, and what is in the vocabulary, is the warehouse's and no hospital's
ASKED = [c for c in CHECKS if tables()[c.table].owner]
needs_control = pytest.mark.skipif(not CONTROL.exists(), reason=f"no control files in {CONTROL}; set ETL_TEST_DATA")


def of_hospital(table: Table, number: int) -> str:
    """SQL that keeps a hospital's rows of a table; of one whose rows belong to nobody all."""
    return f" where ({table.owner}) >> 24 = {number}" if table.owner else ""


def answers(results: Iterable[Result]) -> list[tuple[str, int, int, str]]:
    """What was found; of what was not asked only that."""
    asked = ("passed", "failed")
    return [(r.check.id, *((r.violated, r.of) if r.status in asked else (0, 0)), r.status) for r in results]


class Broken:
    """A small warehouse without constraints in which little is right, drawn from a seed.

    `whole`: no table and no id is missing, and no row refers to another hospital's.
    """

    def __init__(self, con: DuckDBPyConnection, seed: int, *, whole: bool = False) -> None:
        self._draw = random.Random(seed)
        self._con = con
        self._whole = whole
        self._concepts = list(dict.fromkeys(c for check in CHECKS for c in check.concepts))
        self._people = self._every = [h << 24 | n for h in (1, 2) for n in range(1, 5)]
        for name, table in tables().items():
            needed = whole or name in ("person", "concept", "concept_ancestor", "death")
            if needed or self._draw.random() > 0.04:
                self._table(name, [f for f in table.fields if whole or self._draw.random() > 0.01 or f.is_id])

    def _table(self, name: str, fields: list[Field]) -> None:
        columns = ", ".join(f'"{f.name}" {self._type(f)}' for f in fields)
        self._con.execute(f"create table {name} ({columns})")
        empty = {
            f.name for f in fields if self._draw.random() < 0.1 and not (f.primary_key or (self._whole and f.is_id))
        }
        rows = 40 if self._whole else self._draw.choice([0, 3, 12, 40])
        rows = 60 if tables()[name].schema == "vocab" else rows
        for i in range(rows):
            if self._whole:
                hospital = self._draw.choice([1, 2])
                self._people = [p for p in self._every if p >> 24 == hospital]
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
        if draw.random() < 0.1 and not (self._whole and field.is_id):
            return None
        if field.name in ("person_id", "subject_id", "provider_id", "care_site_id", "location_id", "metadata_id"):
            return draw.choice(self._people)
        if table == "concept" and field.name == "concept_id":
            return [0, 8507, 8532, 8554, *self._concepts][i]
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
@pytest.mark.parametrize("seed", range(3))
def test_every_check_counts_what_its_definition_counts(warehouse: DuckDBPyConnection, seed: int) -> None:
    Broken(warehouse, seed)
    measured = measure(warehouse, CHECKS, NIGHT)
    found = {r.check.id: (r.violated, r.of, r.status) for r in judge(CHECKS, measured, WHOLE)}
    assert not unlike(warehouse, found, NIGHT.isoformat())
    assert {"passed", "failed", "notApplicable"} <= {status for *_, status in found.values()}


@needs_control
def test_a_hospital_s_figures_are_those_of_its_rows_alone(warehouse: DuckDBPyConnection) -> None:
    Broken(warehouse, 1, whole=True)
    measured = measure(warehouse, CHECKS, NIGHT)
    assert measured.hospitals == [1, 2]
    with duckdb.connect() as alone:
        for name, table in tables().items():
            alone.register("theirs", warehouse.execute(f"from {name}{of_hospital(table, 2)}").to_arrow_table())
            alone.execute(f"create table {name} as from theirs")
        own = measure(alone, CHECKS, NIGHT)
        assert answers(judge(ASKED, measured, 2)) == answers(judge(ASKED, own, 2))


def test_thresholds_change_without_measuring_again_and_an_override_ends_by_itself(
    warehouse: DuckDBPyConnection,
) -> None:
    warehouse.execute("create table death as select 16777217 as person_id, 0 as death_type_concept_id from range(4)")
    (check,) = [c for c in CHECKS if c.id == "field_standardconceptrecordcompleteness_death_death_type_concept_id"]
    for until, status in (NIGHT, "passed"), (NIGHT - timedelta(days=1), "failed"):
        measured = measure(warehouse, [check], NIGHT)
        override = Override(check=check.id, threshold=100, reason="types are told next year", until=until)
        (result,) = judge([check], measured, WHOLE, {check.id: override})
        assert (result.violated, result.of, result.status) == (4, 4, status)


def test_of_an_empty_database_nothing_is_there(warehouse: DuckDBPyConnection) -> None:
    results = judge(CHECKS, measure(warehouse, CHECKS, NIGHT), WHOLE)
    assert {r.status for r in results} == {"failed", "notApplicable"}
    assert {r.check.type.name for r in results if r.status == "failed"} == {"cdmTable", "cdmField"}


def test_the_dashboard_s_own_document(warehouse: DuckDBPyConnection) -> None:
    Broken(warehouse, 3)
    measured = measure(warehouse, CHECKS, NIGHT)
    said = as_dashboard(judge(CHECKS, measured, WHOLE), measured, {"cdmSourceName": "Test"})
    assert list(said) == [
        "startTimestamp", "endTimestamp", "executionTime", "executionTimeSeconds", "CheckResults", "Metadata",
        "Overview",
    ]  # fmt: skip
    overview = {name: n for name, (n,) in said["Overview"].items()}
    assert overview["countTotal"] == len(said["CheckResults"]) == 2374
    assert overview["countPassed"] + overview["countOverallFailed"] == 2374
    assert sum(overview[f"countFailed{c}"] for c in CATEGORIES) == sum(r["failed"] for r in said["CheckResults"])
    row = next(r for r in said["CheckResults"] if r["checkId"] == "field_isrequired_person_person_id")
    answer = warehouse.execute(row["queryText"]).fetchall()
    assert row["numDenominatorRows"] == sum(n for _, n, *_ in answer)
    json.dumps(said)


def test_the_command_tells_of_one_hospital_and_names_what_it_cannot_do(hospital: Tiny, tmp_path: Path) -> None:
    def etl(*words: str) -> testing.Result:
        env = {"ETL_HOME": str(hospital.settings.home), "ETL_MAPPINGS": str(hospital.settings.mappings)}
        return testing.CliRunner().invoke(app, ["battery", *words], env=env)

    assert etl().exit_code == 4  # there is no warehouse yet
    hospital.publish()
    results = json.loads(etl("tiny", "--json").stdout)
    assert len([r for r in results if not r["ours"]]) == 2374
    assert len([r for r in results if r["ours"]]) > 100
    assert {r["status"] for r in results} == {"passed", "failed", "notApplicable"}
    assert not [r for r in results if r["severity"] == "fatal" and r["status"] == "failed"]
    shown = etl("tiny").stdout
    assert shown.startswith(f"tiny, as on {tiny.NIGHT}: ")
    assert "error-free: " in shown
    assert etl("tiny", "--dashboard", str(tmp_path / "results.json")).exit_code == 0
    assert len(json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["CheckResults"]) == 2374
    told = json.loads(etl("tiny", "--explain", "time_one_day_holds_a_year", "--json").stdout)
    assert {"says", "cause", "threshold", "written in", "sql"} <= set(told)
    assert etl("--explain", "field_isrequired_person_person_id").stdout.startswith("check\n")
    unknown = etl("--explain", "time_one_day_hold_a_year")
    assert (unknown.exit_code, "did you mean 'time_one_day_holds_a_year'" in unknown.stderr) == (2, True)
    unknown = etl("tinny")
    assert (unknown.exit_code, "did you mean 'tiny'" in unknown.stderr) == (4, True)
