"""Fixtures that tests of the whole pipeline share, and how Hypothesis runs: few examples, always the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import extensions
import postgres_server
import pytest
import tiny
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import URL
from tiny import Tiny

from etl.settings import PROJECT, Settings
from etl.vocabulary.release import load_bundle

extensions.trust()

settings.register_profile(
    "fixed", max_examples=25, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


#: The modules that take longest, the longest first: begun last, one of them would leave the other cores idle.
LONGEST = (
    "test_airflow_service", "test_consortium", "test_postgres_publish", "test_crashes", "test_deltas",
    "test_killed_runs", "test_airflow", "test_first_night", "test_outside_judge", "test_reruns", "test_recipes",
    "test_retention", "test_trace", "test_source_database", "test_approval", "test_long_histories", "test_bad_files",
    "test_bad_rows", "test_gate", "test_warehouse", "test_privacy", "test_exit_codes",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Workers take the modules in the order of the collection; pytest-xdist's own begins with those of most tests."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The modules of LONGEST first, the others after them in their order."""
    rank = {name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set in the environment does not reach the tests."""
    for name in [n for n in os.environ if n.startswith("ETL_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration vocabulary, loaded once."""
    home = tmp_path_factory.mktemp("vocabulary")
    settings = Settings(home=home, threads=2, memory="500MB", _env_file=None)
    load_bundle(settings, PROJECT / "etl" / "sample" / "vocabulary")
    return settings.vocabularies


@pytest.fixture
def hospital(tmp_path: Path, vocabulary: Path) -> Tiny:
    """The tiny hospital, about to deliver a good night."""
    return tiny.make(tmp_path / "home", vocabulary)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """A PostgreSQL server: its superuser's URL."""
    with postgres_server.server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def database(postgres: URL) -> Iterator[URL]:
    """A new, empty database on a PostgreSQL server, its superuser's URL."""
    with postgres_server.database(postgres) as url:
        yield url
