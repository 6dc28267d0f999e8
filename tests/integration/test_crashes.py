"""Killed at every point that publishing tells of, and at random moments: on both warehouses, under readers' eyes."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import histories
import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
import tiny
from processes import Death, start
from sqlalchemy.engine import URL
from test_killed_runs import next_night
from tiny import Tiny

from etl.night.pipeline import run_delivery
from etl.settings import Settings
from etl.store.keys.fitting import file_of, misfit
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import meta
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.init import initialise

KILLS = int(os.environ.get("ETL_TEST_KILLS", "3"))
_ATTEMPTS = 8  # commands that may end before they are killed, for each that is
ALL_POINTS = "ETL_TEST_KILLS" in os.environ  # else of the tables that are loaded one after the other only three
WATCHED = ("person", "visit_occurrence", "condition_occurrence", "measurement", "observation_period")
Sight = tuple[tuple[Any, ...], ...]
_EMBEDDED = " union all ".join(f"select '{t}', count(*), bit_xor(hash(t)) from {t} t" for t in WATCHED)
_SERVER = " union all ".join(
    f"select '{t}', count(*), sum(hashtextextended(t::text, 0)) from cdm_read.{t} t" for t in WATCHED
)


@dataclass
class Reader:
    """Looks at the warehouse again and again; `seen` are the different states, in order."""

    look: Callable[[], Sight]
    seen: list[Sight] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    reads: int = 0
    slowest: float = 0.0

    def poll(self, stop: threading.Event) -> None:
        """Look until told to stop, and once more."""
        try:
            while not stop.is_set():
                self._once()
                stop.wait(0.05)
            self._once()
        except Exception as error:
            self.errors.append(repr(error))

    def _once(self) -> None:
        began = time.perf_counter()
        now = self.look()
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.reads += 1
        if not self.seen or self.seen[-1] != now:
            self.seen.append(now)


@contextmanager
def readers(settings: Settings) -> Iterator[list[Reader]]:
    """Those who query all the time: of the embedded warehouse one, of the server one statement and one transaction."""
    stop = threading.Event()
    with ExitStack() as stack:
        found = [Reader(look) for look in _looks(settings, stack)]
        threads = [threading.Thread(target=reader.poll, args=(stop,)) for reader in found]
        for thread in threads:
            thread.start()
        try:
            yield found
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _looks(settings: Settings, stack: ExitStack) -> list[Callable[[], Sight]]:
    if settings.warehouse_url is None:
        con = stack.enter_context(open_warehouse(settings).reader())
        return [lambda: tuple(sorted(con.execute(_EMBEDDED).fetchall()))]
    url = postgres_server.libpq(settings.warehouse)
    single = stack.enter_context(psycopg.connect(url, autocommit=True))
    several = stack.enter_context(psycopg.connect(url))
    several.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    def in_one_view() -> Sight:
        with several.transaction():
            parts = []
            for query in _SERVER.split(" union all "):
                parts += several.execute(query).fetchall()
                time.sleep(0.005)
        return tuple(sorted(parts))

    return [lambda: tuple(sorted(single.execute(_SERVER).fetchall())), in_one_view]


def sight(settings: Settings) -> list[Sight]:
    """What each kind of reader sees now."""
    with ExitStack() as stack:
        return [look() for look in _looks(settings, stack)]


@pytest.fixture(params=["embedded", "postgresql"])
def published(request: pytest.FixtureRequest, tmp_path: Path, vocabulary: Path, database: URL) -> Tiny:
    """The tiny hospital with its first night published, about to deliver the second."""
    hospital = tiny.make(tmp_path / "home", vocabulary)
    if request.param == "postgresql":
        initialise(database, database)
        url = database.render_as_string(hide_password=False)
        hospital.settings = hospital.settings.model_copy(update={"warehouse_url": url})
    hospital.publish()
    return hospital


@dataclass(frozen=True)
class Undisturbed:
    """What the second night leads to, how long it takes, and the points that publishing tells of."""

    rows: dict[str, list[tuple[Any, ...]]]
    points: list[str]
    seconds: float


def undisturbed(hospital: Tiny, *, force: bool) -> Undisturbed:
    """The second night without a disturbance, gone back from afterwards, as if it had never been."""
    points: list[str] = []
    began = time.perf_counter()
    run_delivery(
        hospital.settings, "tiny", next_night(hospital), force=force,
        progress=lambda stage, text: points.append(text) if stage == "publish" and text else None,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    rows = tiny.warehouse_rows(hospital.settings)
    kept = open_warehouse(hospital.settings).nights("tiny")
    open_warehouse(hospital.settings).rollback("tiny", 5, kept[1].step)
    forget(hospital, kept[0].run_id)
    return Undisturbed(rows, fatal(points), seconds)


def forget(hospital: Tiny, run_id: str) -> None:
    """Take what is recorded of a run out of the ledger."""
    with Ledger(hospital.settings.ledger_url).engine.begin() as con:
        for table in reversed(meta.sorted_tables):
            if "run_id" in table.c:
                con.execute(sa.delete(table).where(table.c.run_id == run_id))


def fatal(points: list[str]) -> list[str]:
    """The points to be killed at: loading a table is the same work for the first, one between and the last."""
    told = [p for p in points if not p.startswith("swapped in")]
    loading = [p for p in told if p.startswith("loading ")]
    skipped = set(loading) - {loading[n] for n in (0, len(loading) // 2, -1)} if loading and not ALL_POINTS else set()
    return [p for p in told if p not in skipped]


def assert_finished(hospital: Tiny, wanted: Undisturbed, before: list[Sight], watching: list[Reader]) -> None:
    """The night is there as if nothing had happened, and readers saw it or the one before at all times."""
    after = sight(hospital.settings)
    for reader, first, last in zip(watching, before, after, strict=True):
        assert reader.errors == []
        assert reader.seen == [first, last]
    assert tiny.warehouse_rows(hospital.settings) == wanted.rows
    last_run = Ledger(hospital.settings.ledger_url).last_published("tiny")
    assert last_run is not None
    assert last_run["run_id"] == open_warehouse(hospital.settings).published("tiny").run_id


@pytest.mark.parametrize("how", ["whole", "changes"])
def test_killed_at_every_point_of_publishing_the_next_run_finishes(how: str, published: Tiny, tmp_path: Path) -> None:
    force = how == "whole"
    wanted = undisturbed(published, force=force)
    assert len(wanted.points) >= 3
    folder = published.drops / "2026-07-02"
    arguments = ("run", "tiny", str(folder), *(["--force"] if force else []))
    before = sight(published.settings)
    with readers(published.settings) as watching:
        for number, point in enumerate(wanted.points):
            # a night that was published before its process was killed is found published by the next run
            there = not force and str(open_warehouse(published.settings).published("tiny").night) == "2026-07-02"
            command = start(published, *arguments, log=tmp_path / f"{number}.log", death=Death("publish", point=point))
            assert command.exit_code() == (0 if there else -signal.SIGKILL), (point, command.output)
        last = start(published, *arguments, log=tmp_path / "last.log")
        assert last.exit_code() == 0, last.output
    assert_finished(published, wanted, before, watching)


def test_killed_at_random_moments_the_next_run_finishes(published: Tiny, tmp_path: Path) -> None:
    wanted = undisturbed(published, force=True)
    arguments = ("run", "tiny", str(published.drops / "2026-07-02"), "--force")
    before, moments, killed = sight(published.settings), random.Random(20261124), 0
    with readers(published.settings) as watching:
        for number in range(_ATTEMPTS * KILLS):
            command = start(published, *arguments, log=tmp_path / f"{number}.log")
            time.sleep(moments.uniform(0, 1.2 * wanted.seconds))
            command.process.kill()
            killed += command.exit_code() == -signal.SIGKILL
            if killed == KILLS:
                break
        last = start(published, *arguments, log=tmp_path / "last.log")
        assert last.exit_code() == 0, last.output
    assert killed == KILLS
    reads, slowest = sum(r.reads for r in watching), max(r.slowest for r in watching)
    print(f"\n{killed} of {number + 1} runs killed; {reads:,} reads, the slowest {slowest * 1000:.0f} ms; no wrong one")
    assert_finished(published, wanted, before, watching)


@pytest.fixture(params=["embedded", "postgresql"])
def changing(request: pytest.FixtureRequest, tmp_path: Path, vocabulary: Path, database: URL) -> Tiny:
    """The tiny hospital as one that delivers changes and folds every second night."""
    hospital = tiny.make(tmp_path / "home", vocabulary)
    expectations = tmp_path / "expectations"
    (expectations / "source").mkdir(parents=True)
    (expectations / "cdm").symlink_to(tiny.DATA / "expectations" / "cdm")
    hospital.settings = hospital.settings.model_copy(update={"expectations": expectations})
    if request.param == "postgresql":
        initialise(database, database)
        url = database.render_as_string(hide_password=False)
        hospital.settings = hospital.settings.model_copy(update={"warehouse_url": url})
    histories.make_delta(hospital, fold_every=2)
    return hospital


def test_killed_while_merging_folding_going_back_cleaning_and_numbering_nothing_is_lost(
    changing: Tiny, tmp_path: Path
) -> None:
    """Readers see nights that were published, no other; in the end all is as if nothing had happened."""
    history = histories.nights(23, 3)[:5]
    folders = [histories.write(changing.drops, number, night) for number, night in enumerate(history)]
    states, began = [], time.perf_counter()
    for folder in folders:
        run_delivery(changing.settings, "tiny", folder)
        states.append(sight(changing.settings))
    seconds = (time.perf_counter() - began) / len(folders)
    wanted = tiny.warehouse_rows(changing.settings)
    commands = [
        ("run", "tiny", str(folders[-1]), "--force"),
        ("rollback", "tiny"),
        ("clean", "--hours", "0", "tiny"),
    ]
    moments, killed = random.Random(20261128), 0
    with readers(changing.settings) as watching:
        for number in range(_ATTEMPTS * KILLS):
            command = start(changing, *commands[number % len(commands)], log=tmp_path / f"{number}.log")
            time.sleep(moments.uniform(0, 1.2 * seconds))
            command.process.kill()
            killed += command.exit_code() == -signal.SIGKILL
            if killed == KILLS:
                break
        last = start(changing, *commands[0], log=tmp_path / "last.log")
        assert last.exit_code() == 0, last.output
    for position, reader in enumerate(watching):
        assert reader.errors == []
        assert set(reader.seen) <= {state[position] for state in states}
    assert tiny.warehouse_rows(changing.settings) == wanted
    assert misfit(file_of(changing.settings, "tiny"), open_warehouse(changing.settings).key_marks("tiny", 5)) is None
    assert killed == KILLS
    print(f"\n{killed} of {number + 1} commands killed; {sum(r.reads for r in watching):,} reads, no wrong one")


def test_killed_while_numbers_are_handed_out_nobody_s_number_is_given_again(hospital: Tiny, tmp_path: Path) -> None:
    hospital.publish()
    patients = hospital.tables["PAT.csv"]
    patients += [[str(80000 + n), *patients[1][1:]] for n in range(20_000)]
    folder, moments = hospital.deliver(tiny.NIGHT.replace(day=2)), random.Random(7)
    for number in range(KILLS):
        command = start(hospital, "run", "tiny", str(folder), log=tmp_path / f"{number}.log")
        store = file_of(hospital.settings, "tiny")
        grown = time.monotonic() + 20
        size = store.with_name("tiny.sqlite-wal")
        while time.monotonic() < grown and not (size.exists() and size.stat().st_size > 50_000):
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.4))
        command.process.kill()
        command.exit_code()
    assert start(hospital, "run", "tiny", str(folder), log=tmp_path / "last.log").exit_code() == 0
    persons = [row[0] for row in tiny.warehouse_rows(hospital.settings, ["person"])["person"]]
    assert len(set(persons)) == len(persons) == len(patients) - 1
