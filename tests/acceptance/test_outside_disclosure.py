"""acro, which UK safe settings use, and our rules of what may leave, on the same random tables."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import duckdb
import numpy as np
import pytest

from etl.research.disclosure.check import look
from etl.research.disclosure.rules import Rules, read_rules
from etl.settings import PROJECT

pytestmark = pytest.mark.xdist_group("judge")

JUDGE = Path(os.environ.get("ETL_TEST_JUDGE") or PROJECT / ".judge" / "bin" / "python")
SCRIPT = Path(__file__).with_name("outside_judge") / "tables.py"
TABLES = 200
CHECKS = ("threshold", "dominance", "p_ratio")
CELLS = """
    select a, b, count(*) as n, sum(v)::varchar as "sum", max(v)::varchar as largest,
        coalesce(list_reverse_sort(list(v))[2], 0)::varchar as second
    from records where number = ? group by a, b order by a, b
"""


def records(folder: Path) -> Path:
    """Values of persons in tables of few to many, some of them with contributors that are far above the others."""
    drawn = np.random.default_rng(20261128)
    lines = ["number,a,b,v"]
    for number in range(TABLES):
        persons, spread = int(drawn.integers(20, 250)), drawn.uniform(0.2, 3.0)
        values = np.round(drawn.lognormal(3, spread, persons), 2)
        places = zip(drawn.integers(0, 4, persons), drawn.integers(0, 3, persons), values, strict=True)
        lines += [f"{number},row {a},column {b},{v}" for a, b, v in places]
    file = folder / "records.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def ours(con: duckdb.DuckDBPyConnection, number: int, folder: Path, rules: Rules) -> dict[str, set[tuple[str, str]]]:
    """What our rules say of the cells of one table, handed in as a result with its largest contributors."""
    rows = con.execute(CELLS, [number]).fetchall()
    file = folder / f"{number}.csv"
    lines = ["a,b,n,sum,largest,second", *(",".join(map(str, row)) for row in rows)]
    file.write_text("\n".join(lines), encoding="utf-8")
    found = look(file, rules).found
    return {check: {rows[f.place.row - 2][:2] for f in found if f.rule == check} for check in CHECKS}


def test_acro_finds_the_same_cells(tmp_path: Path) -> None:
    if (
        not JUDGE.exists()
        or subprocess.run([str(JUDGE), "-c", "import acro"], capture_output=True, check=False).returncode
    ):
        pytest.skip("acro is not among the judge's tools: make install")
    file = records(tmp_path)
    command = [str(JUDGE), "-I", str(SCRIPT)]
    with file.open(encoding="utf-8") as stream:
        done = subprocess.run(command, stdin=stream, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    con = duckdb.connect()
    con.execute("create table records as from read_csv(?, types = {'v': 'DECIMAL(18, 2)'})", [str(file)])
    seen = dict.fromkeys(CHECKS, 0)
    for number in range(TABLES):
        mine = ours(con, number, tmp_path, read_rules())
        there = set(con.execute("select distinct a, b from records where number = ?", [number]).fetchall())
        for check in CHECKS:
            cells = {tuple(pair) for pair in theirs[str(number)][check]} & there
            assert (number, check, mine[check]) == (number, check, cells)
            seen[check] += len(cells)
    assert min(seen.values()) > 50
