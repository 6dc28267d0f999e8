"""The eight hospitals of the consortium as a published warehouse, and in PostgreSQL, for tests that only read it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import histories
import postgres_server
import psycopg
import pytest
import tiny
from pydantic import SecretStr
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL
from tiny import Tiny

from etl.cdm.spec import tables
from etl.night.pipeline import run_delivery
from etl.sample.generate import write_exports
from etl.settings import Settings
from etl.store.postgres.connect import attach
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.schema import create_statements

CONSORTIUM_NIGHT = date(2026, 11, 20)


@pytest.fixture(params=["embedded", "postgresql"])
def either(request: pytest.FixtureRequest, hospital: Tiny, database: URL) -> Tiny:
    """The tiny hospital on each warehouse."""
    if request.param == "postgresql":
        initialise(database, database)
        hospital.settings = hospital.settings.model_copy(
            update={"warehouse_url": database.render_as_string(hide_password=False)}
        )
    return hospital


@pytest.fixture(params=["embedded", "encrypted", "postgresql"])
def every_way(request: pytest.FixtureRequest, hospital: Tiny) -> Tiny:
    """The tiny hospital on each warehouse, and in a home that is encrypted at rest."""
    if request.param == "encrypted":
        tiny.encrypt(hospital)
    if request.param == "postgresql":
        database: URL = request.getfixturevalue("database")
        initialise(database, database)
        url = {"warehouse_url": database.render_as_string(hide_password=False)}
        hospital.settings = hospital.settings.model_copy(update=url)
    return hospital


@pytest.fixture(scope="session")
def consortium(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Settings:
    """One night of each hospital, forty patients; without expectations, which other tests hold.

    The raw files stay in `home/exports`. The workers of pytest-xdist share the home: the first that needs it makes it.
    """
    place = tmp_path_factory.getbasetemp()
    home = (place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "consortium"
    settings = Settings(
        home=home, expectations=home / "expectations", threads=2, memory="500MB", key_secret=SecretStr(tiny.SECRET),
        _env_file=None,
    )  # fmt: skip
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            shutil.rmtree(home, ignore_errors=True)  # a worker died while it made it
            _make(settings, vocabulary)
            (home / "made").touch()
    return settings


def _make(settings: Settings, vocabulary: Path) -> None:
    home = settings.home
    (home / "expectations" / "cdm").mkdir(parents=True)
    (home / "vocabulary").symlink_to(vocabulary)
    for delivery in write_exports(home / "exports", hospitals=None, patients=40, seed=7, night=CONSORTIUM_NIGHT):
        run_delivery(settings, delivery.hospital, delivery.folder)


@pytest.fixture(scope="session")
def consortium_in_postgres(consortium: Settings, postgres: URL) -> Iterator[URL]:
    """A database with the same rows in plain tables of the schema that readers point at."""
    with postgres_server.database(postgres) as url:
        with psycopg.connect(postgres_server.libpq(url)) as con:
            con.execute("create schema cdm_read")
            con.execute("set search_path to cdm_read")
            for statement in create_statements(keys=False, dialect=postgresql.dialect()).values():
                con.execute(statement)
        with open_warehouse(consortium).reader() as lake:
            attach(lake, url, "pg")
            for table in tables():
                lake.execute(f"insert into pg.cdm_read.{table} from {table}")
        yield url


@pytest.fixture
def delta(tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch) -> tiny.Tiny:
    """The tiny hospital as one that delivers changes; few as its patients are, a night never maps all of them."""
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)
    (tmp_path / "expectations" / "source").mkdir(parents=True)
    (tmp_path / "expectations" / "cdm").symlink_to(tiny.DATA / "expectations" / "cdm")
    hospital = tiny.make(tmp_path / "home", vocabulary, expectations=tmp_path / "expectations")
    histories.make_delta(hospital)
    return hospital
