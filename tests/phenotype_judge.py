"""Holds our cohorts of OHDSI's phenotypes against those of Circe's own SQL, on one CDM."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.research.cohorts.circe import read_circe
from etl.research.cohorts.find import find_cohorts
from etl.research.cohorts.model import Cohort
from etl.settings import PROJECT

PHENOTYPES = Path(os.environ.get("ETL_TEST_DATA") or PROJECT.parent / "shared" / "data") / "phenotypes"
PYTHON = PROJECT / ".judge" / "bin" / "python"
_SCRIPT = PROJECT / "tests" / "acceptance" / "outside_judge" / "phenotypes.py"
_ROWS = "cohort_definition_id::bigint as cohort_definition_id, subject_id, cohort_start_date, cohort_end_date"


@dataclass(frozen=True)
class Difference:
    """Rows of one cohort that only one side has."""

    cohort: int
    ours: int
    official: int


def definitions(every: int = 1) -> list[Path]:
    """The definitions in the order of their numbers, or each so-manieth."""
    return sorted(PHENOTYPES.glob("*.json"), key=lambda file: int(file.stem))[::every]


def judge(file: Path, asked: Sequence[Path]) -> dict[int, float]:
    """Have the judge put its cohorts into the file; returns the seconds that each took."""
    command = [str(PYTHON), "-I", str(_SCRIPT), str(file), *map(str, asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {int(number): seconds for number, seconds in json.loads(done.stdout).items()}


def read(asked: Sequence[Path]) -> list[tuple[int, Cohort]]:
    """The definitions as our plan has them."""
    return [(int(file.stem), read_circe(file.read_text(encoding="utf-8"), file.name)) for file in asked]


def find(con: DuckDBPyConnection, cohorts: Sequence[tuple[int, Cohort]], *, at_once: bool) -> float:
    """Find cohorts into the table `ours`, in one pass or one by one; returns the seconds."""
    con.execute("drop table if exists ours")
    since = time.perf_counter()
    for some in [cohorts] if at_once else [[each] for each in cohorts]:
        find_cohorts(con, some)
        con.execute("create temp table if not exists ours as from found_cohort limit 0")
        con.execute("insert into ours from found_cohort")
    return time.perf_counter() - since


def differences(con: DuckDBPyConnection) -> list[Difference]:
    """What `ours` and the judge's cohorts do not share, after `judge` and `find`."""
    ours, official = f"select {_ROWS} from ours", f"select {_ROWS} from results.cohort_circepy"
    rows = con.execute(
        "select cohort_definition_id, count(*) filter (mine), count(*) filter (not mine) from "
        f"(select *, true as mine from ({ours} except all {official}) union all "
        f"select *, false from ({official} except all {ours})) group by all order by all"
    ).fetchall()
    return [Difference(*row) for row in rows]
