"""Every check of ours holds on a clean warehouse, and finds what is planted for it, in that hospital alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import tiny
from duckdb import DuckDBPyConnection
from own_checks import FOLDER, clean, fault, faults, written
from tiny import Tiny

from etl.errors import ConfigError
from etl.quality.battery.battery import load_battery
from etl.quality.battery.judge import judge
from etl.quality.battery.listed import rows_sql
from etl.quality.battery.measure import measure
from etl.quality.battery.overrides import Override
from etl.quality.battery.own.load import load_own
from etl.settings import PROJECT
from etl.store.warehouse.open import open_warehouse

NIGHT = date(2026, 6, 30)
CHECKS = {check.id: check for check in load_own(FOLDER)}


@pytest.fixture(scope="module")
def warehouse() -> Iterator[DuckDBPyConnection]:
    """The clean warehouse; who plants a fault takes it out again."""
    with clean() as con:
        yield con


def test_each_check_has_a_fault_and_each_fault_a_check() -> None:
    assert set(written()) == set(CHECKS)
    assert {names["check"] for names in written().values()} == set(faults())


def test_on_a_clean_warehouse_every_check_is_asked_and_holds(warehouse: DuckDBPyConnection) -> None:
    measured = measure(warehouse, list(CHECKS.values()), NIGHT)
    assert measured.hospitals == [1, 2, 3, 4]
    found = {r.check.id: (r.status, r.violated, r.reason) for r in judge(CHECKS.values(), measured, 0)}
    assert {name: said for name, said in found.items() if said != ("passed", 0, "")} == {}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_check_finds_what_is_planted_for_it(warehouse: DuckDBPyConnection, name: str) -> None:
    plant, said = fault(name)
    warehouse.execute("begin")
    try:
        planted = (warehouse.execute(plant).fetchone() or (0,))[0]
        measured = measure(warehouse, [CHECKS[name]], NIGHT)
        where = said.get("hospital", 1)
        rows = rows_sql(CHECKS[name], where, NIGHT.isoformat())
        listed = len(warehouse.execute(rows).fetchall()) if rows and where else None
    finally:
        warehouse.execute("rollback")
    (found,) = judge([CHECKS[name]], measured, where)
    expected = {"planted": planted, "2 * planted": 2 * planted}.get(said["violated"], said["violated"])
    assert (found.violated, found.status) == (expected, "failed")
    assert listed in (None, found.violated) or name.startswith("duplicate_")  # of which a line stands for several rows
    assert "reason" not in said or found.reason == said["reason"]
    for other in {1, 2, 3, 4} - {where}:
        assert all(r.violated == 0 for r in judge([CHECKS[name]], measured, other))


def test_an_override_counts_for_a_check_of_ours(warehouse: DuckDBPyConnection) -> None:
    plant, _ = fault("convention_11_sex_and_ethnicity")
    check = CHECKS["convention_11_sex_and_ethnicity"]
    warehouse.execute("begin")
    try:
        warehouse.execute(plant)
        measured = measure(warehouse, [check], NIGHT)
    finally:
        warehouse.execute("rollback")
    override = Override(check=check.id, threshold=1, reason="one person moved here", until=NIGHT)
    assert [judge([check], measured, 1, by)[0].status for by in ({}, {check.id: override})] == ["failed", "passed"]


def test_of_two_deaths_one_stands_beside_a_row(warehouse: DuckDBPyConnection) -> None:
    check = CHECKS["time_after_death_measurement"]
    warehouse.execute("begin")
    try:
        warehouse.execute(fault(check.id)[0])
        warehouse.execute("insert into death select * from death")
        measured = measure(warehouse, [check], NIGHT)
    finally:
        warehouse.execute("rollback")
    (found,) = judge([check], measured, 1)
    assert (found.violated, found.of) == (1, 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("drop table death", "the table death, which it asks, is missing"),
        ("alter table death drop death_date", "the field death.death_date, which it asks, is missing"),
        ("delete from death", "there is no row that it is asked of"),
        ("delete from measurement", "the table measurement is empty"),
    ],
)
def test_what_cannot_be_asked_is_said(warehouse: DuckDBPyConnection, change: str, reason: str) -> None:
    check = CHECKS["time_after_death_measurement"]
    warehouse.execute("begin")
    try:
        warehouse.execute(change)
        measured = measure(warehouse, [check], NIGHT)
    finally:
        warehouse.execute("rollback")
    (found,) = judge([check], measured, 0)
    assert (found.status, found.reason) == ("notApplicable", reason)


def test_a_name_of_the_dashboard_is_taken(tmp_path: Path) -> None:
    (tmp_path / "dqd").symlink_to(PROJECT / "expectations" / "dqd")
    (tmp_path / "checks").mkdir()
    text = (FOLDER / "mapping.yaml").read_text(encoding="utf-8")
    name = "table_cdmtable_{table}"
    text = text[: text.index("- check: mapping_all_of")].replace("mapping_share_of_concept_0_{table}", name)
    (tmp_path / "checks" / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"^mine\.yaml:2: the dashboard has a check 'table_cdmtable_condition_occurrence'"
    ):
        load_battery(tmp_path)


def test_every_check_is_answered_on_either_warehouse(either: Tiny) -> None:
    either.publish()
    with open_warehouse(either.settings).reader() as con:
        measured = measure(con, list(CHECKS.values()), tiny.NIGHT)
    assert measured.failed == {}
    assert {r.status for r in judge(CHECKS.values(), measured, 0)} <= {"passed", "failed", "notApplicable"}
    assert len(measured.of) > 50


def test_the_battery_is_the_dashboard_s_checks_and_ours() -> None:
    checks = load_battery(PROJECT / "expectations")
    assert len([c for c in checks if not c.own]) == 2374
    assert len({c.id for c in checks}) == len(checks)
    assert [c.id for c in checks if c.own and not (c.own.cause.ko and c.sentence("ko"))] == []
