"""What a person's values in a version come from: the rows of the warehouse that each variable looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from etl.engine import open_reader, records, scratch_folder
from etl.research.datasets import kept
from etl.research.datasets.columns import WIDE
from etl.research.datasets.definition import FILE, Dataset, categories, read_dataset
from etl.research.datasets.find import find, prepare
from etl.research.datasets.kept import Manifest
from etl.research.datasets.series import MEMBERS, Asked, Series, seen, series_of, series_of_category
from etl.research.datasets.snapshot import standing
from etl.research.datasets.units import conversions
from etl.research.datasets.words import Variable
from etl.settings import Settings
from etl.sql import literal
from etl.store.warehouse.open import open_warehouse

Tell = Callable[[str], None]
MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Behind:
    """A row of the warehouse that a variable looked at: table, key, day, and days from the index day."""

    table: str
    key: int
    day: date
    days: int


@dataclass(frozen=True, slots=True)
class Episode:
    """A person's row of a version, what it would be today (None: it would not be there), and the rows behind it."""

    was: dict[str, Any] | None
    would_be: dict[str, Any] | None
    behind: dict[str, list[Behind]]


@dataclass(frozen=True, slots=True)
class Explained:
    """A person in a version; none of `episodes`: the person is neither in it nor would be today."""

    episodes: list[Episode]
    standing: dict[str, str]


def explain(settings: Settings, manifest: Manifest, person: int, tell: Tell) -> Explained:
    """Find a person's rows by the version's own definition in what is published now, beside what the version holds."""
    warehouse = open_warehouse(settings)
    with open_reader(settings) as con:
        rows = kept.rows_of(settings, manifest.name, manifest.version)
        were = records(con, f"from {rows} where person_id = {person:d} order by episode")
    with scratch_folder(settings) as scratch, warehouse.reader() as con:
        dataset = of_version(manifest, scratch)
        prepare(con, settings, scratch)
        con.execute("begin")
        wanted = find(con, dataset, conversions(settings), tell)
        are = records(con, f"from {WIDE} where person_id = {person:d} order by episode")
        behind = {row["index_date"]: _behind(con, dataset, wanted, person, row["index_date"]) for row in are}
        con.execute("rollback")
    old, new = ({row["index_date"]: row for row in each} for each in (were, are))
    days = sorted({*old, *new})
    episodes = [Episode(old.get(day), new.get(day), behind.get(day, {})) for day in days]
    return Explained(episodes, standing(warehouse, manifest.snapshot))


def of_version(manifest: Manifest, scratch: Path) -> Dataset:
    """The definition that a version was built by, whatever it is today."""
    folder = scratch / manifest.name
    for name, text in manifest.definition.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return read_dataset((folder / FILE).parent)


def _behind(
    con: DuckDBPyConnection, dataset: Dataset, wanted: Asked, person: int, day: date
) -> dict[str, list[Behind]]:
    """By variable the rows that it looked at, the newest first, `MOST_ROWS` at most."""
    return {
        each.name: [row for series in _series(each) for row in _rows(con, each, series, wanted, person, day)]
        for each in dataset.said.variables
        if each.take or each.index
    }


def _series(variable: Variable) -> list[Series]:
    return [series_of_category(each) for each in categories()] if variable.index else [series_of(variable)]


def _rows(
    con: DuckDBPyConnection, variable: Variable, series: Series, wanted: Asked, person: int, day: date
) -> list[Behind]:
    found = con.execute(
        f"select key, day, delta from {seen(series.table)} join {MEMBERS} m using (number) "
        f"where m.person_id = {person:d} and m.index_date = date {literal(str(day))} "
        f"and series = {wanted.number(series):d} and {variable.window('delta')} "
        f"order by day desc, moment desc, key desc limit {MOST_ROWS:d}"
    ).fetchall()
    return [Behind(series.table, key, when, days) for key, when, days in found]
