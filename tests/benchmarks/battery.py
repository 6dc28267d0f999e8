"""`python tests/benchmarks/battery.py FILE [--night DATE]`: the battery beside a plain query a check, in one run.

FILE is a warehouse as `etl export` writes it. Both ask the same 2,374 checks on two threads and must agree. Beside them
stands what the battery takes with the checks of ours.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import duckdb
from duckdb import DuckDBPyConnection
from quality_definitions import CONTROL, definitions
from rich.console import Console
from rich.table import Table

from etl.quality.battery.battery import load_battery
from etl.quality.battery.judge import judge
from etl.quality.battery.measure import measure
from etl.quality.battery.statement import WHOLE
from etl.settings import PROJECT


@dataclass(frozen=True)
class Cost:
    seconds: float
    processor: float


def timed(work: Callable[[], object]) -> Cost:
    def processor() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    wall, before = time.perf_counter(), processor()
    work()
    return Cost(time.perf_counter() - wall, processor() - before)


def _one_by_one(con: DuckDBPyConnection, night: str) -> dict[str, tuple[int, int]]:
    """What each check's own query finds; those whose table or field is missing are left out."""
    found = {}
    for check in definitions(CONTROL, night):
        if check.violated:
            try:
                row = con.execute(f"select ({check.violated}), ({check.of})").fetchone() or (0, 0)
            except duckdb.Error:
                continue
            found[check.id] = row
    return found


def main() -> int:
    """Measure all three times, and print the best of each; 1 where the battery and the plain queries differ."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("file", type=Path)
    asked.add_argument("--night", default="2026-01-01")
    given = asked.parse_args()
    every = load_battery(PROJECT / "expectations")
    checks = [c for c in every if not c.own]
    singles: dict[str, tuple[int, int]] = {}
    results: dict[str, tuple[int, int, str]] = {}
    with duckdb.connect(str(given.file), read_only=True, config={"threads": 2}) as con:

        def battery() -> None:
            found = judge(checks, measure(con, checks, date.fromisoformat(given.night)), WHOLE)
            results.update({r.check.id: (r.violated, r.of, r.status) for r in found})

        def one_by_one() -> None:
            singles.update(_one_by_one(con, given.night))

        def with_ours() -> None:
            measure(con, every, date.fromisoformat(given.night))

        costs = [[timed(work) for work in (battery, one_by_one, with_ours)] for _ in range(3)]
    table = Table(box=None, header_style="bold")
    for name in ("", "seconds", "of processor"):
        table.add_column(name, justify="right" if name else "left")
    best = [min((each[i] for each in costs), key=lambda c: c.seconds) for i in range(3)]
    table.add_row("the battery, all hospitals apart", f"{best[0].seconds:.2f}", f"{best[0].processor:.2f}")
    table.add_row("a query a check", f"{best[1].seconds:.2f}", f"{best[1].processor:.2f}")
    ratio = f"{best[1].seconds / best[0].seconds:.1f} ×"
    table.add_row("", ratio, f"{best[1].processor / best[0].processor:.1f} ×")
    table.add_row("the battery with ours", f"{best[2].seconds:.2f}", f"{best[2].processor:.2f}")
    ratio = f"{best[2].seconds / best[0].seconds:.1f} ×"
    table.add_row("", ratio, f"{best[2].processor / best[0].processor:.1f} ×")
    Console().print(table)
    unlike = [i for i, (*said, status) in results.items() if status in ("passed", "failed") and i in singles
              and tuple(said) != singles[i]]  # fmt: skip
    print(f"{len(unlike)} of {len(results):,} checks differ")
    return bool(unlike)


if __name__ == "__main__":
    sys.exit(main())
