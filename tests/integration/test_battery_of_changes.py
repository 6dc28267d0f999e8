"""After a night of changes the battery asks about who changed, and tells what it would tell of everybody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import histories
import psycopg
import pytest
import tiny
from postgres_server import libpq
from sqlalchemy.engine import URL
from test_deltas import publish
from tiny import Tiny

from etl.quality.battery import nights
from etl.quality.battery.battery import load_battery
from etl.quality.battery.changed import DoesNotAddUp
from etl.quality.battery.judge import judge
from etl.quality.battery.kept import history, load
from etl.quality.battery.lake import read_from_lake
from etl.quality.battery.measure import Measured, measure
from etl.quality.battery.nights import measure_nights
from etl.quality.battery.parted import is_by_person
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.roles import make_login

CHECKS = load_battery(PROJECT / "expectations")
NUMBER = 2  # of the tiny hospital


def delivering_changes(home: Path, vocabulary: Path, expectations: Path) -> Tiny:
    for name in ("dqd", "checks"):
        (expectations / name).parent.mkdir(exist_ok=True)
        (expectations / name).symlink_to(PROJECT / "expectations" / name)
    hospital = tiny.make(home, vocabulary, expectations=expectations)
    histories.make_delta(hospital, 2)
    return hospital


@pytest.fixture
def changing(tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)  # few as its patients are, a night never maps all of them
    return delivering_changes(tmp_path / "home", vocabulary, tmp_path / "expectations")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was measured: `changes` or `everything`, in this order."""
    told: list[str] = []

    def changed(*given: object) -> Measured:
        found = nights_measure_changed(*given)  # type: ignore[arg-type]
        told.append("changes")
        return found

    def everything(*given: object) -> Measured:
        told.append("everything")
        return measure(*given)  # type: ignore[arg-type]

    nights_measure_changed = nights.measure_changed
    monkeypatch.setattr(nights, "measure_changed", changed)
    monkeypatch.setattr(nights, "measure", everything)
    return told


def told_and_counted(hospital: Tiny) -> Iterator[tuple[object, object]]:
    """By check what is kept of the newest night, and what a look at the whole warehouse tells."""
    ledger = Ledger(hospital.settings.ledger_url)
    newest = history(ledger, "tiny")[0]
    kept = load(ledger, newest, CHECKS)
    with open_warehouse(hospital.settings).reader() as con:
        fresh = measure(con, CHECKS, newest["night"])
    for one, other in zip(judge(CHECKS, kept, NUMBER), judge(CHECKS, fresh, NUMBER), strict=True):
        yield tuple((r.check.id, r.violated, r.of, r.status, r.reason) for r in (one, other))


def check_history(hospital: Tiny, seed: int) -> None:
    for number, night in enumerate(histories.many_nights(seed, 12, 4)):
        publish(hospital, histories.write(hospital.drops, number, night))
        assert measure_nights(hospital.settings, Ledger(hospital.settings.ledger_url)) == []
        for kept, fresh in told_and_counted(hospital):
            assert kept == fresh


def test_what_is_kept_after_nights_of_changes_is_what_the_warehouse_tells(changing: Tiny, asked: list[str]) -> None:
    check_history(changing, 0)
    assert asked == ["everything", "changes", "changes", "changes"]


def test_it_is_so_on_postgresql(changing: Tiny, asked: list[str], database: URL) -> None:
    initialise(database, database)
    url = database.render_as_string(hide_password=False)
    changing.settings = changing.settings.model_copy(update={"warehouse_url": url})
    check_history(changing, 7)
    assert "changes" in asked


def test_a_server_is_read_where_a_night_does_not_lie_in_the_lake(changing: Tiny, database: URL) -> None:
    initialise(database, database)
    url = database.render_as_string(hide_password=False)
    changing.settings = changing.settings.model_copy(update={"warehouse_url": url})
    publish(changing, histories.write(changing.drops, 0, histories.many_nights(0, 12, 1)[0]))
    warehouse = open_warehouse(changing.settings)
    places = []
    for gone in (False, True):
        if gone:
            shutil.rmtree(changing.settings.lake)
        with warehouse.reader() as con:
            assert read_from_lake(changing.settings, warehouse, con) is not gone
            places.append(con.execute("select count(*), sum(person_id) from condition_occurrence").fetchone())
    assert places[0] == places[1]


def test_an_analyst_beside_the_lake_sees_what_the_server_lets_it_see(changing: Tiny, database: URL) -> None:
    initialise(database, database)
    url = database.render_as_string(hide_password=False)
    changing.settings = changing.settings.model_copy(update={"warehouse_url": url})
    publish(changing, histories.write(changing.drops, 0, histories.many_nights(0, 12, 1)[0]))
    name = f"analyst_{uuid4().hex[:8]}"
    make_login(database, name, "analyst", "a secret of tests")
    try:
        own = database.set(username=name, password="a secret of tests").render_as_string(hide_password=False)
        settings = changing.settings.model_copy(update={"warehouse_url": own})
        warehouse = open_warehouse(settings)
        with warehouse.reader() as con:
            assert not read_from_lake(settings, warehouse, con)
            assert con.execute("select count(*) from person").fetchone() == (0,), "it is cleared for nobody"
    finally:
        with psycopg.connect(libpq(database), autocommit=True) as con:
            con.execute(f'drop owned by "{name}"; drop role "{name}"')


def two_nights(hospital: Tiny, after_the_first: object = None) -> None:
    for number, night in enumerate(histories.many_nights(0, 12, 2)):
        publish(hospital, histories.write(hospital.drops, number, night))
        assert measure_nights(hospital.settings, Ledger(hospital.settings.ledger_url)) == []
        if number == 0 and callable(after_the_first):
            after_the_first()


def test_everything_is_measured_where_the_night_before_was_asked_something_else(
    changing: Tiny, asked: list[str], tmp_path: Path
) -> None:
    own = changing.settings.expectations / "checks"

    def another_check() -> None:
        own.unlink()
        own.mkdir()
        for file in (PROJECT / "expectations" / "checks").iterdir():
            text = file.read_text(encoding="utf-8")
            (own / file.name).write_text(text.replace("> d.death_date + 1", "> d.death_date + 2"), encoding="utf-8")

    two_nights(changing, another_check)
    assert asked == ["everything", "everything"]


def test_everything_is_measured_where_figures_would_not_add_up(
    changing: Tiny, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> Measured:
        raise DoesNotAddUp

    monkeypatch.setattr(nights, "measure_changed", wrong)
    two_nights(changing)
    assert asked == ["everything", "everything"]
    assert all(kept == fresh for kept, fresh in told_and_counted(changing))


def test_most_checks_are_told_by_persons() -> None:
    mine = [check for check in CHECKS if is_by_person(check)]
    assert len(mine) > 0.6 * len(CHECKS)
    assert not any(check.argument == "tomorrow" or check.type.name == "sourceValueCompleteness" for check in mine)
