"""Publishing into PostgreSQL: whole nights, nights of changes, and going back, beside the embedded warehouse."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import histories
import postgres_server
import psycopg
import pytest
import tiny
from sqlalchemy.engine import URL
from test_deltas import publish
from tiny import Tiny

from etl.cdm.spec import hospital_tables, tables
from etl.errors import InputError, TransientError, UsageError
from etl.mapping.consortium import cdm_source_row, read_consortium
from etl.night.opening import open_run
from etl.night.pipeline import STAGES, run_delivery, run_stage, stage_by_name
from etl.night.publish.difference import changes
from etl.night.publish.rollback import roll_back
from etl.night.publish.stage import publication_of
from etl.night.remember import begin, resume
from etl.night.run import Run
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.postgres.connect import connect, conninfo
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.analyze import analyze_parents
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.steps import Step, read_steps
from etl.store.warehouse.postgres.turns import SWAPPING, take

SECOND, THIRD = date(2026, 7, 2), date(2026, 7, 3)


def on(hospital: Tiny, url: URL) -> Tiny:
    """The same hospital, publishing into a PostgreSQL that has just been made a warehouse."""
    initialise(url, url)
    said = hospital.settings.model_copy(update={"warehouse_url": url.render_as_string(hide_password=False)})
    return Tiny(said, hospital.tables, hospital.drops)


@pytest.fixture
def shared(hospital: Tiny, database: URL) -> Tiny:
    return on(hospital, database)


def everything(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    return tiny.warehouse_rows(settings, tables())


def test_a_night_is_the_same_on_both_warehouses(tmp_path: Path, vocabulary: Path, shared: Tiny) -> None:
    embedded = tiny.make(tmp_path / "embedded", vocabulary)
    embedded.publish()
    shared.publish()
    assert everything(shared.settings) == everything(embedded.settings)
    assert sum(len(rows) for rows in tiny.warehouse_rows(shared.settings).values()) > 20


def history_on(hospital: Tiny, seed: int) -> list[tuple[str, dict[str, list[tuple[Any, ...]]]]]:
    """The nights of a random history one after the other: the run and what the warehouse held then."""
    histories.make_delta(hospital)
    seen = []
    for number, night in enumerate(histories.nights(seed, 4)):
        run_id = publish(hospital, histories.write(hospital.drops, number, night))
        seen.append((run_id, everything(hospital.settings)))
    return seen


@pytest.fixture(params=["embedded", "postgresql"])
def either(request: pytest.FixtureRequest, hospital: Tiny, database: URL) -> Tiny:
    """The tiny hospital on each warehouse, which keeps all its nights."""
    chosen = on(hospital, database) if request.param == "postgresql" else hospital
    kept = chosen.settings.model_copy(update={"keep_nights": 50})
    return Tiny(kept, chosen.tables, chosen.drops)


@pytest.mark.parametrize("seed", [3])
def test_any_history_is_the_same_on_both_warehouses(
    seed: int, tmp_path: Path, vocabulary: Path, shared: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)
    ours = history_on(shared, seed)
    theirs = history_on(tiny.make(tmp_path / "embedded", vocabulary), seed)
    for (run, rows), (_, expected) in zip(ours, theirs, strict=True):
        assert rows == expected, run
    kinds = {s.kind for s in steps_of(shared)}
    assert kinds == {"full", "changes"}


def steps_of(hospital: Tiny) -> list[Step]:
    with connect(hospital.settings.warehouse) as con:
        return read_steps(con, "tiny")


def test_every_kept_night_can_be_gone_back_to(either: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)
    seen = history_on(either, 23)  # a late night, and one that is delivered again
    # of a night that was delivered again both are kept
    kept = open_warehouse(either.settings).nights("tiny")
    assert [n.run_id for n in reversed(kept)] == [run_id for run_id, _ in seen]
    number = 5
    for (run_id, rows), night in zip(reversed(seen[:-1]), kept[1:], strict=True):
        open_warehouse(either.settings).rollback("tiny", number, night.step)
        there = everything(either.settings)
        for table in hospital_tables():
            assert there[table] == rows[table], (run_id, table)
        assert open_warehouse(either.settings).published("tiny").run_id == run_id


def test_analysts_find_of_which_night_a_hospital_is(either: Tiny) -> None:
    either.publish()
    either.publish(SECOND)
    asked = "select hospital, name_en, night, days_behind from hospital"
    dates = "select source_release_date, cdm_release_date from cdm_source"
    with open_warehouse(either.settings).reader() as con:
        assert con.execute(asked).fetchall() == [("tiny", "Tiny Hospital", SECOND, 0)]
        assert con.execute(dates).fetchall() == [(SECOND, SECOND)]


def test_after_going_back_the_night_can_be_published_again(either: Tiny) -> None:
    either.publish()
    first = everything(either.settings)
    either.tables["LAB.csv"][1][4] = "11.4"
    later = either.publish(SECOND)
    second = everything(either.settings)
    assert first != second
    done = roll_back(either.settings, "tiny", None, actor="officer", reason="a wrong unit")
    assert (done.target.night, [n.run_id for n in done.left]) == (tiny.NIGHT, [later])
    assert everything(either.settings) == first
    ledger = Ledger(either.settings.ledger_url)
    last = ledger.last_published("tiny")
    assert last is not None
    assert (last["night"], last["action"], last["actor"], last["reason"]) == (
        tiny.NIGHT, "rollback", "officer", "a wrong unit",
    )  # fmt: skip
    with pytest.raises(InputError, match="rolled back by officer: a wrong unit"):
        either.publish(SECOND)
    assert everything(either.settings) == first
    run_stage(resume(either.settings, later), stage_by_name("publish"))
    assert everything(either.settings) == second
    assert either.publish(SECOND) == later, "it is what is published again"


def test_one_can_go_back_over_a_night_of_changes_and_a_whole_one_at_once(either: Tiny) -> None:
    either.publish()
    first = everything(either.settings)
    either.tables["LAB.csv"][1][4] = "11.4"
    del either.tables["DIAG.csv"][3]
    either.publish(SECOND)
    run_delivery(either.settings, "tiny", either.deliver(THIRD), force=True)
    if either.settings.warehouse_url:
        assert [s.kind for s in steps_of(either)] == ["full", "changes", "full"]
    roll_back(either.settings, "tiny", tiny.NIGHT, actor="officer", reason=None)
    assert everything(either.settings) == first


def test_what_is_not_kept_is_said(either: Tiny) -> None:
    either.publish()
    with pytest.raises(UsageError, match="no earlier night"):
        roll_back(either.settings, "tiny", None, actor="officer", reason=None)
    with pytest.raises(UsageError, match=r"2026-07-03 of tiny is not kept; these are: 2026-07-01"):
        roll_back(either.settings, "tiny", THIRD, actor="officer", reason=None)


def test_only_so_many_nights_are_kept_and_nothing_else_stays_behind(shared: Tiny) -> None:
    settings = shared.settings.model_copy(update={"keep_nights": 2})
    hospital = Tiny(settings, shared.tables, shared.drops)
    for day in range(1, 5):
        hospital.tables["LAB.csv"][1][4] = f"1{day}.0"
        hospital.publish(date(2026, 7, day))
    assert [n.night for n in open_warehouse(settings).nights("tiny")] == [date(2026, 7, 4), date(2026, 7, 3)]
    with connect(settings.warehouse) as con:
        left = {name for (name,) in con.execute("select relname from pg_class where relname ~ '_h[0-9]+_s' "
                                                "and relkind = 'r'").fetchall()}  # fmt: skip
    oldest, newest = steps_of(hospital)[-2:]
    assert left == {*oldest.parts.values(), *newest.parts.values(), *newest.removed.values(), *newest.added.values()}


def test_a_dry_run_tells_what_would_change(either: Tiny) -> None:
    either.publish()
    either.tables["LAB.csv"][1][4] = "11.4"
    del either.tables["DIAG.csv"][3]
    run = either.through("land", "check_source", "merge", "map", "derive", folder=either.deliver(SECOND))
    before = everything(either.settings)
    with open_warehouse(either.settings).reader() as con:
        found = {c.table: c for c in changes(con, publication_of(run))}
    assert everything(either.settings) == before
    run_stage(run, stage_by_name("check_cdm"))
    run_stage(run, stage_by_name("publish"))
    after = everything(either.settings)
    for table, change in found.items():
        assert (change.before, change.after) == (len(before[table]), len(after[table])), table
        gone, come = set(before[table]) - set(after[table]), set(after[table]) - set(before[table])
        assert (change.removed + change.changed, change.added + change.changed) == (len(gone), len(come)), table
    assert found["condition_occurrence"].removed == 1
    assert found["measurement"].changed == 1


def test_without_duckdbs_extension_adbc_loads_the_same(
    shared: Tiny, tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = tiny.make(tmp_path / "embedded", vocabulary)
    embedded.publish()
    monkeypatch.setattr("etl.store.warehouse.postgres.bulk.has_extension", lambda _name: False)
    shared.publish()
    monkeypatch.undo()
    assert everything(shared.settings) == everything(embedded.settings)


def test_a_transaction_with_an_older_view_never_finds_the_hospital_empty(shared: Tiny, database: URL) -> None:
    """Who keeps one view of the database for several queries holds publishing back until done."""
    shared.publish()
    rows = len(everything(shared.settings)["measurement"])
    run = ready(shared)
    with psycopg.connect(postgres_server.libpq(database)) as con:
        con.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        con.execute("select count(*) from vocabulary.concept")  # takes the view, and no lock on any table of patients
        with ThreadPoolExecutor(1) as worker:
            publishing = worker.submit(publish_it, shared, run)
            time.sleep(1)
            assert not publishing.done()
            assert con.execute("select count(*) from cdm_read.measurement").fetchone() == (rows,)
            con.rollback()
            publishing.result(timeout=60)
    assert steps_of(shared)[-1].kind == "full"


def ready(hospital: Tiny) -> Run:
    """A second night of everybody that has passed its gates."""
    run = begin(hospital.settings, "tiny", hospital.deliver(SECOND), None, None, force=True)
    open_run(run)
    for stage in STAGES[:-1]:
        run_stage(run, stage)
    return run


def publish_it(hospital: Tiny, run: Run) -> None:
    """Publish with the settings of `hospital`."""
    source = cdm_source_row(read_consortium(hospital.settings.mappings), run.release, SECOND)
    open_warehouse(hospital.settings).publish(publication_of(run), source)


def test_readers_who_do_not_end_make_publishing_give_up_and_change_nothing(shared: Tiny, database: URL) -> None:
    shared.publish()
    before = everything(shared.settings)
    run = ready(shared)
    impatient = Tiny(shared.settings.model_copy(update={"publish_patience": 1.0}), shared.tables, shared.drops)
    with psycopg.connect(postgres_server.libpq(database)) as con:
        con.execute("select count(*) from cdm_read.measurement")  # and stays in its transaction
        with psycopg.connect(postgres_server.libpq(database)) as other:
            with pytest.raises(TransientError, match="gave no moment to publish in for 1 s"):
                publish_it(impatient, run)
            assert other.execute("select count(*) from cdm_read.measurement").fetchone() == (
                len(before["measurement"]),
            )
    assert everything(shared.settings) == before
    publish_it(shared, run)


def test_two_publishers_of_one_hospital_do_not_meet(shared: Tiny, database: URL) -> None:
    shared.publish()
    run = ready(shared)
    warehouse = open_warehouse(shared.settings)
    with warehouse._publishing(5), pytest.raises(TransientError, match="another publisher"):
        publish_it(shared, run)


def parents(url: URL, query: str) -> set[str]:
    with connect(url) as con:
        return {str(name) for (name,) in con.execute(query).fetchall()}


NEVER = "select relname from pg_class where relnamespace = 'cdm'::regnamespace and relkind = 'p' and reltuples < 0"
NAMED = (
    "select c.relname || '.' || a.attname from pg_statistic s join pg_class c on c.oid = s.starelid and s.stainherit "
    "join pg_attribute a on a.attrelid = c.oid and a.attnum = s.staattnum where a.attname = 'person_id'"
)


def test_parents_of_partitions_have_statistics_that_name_no_person(shared: Tiny, database: URL) -> None:
    assert parents(database, NEVER) >= set(hospital_tables())
    shared.publish()
    assert not parents(database, NEVER) & set(hospital_tables())
    with psycopg.connect(conninfo(database)) as con:  # as superuser
        gathered = con.execute("select count(*) from pg_statistic where stainherit").fetchone()
        assert gathered and gathered[0] > 100
        assert {name for (name,) in con.execute(NAMED).fetchall()} <= {"person.person_id"}  # its lowest and highest


def test_statistics_wait_for_no_reader_and_hold_up_no_publisher(shared: Tiny, database: URL) -> None:
    told: list[str] = []
    shared.publish()
    with connect(database) as reader, connect(database) as con, reader.transaction():
        reader.execute("select count(*) from cdm.measurement")  # its lock stays until the end
        analyze_parents(con, ["measurement"], 0, told.append)
        assert told == ["statistics gathered"]
        with connect(database) as other, other.transaction():
            take(other, SWAPPING, 0, "-")
            analyze_parents(con, ["measurement"], 0, told.append)
    assert "left to the next publication" in told[-1]
