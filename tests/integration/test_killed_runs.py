"""A run that is killed anywhere: the next one finishes, nobody ever sees half a night, nothing differs in the end."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tiny
from duckdb import DuckDBPyConnection
from processes import END, START, Death, start
from tiny import Tiny

from etl.night.pipeline import STAGES
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse

SECOND = date(2026, 7, 2)
FILLED = ("person", "visit_occurrence", "condition_occurrence", "measurement", "observation_period")
_COUNTS = " union all ".join(
    f"select '{t}' as name, count(*) as n, bit_xor(hash(t)) as digest from {t} t" for t in FILLED
)
Snapshot = tuple[tuple[Any, ...], ...]


def snapshot(con: DuckDBPyConnection) -> Snapshot:
    """Rows and a checksum of tables that both nights fill, all read by one query."""
    return tuple(con.execute(f"select * from ({_COUNTS}) order by name").fetchall())


def published(settings: Settings) -> Snapshot:
    """The snapshot that a new reader gets."""
    with open_warehouse(settings).reader() as con:
        return snapshot(con)


@dataclass
class Watch:
    """What a reader saw who never stopped looking."""

    seen: list[Snapshot] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


@contextmanager
def reader(settings: Settings) -> Iterator[Watch]:
    """Polls the warehouse until the end of the block."""
    watch, stop = Watch(), threading.Event()

    def look(con: DuckDBPyConnection) -> None:
        now = snapshot(con)
        if not watch.seen or watch.seen[-1] != now:
            watch.seen.append(now)

    def poll() -> None:
        try:
            with open_warehouse(settings).reader() as con:
                while not stop.wait(0.05):
                    look(con)
            with open_warehouse(settings).reader() as con:
                look(con)
        except BaseException as error:
            watch.errors.append(error)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


def next_night(hospital: Tiny) -> Path:
    """The delivery of the second night: a new patient, a corrected result, a diagnosis that was withdrawn."""
    hospital.tables["PAT.csv"].append(["70007", "조초코토", "801212-1000070", "010-0000-7007", "M", "1980-12-12", ""])
    hospital.tables["LAB.csv"].append(["70007", "", "L001", "2026-07-01 08:00", "14.0", "g/dL"])
    hospital.tables["LAB.csv"][1][4] = "11.4"
    del hospital.tables["DIAG.csv"][3]
    return hospital.deliver(SECOND)


@dataclass(frozen=True)
class Undisturbed:
    """Two nights that nobody disturbed."""

    first: Snapshot
    second: Snapshot
    rows: dict[str, list[tuple[Any, ...]]]
    calls: dict[str, int]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    hospital = tiny.make(folder / "home", vocabulary)
    hospital.publish()
    first = published(hospital.settings)
    command = start(hospital, "run", "tiny", str(next_night(hospital)), log=folder / "log")
    assert command.exit_code() == 0, command.output
    rows = tiny.warehouse_rows(hospital.settings)
    return Undisturbed(first, published(hospital.settings), rows, command.calls_by_stage)


def assert_second_night(hospital: Tiny, undisturbed: Undisturbed, watch: Watch) -> None:
    """The second night is there as if nothing had happened, and the reader saw one night or the other at all times."""
    settings = hospital.settings
    assert watch.errors == []
    assert watch.seen == [undisturbed.first, undisturbed.second]
    assert tiny.warehouse_rows(settings) == undisturbed.rows
    last = Ledger(settings.ledger_url).last_published("tiny")
    assert last is not None
    assert last["night"] == SECOND
    assert list(settings.lake.rglob(".*")) == []  # no half-written folder
    assert list((settings.home / "runs").glob(".*")) == []


def test_killed_at_start_middle_and_end_of_every_stage_the_next_run_finishes(
    hospital: Tiny, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    hospital.publish()
    arguments = ("run", "tiny", str(next_night(hospital)))
    with reader(hospital.settings) as watch:
        for stage in (s.name for s in STAGES):
            for share in (START, 0.5, END):
                death = Death(stage, share, undisturbed.calls[stage])
                command = start(hospital, *arguments, log=tmp_path / f"{stage}-{share}.log", death=death)
                assert command.exit_code() == -signal.SIGKILL, (stage, share, command.output)
        last = start(hospital, *arguments, log=tmp_path / "last.log")
        assert last.exit_code() == 0, last.output
    assert_second_night(hospital, undisturbed, watch)


def test_killed_again_and_again_while_publishing_the_next_run_finishes(
    hospital: Tiny, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    hospital.publish()
    arguments = ("run", "tiny", str(next_night(hospital)))
    with reader(hospital.settings) as watch:
        codes = []
        for share in (0.2, 0.4, 0.6, 0.8, 0.95):
            death = Death("publish", share, undisturbed.calls["publish"])
            command = start(hospital, *arguments, log=tmp_path / f"{share}.log", death=death)
            codes.append(command.exit_code())
        # once a killed run had come as far as the commit, the next one finds the night published
        assert codes == sorted(codes)
        assert codes.count(-signal.SIGKILL) >= 3
        assert set(codes) <= {-signal.SIGKILL, 0}
        last = start(hospital, *arguments, log=tmp_path / "last.log")
        assert last.exit_code() == 0, last.output
    assert_second_night(hospital, undisturbed, watch)


def test_killed_at_any_moment_the_next_run_finishes(hospital: Tiny, undisturbed: Undisturbed, tmp_path: Path) -> None:
    hospital.publish()
    arguments = ("run", "tiny", str(next_night(hospital)), "--force")
    moments = random.Random(20260702)
    killed = 0
    with reader(hospital.settings) as watch:
        for attempt in range(4):
            command = start(hospital, *arguments, log=tmp_path / f"{attempt}.log")
            time.sleep(moments.uniform(0.1, 1.4))
            command.process.kill()
            killed += command.exit_code() == -signal.SIGKILL
        last = start(hospital, *arguments, log=tmp_path / "last.log")
        assert last.exit_code() == 0, last.output
    assert killed > 0
    assert_second_night(hospital, undisturbed, watch)


def test_killed_in_the_very_first_publish_the_next_run_finishes(
    hospital: Tiny, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    arguments = ("run", "tiny", str(hospital.deliver()))
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        death = Death("publish", share, undisturbed.calls["publish"])
        command = start(hospital, *arguments, log=tmp_path / f"{share}.log", death=death)
        assert command.exit_code() == -signal.SIGKILL, command.output
    last = start(hospital, *arguments, log=tmp_path / "last.log")
    assert last.exit_code() == 0, last.output
    assert published(hospital.settings) == undisturbed.first
