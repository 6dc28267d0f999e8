"""The fixture that every convention is tested with."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Case
from vocabulary import load

from etl.vocabulary.release import Release


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The tests' own small vocabulary, loaded once."""
    return load(tmp_path_factory.mktemp("conventions"))


@pytest.fixture
def case(tmp_path: Path, release: Release) -> Case:
    """Runs the rows of a test."""
    return Case(tmp_path, release)
