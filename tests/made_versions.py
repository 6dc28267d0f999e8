"""A data set with two published hospitals whose every row is written here, to be built without a real warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import made_cohorts
import made_dataset
import pytest
from duckdb import DuckDBPyConnection
from made_dataset import PERCENT, Published, measured, warehouse

from etl.research.datasets.build import Built
from etl.research.datasets.build import build as build_version
from etl.research.datasets.definition import read_dataset
from etl.settings import Settings

PERSONS = [hospital << 24 | n for hospital in (1, 2) for n in range(1, 13)]
A1C = {
    "name": "a1c",
    "take": "last",
    "of": "hba1c",
    "table": "measurement",
    "value": "value_as_number",
    "unit": PERCENT,
}
#: Who has a measurement, from the day of the first one.
COHORT = {
    "sql": "select person_id as subject_id, min(measurement_date) as cohort_start_date, "
    "date '2022-12-31' as cohort_end_date from measurement group by person_id"
}
VARIABLES = [{**A1C, "within": [0, 365]}, {"name": "age", "is": "age"}, {"name": "hospital", "is": "hospital"}]


@dataclass(frozen=True)
class Place:
    """Where the definition lies, what is published, and the settings of the home."""

    settings: Settings
    con: DuckDBPyConnection
    published: Published
    folder: Path

    def build(self, **options: Any) -> Built:
        """Build the next version."""
        return build_version(self.settings, read_dataset(self.folder), "kim", lambda _: None, **options)


@contextmanager
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Iterator[Place]:
    """Twelve persons of each of two hospitals, each with one HbA1c; nothing is written into an audit log."""
    made_cohorts.use(monkeypatch)
    monkeypatch.setattr("etl.research.datasets.build.tell_log", lambda *_, **__: 0)
    folder = made_dataset.write(
        tmp_path / "datasets" / "diabetes", **{"cohort": COHORT, "variables": VARIABLES, "keep": 3} | changes
    )
    settings = Settings(
        home=tmp_path / "home", datasets=tmp_path / "datasets", mappings=tmp_path / "none", threads=1, memory="300MB",
        _env_file=None,
    )  # fmt: skip
    with warehouse(*PERSONS) as con:
        for key, person in enumerate(PERSONS):
            measured(con, person, key, "2020-05-01", 6.0 + key / 10)
        published = Published(con, h1=("2021-01-01", "r1", 1), h2=("2021-01-01", "s1", 1))
        for module in ("build", "verify", "explain"):
            monkeypatch.setattr(f"etl.research.datasets.{module}.open_warehouse", lambda _: published)
        yield Place(settings, con, published, folder)
