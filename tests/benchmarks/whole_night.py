"""A whole night of the Synthea export beside the floor, and the table in which all that is measured on it is shown."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path

import floor
from measure import ETL, Cost, average, environment, timed
from rich.table import Table

FIRST = "2026-01-01"
COLUMNS = ("rows", "seconds", "in stages", "rows/s", "peak GiB", "× read", "× floor", "× run")


@dataclass(frozen=True, slots=True)
class StageCost:
    """A stage of a run as the ledger has it: the rows it took in, and seconds."""

    name: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Whole:
    """What reading the files, the floor, a whole run on them and tracing a row and a line of it cost."""

    read: Cost
    floor: Cost
    run: Cost
    trace: Cost
    stages: tuple[StageCost, ...]

    @property
    def rows(self) -> int:
        """Rows of the export."""
        return self.stages[0].rows

    def ratios(self, seconds: float) -> tuple[str, ...]:
        """Seconds as multiples of reading, of the floor and of the whole run."""
        return tuple(f"{seconds / of.seconds:.2f}" for of in (self.read, self.floor, self.run))


def stages(home: Path) -> tuple[StageCost, ...]:
    """The stages of the newest run in a home."""
    with sqlite3.connect(home / "ledger.sqlite") as ledger:
        found = ledger.execute(
            "select stage, rows, seconds from stage join (select run_id from run order by started_at desc limit 1) "
            "using (run_id) order by started_at, stage.rowid"
        )
        return tuple(StageCost(*row) for row in found)


def run_night(folder: Path, date: str = FIRST) -> list[str]:
    """The command of a night of the hospital `synthea`."""
    return [ETL, "run", "synthea", str(folder), "--night", date]


def warm_up(small: Path, vocabulary: Path, work: Path) -> None:
    """Run a small night that is not measured, so that the first measured one does not wait for the program's files."""
    home = work / "home-warm"
    shutil.rmtree(home, ignore_errors=True)
    timed([ETL, "vocabulary", "load", str(vocabulary)], environment(home))
    timed(run_night(small), environment(home))


def measure_whole(export: Path, vocabulary: Path, work: Path) -> Whole:
    """Reading and the floor before and after the run, against one busy moment of the machine."""
    home, target = work / "home", work / "floor"
    shutil.rmtree(home, ignore_errors=True)
    target.mkdir(exist_ok=True)
    env = environment(home)
    timed([ETL, "vocabulary", "load", str(vocabulary)], env)
    read, write = floor.command("read", export), floor.command("write", export, target)
    before = timed(read, env), timed(write, env)
    run = timed(run_night(export), env)
    after = timed(read, env), timed(write, env)
    return Whole(average(before[0], after[0]), average(before[1], after[1]), run, _measure_trace(env), stages(home))


def _measure_trace(env: dict[str, str]) -> Cost:
    """A row to its line and a line to its rows, each as a command of its own, three times."""
    query = "select max(condition_occurrence_id) from condition_occurrence"
    asked = subprocess.run([ETL, "sql", "--csv", query], env=env, check=True, capture_output=True, text=True)
    row = [ETL, "trace", "condition_occurrence", asked.stdout.split()[-1]]
    line = [ETL, "trace", "--file", "conditions.csv:17", "synthea"]
    return average(*(timed(command, env) for _ in range(3) for command in (row, line)))


def new_table(title: str) -> Table:
    """A table of costs; all rows of it have the columns of `cost_row`."""
    table = Table(title=title, box=None, header_style="bold")
    table.add_column("")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    return table


def cost_row(name: str, whole: Whole, cost: Cost, rows: int, in_stages: float | None = None) -> tuple[str, ...]:
    """A row of the table: a command."""
    inside = "" if in_stages is None else f"{in_stages:.1f}"
    return (name, f"{rows:,}", f"{cost.seconds:.1f}", inside, f"{rows / cost.seconds:,.0f}", f"{cost.memory:.2f}",
            *whole.ratios(cost.seconds))  # fmt: skip


def add_whole(table: Table, whole: Whole) -> None:
    """Reading, the floor, and the run with its stages."""
    table.add_row(*cost_row("read the files", whole, whole.read, whole.rows))
    table.add_row(*cost_row("floor: read and write", whole, whole.floor, whole.rows))
    table.add_row(*cost_row("etl run", whole, whole.run, whole.rows, sum(s.seconds for s in whole.stages)))
    for s in whole.stages:
        speed = f"{s.rows / s.seconds:,.0f}" if s.seconds else ""
        table.add_row(f"  {s.name}", f"{s.rows:,}", "", f"{s.seconds:.1f}", speed, "", *whole.ratios(s.seconds))
    table.add_row("etl trace", "1", f"{whole.trace.seconds:.1f}", "", "", f"{whole.trace.memory:.2f}")
