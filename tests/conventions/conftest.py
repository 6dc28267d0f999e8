"""The fixture that every convention is tested with."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Case
from vocabulary import write_bundle

from etl.settings import Settings
from etl.vocabulary.release import Release, load_bundle


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The tests' own small vocabulary, loaded once."""
    home = tmp_path_factory.mktemp("conventions")
    return load_bundle(Settings(home=home, threads=1, memory="500MB", _env_file=None), write_bundle(home / "bundle"))


@pytest.fixture
def case(tmp_path: Path, release: Release) -> Case:
    """Runs the rows of a test."""
    return Case(tmp_path, release)
