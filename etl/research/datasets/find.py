"""Finds the rows of a data set in a reader's connection, all of one moment: temporary tables, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.engine import load_cipher, unlock
from etl.mapping.language.units import Conversion
from etl.research.cohorts.find import find_cohorts
from etl.research.datasets.columns import make_wide
from etl.research.datasets.definition import Dataset
from etl.research.datasets.series import Asked, asked, find_members, find_rows
from etl.research.datasets.units import create_conversions
from etl.settings import Settings
from etl.sql import literal

COHORT = 1  # by what the cohort is known among those that are found at once
Tell = Callable[[str], None]


def prepare(con: DuckDBPyConnection, settings: Settings, scratch: Path) -> None:
    """Bound what the work takes; what it spills is encrypted, and files of the home can be read and written."""
    unlock(con, settings)
    load_cipher(con)
    con.execute(f"set memory_limit = {literal(settings.memory)}")
    con.execute(f"set threads = {settings.threads:d}")
    con.execute(f"set temp_directory = {literal(str(scratch))}")
    con.execute("set enable_progress_bar = false")


def find(con: DuckDBPyConnection, dataset: Dataset, known: dict[str, Conversion], tell: Tell) -> Asked:
    """Find who is in the cohort and what is asked of them; `known` are the conversions of units."""
    wanted = asked(dataset)
    tell("cohort")
    find_cohorts(con, [(COHORT, dataset.cohort)])
    find_members(con, COHORT)
    tell("rows")
    create_conversions(con, known)
    find_rows(con, dataset, wanted)
    tell("variables")
    con.execute("set threads = 1")  # the same rows are the same bytes, and sums of floating numbers the same numbers
    make_wide(con, dataset, wanted)
    return wanted
