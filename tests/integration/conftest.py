"""The eight hospitals of the consortium as a published warehouse, for tests that only read it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import tiny
from pydantic import SecretStr

from etl.pipeline import run_delivery
from etl.sample.generate import write_exports
from etl.settings import Settings

CONSORTIUM_NIGHT = date(2026, 11, 20)


@pytest.fixture(scope="session")
def consortium(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Settings:
    """One night of each hospital, forty patients; without expectations, which other tests hold.

    The raw files stay in `home/exports`.
    """
    home = tmp_path_factory.mktemp("consortium")
    (home / "vocabulary").symlink_to(vocabulary)
    (home / "expectations" / "cdm").mkdir(parents=True)
    settings = Settings(
        home=home, expectations=home / "expectations", threads=2, memory="500MB", key_secret=SecretStr(tiny.SECRET),
        _env_file=None,
    )  # fmt: skip
    for delivery in write_exports(home / "exports", hospitals=None, patients=40, seed=7, night=CONSORTIUM_NIGHT):
        run_delivery(settings, delivery.hospital, delivery.folder)
    return settings
