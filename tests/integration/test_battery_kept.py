"""What the battery measured is kept with the nights, and says of each what it said then."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from duckdb import DuckDBPyConnection
from test_battery import CHECKS, NIGHT, Broken

from etl.quality.battery.judge import judge
from etl.quality.battery.kept import Published, history, is_kept, keep, keep_failure, load
from etl.quality.battery.measure import Measured, measure
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tracking import BATTERY_FIGURE, LOOK


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


@pytest.fixture
def warehouse() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect() as con:
        Broken(con, 1, whole=True)
        yield con


def published(night: date, publication: int, run_id: str | None = None) -> Published:
    return Published("tiny", 2, night, run_id or f"tiny-{night}", publication)


def change(con: DuckDBPyConnection, draw: random.Random) -> None:
    """Another night: a few rows are gone, some lose what they said, a table grows."""
    table = draw.choice(["condition_occurrence", "measurement", "person", "visit_occurrence", "death"])
    key = {"person": "year_of_birth", "death": "person_id"}.get(
        table, f"{table.removesuffix('_occurrence')}_type_concept_id"
    )
    con.execute(f"insert into {table} from {table} limit {draw.randrange(3)}")
    con.execute(f"update {table} set {key} = {key} + {draw.randrange(2)}")


def verdicts(measured: Measured, number: int = 2) -> list[object]:
    return [(r.check.id, r.violated, r.of, r.status, r.reason, r.threshold) for r in judge(CHECKS, measured, number)]


def test_a_kept_night_is_judged_as_a_fresh_measurement_and_under_another_threshold_too(
    warehouse: DuckDBPyConnection, ledger: Ledger
) -> None:
    draw, fresh = random.Random(1), {}
    for n in range(5):
        night = NIGHT + timedelta(days=n)
        measured = measure(warehouse, CHECKS, night)
        keep(ledger, measured, published(night, n), CHECKS, "basis")
        fresh[night] = measured
        change(warehouse, draw)
    looks = history(ledger, "tiny")
    assert [look["night"] for look in looks] == sorted(fresh, reverse=True)
    lenient = [replace(c, threshold=60.0) for c in CHECKS]
    for look in looks:
        kept, now = load(ledger, look, CHECKS), fresh[look["night"]]
        assert verdicts(kept) == verdicts(now)
        assert [r.status for r in judge(lenient, kept, 2)] == [r.status for r in judge(lenient, now, 2)]
    assert verdicts(load(ledger, looks[0], CHECKS)) != verdicts(load(ledger, looks[-1], CHECKS))


def test_a_night_measured_again_is_there_once_and_the_nights_after_it_stay_as_they_were(
    warehouse: DuckDBPyConnection, ledger: Ledger
) -> None:
    draw, expected = random.Random(2), {}
    for n in range(4):
        night = NIGHT + timedelta(days=n)
        measured = measure(warehouse, CHECKS, night)
        keep(ledger, measured, published(night, n), CHECKS, "basis")
        expected[night] = verdicts(measured)
        change(warehouse, draw)
    again = NIGHT + timedelta(days=1)
    measured = measure(warehouse, CHECKS, again)
    keep(ledger, measured, published(again, 9), CHECKS, "basis")
    expected[again] = verdicts(measured)
    found = {look["night"]: verdicts(load(ledger, look, CHECKS)) for look in history(ledger, "tiny")}
    assert found == expected
    assert is_kept(ledger, published(again, 9))
    assert not is_kept(ledger, published(again, 1))


def test_a_night_that_changes_nothing_costs_one_row(warehouse: DuckDBPyConnection, ledger: Ledger) -> None:
    def rows() -> list[int]:
        counts = (sa.select(sa.func.count()).select_from(table) for table in (BATTERY_FIGURE, LOOK))
        return [next(iter(ledger.read(query)[0].values())) for query in counts]

    measured = measure(warehouse, CHECKS, NIGHT)
    keep(ledger, measured, published(NIGHT, 1), CHECKS, "basis")
    figures, looks = rows()
    keep(ledger, measured, published(NIGHT + timedelta(days=1), 2), CHECKS, "basis")
    assert rows() == [figures, looks + 1]


def test_a_night_that_could_not_be_measured_is_told_and_made_up_for(
    warehouse: DuckDBPyConnection, ledger: Ledger
) -> None:
    night = published(NIGHT, 1)
    keep_failure(ledger, night, "the disk was full")
    assert [look["error"] for look in history(ledger)] == ["the disk was full"]
    assert not is_kept(ledger, night)
    keep(ledger, measure(warehouse, CHECKS, NIGHT), night, CHECKS, "basis")
    assert [look["error"] for look in history(ledger)] == [None]
