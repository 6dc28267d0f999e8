"""Nights that touch one person in a hundred: what they cost beside the whole night, and whether they stay level."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import duckdb
from delta_nights import make_mappings, make_night
from measure import ETL, ROOT, Cost, environment, timed
from rich.table import Table
from whole_night import FIRST, Whole, cost_row, run_night, stages

SHARE = 0.01
ABOUT = (0.5, 1.5)  # times the persons delivered must be touched
WHOLE_EVERY = 30  # nights of changes after which everybody is due, as `whole_every` of a hospital is unless it says so
LEVEL = 3  # so many nights at either end are compared


@dataclass(frozen=True, slots=True)
class Night:
    """A night of changes: the persons that were mapped again (None: everybody), and what it cost."""

    date: str
    touched: int | None
    rows: int
    cost: Cost
    in_stages: float


def measure_nights(export: Path, vocabulary: Path, work: Path, number: int) -> tuple[Night, ...]:
    """The first, whole night of a hospital that delivers changes, and then so many nights; all must be published."""
    home, deliveries = work / "home-changes", work / "nights"
    shutil.rmtree(home, ignore_errors=True)
    mappings = make_mappings(ROOT / "mappings", work / "mappings")
    env = environment(home, ETL_MAPPINGS=str(mappings))
    timed([ETL, "vocabulary", "load", str(vocabulary)], env)
    nights = [_measure(home, export, FIRST, env)]
    for i in range(1, number + 1):
        folder, delivered = make_night(export, deliveries, i, SHARE)
        night = _measure(home, folder, folder.name, env)
        whole_is_due = all(n.touched is not None for n in nights[-WHOLE_EVERY:])
        if not (whole_is_due if night.touched is None else ABOUT[0] <= night.touched / delivered <= ABOUT[1]):
            persons = "everybody" if night.touched is None else f"{night.touched} persons"
            sys.exit(f"the night {night.date} touches {persons}, {delivered} were delivered")
        nights.append(night)
    return tuple(nights)


def _measure(home: Path, folder: Path, date: str, env: dict[str, str]) -> Night:
    """Run one night."""
    cost = timed(run_night(folder, date), env)
    took = stages(home)
    return Night(date, _touched(home), took[0].rows, cost, sum(s.seconds for s in took))


def _touched(home: Path) -> int | None:
    """How many persons the newest night touched; None when everybody was mapped."""
    states = (home / "lake" / "2_state" / "hospital=synthea").glob("delivery=*/state.json")
    newest = max(states, key=lambda f: f.stat().st_mtime_ns)
    if json.loads(newest.read_text(encoding="utf-8"))["base"] is None:
        return None
    row = duckdb.execute(  # person 0 stands for rows of nobody, which every night maps
        f"select count(*) from '{newest.with_name('touched.parquet')}' where person > 0"
    ).fetchone()
    return int(row[0]) if row else 0


def add_nights(table: Table, whole: Whole, nights: tuple[Night, ...]) -> None:
    """A row for each night, and their median; nights in which everybody was mapped are not part of it."""
    for n in nights:
        persons = "everybody" if n.touched is None else f"{n.touched:,} persons"
        table.add_row(*cost_row(f"{n.date}, {persons}", whole, n.cost, n.rows, n.in_stages))
    changes = [n for n in nights if n.touched is not None]
    if changes:
        middle = Cost(median(n.cost.seconds for n in changes), max(n.cost.memory for n in changes))
        rows, inside = int(median(n.rows for n in changes)), median(n.in_stages for n in changes)
        table.add_row(*cost_row("median night of changes", whole, middle, rows, inside), style="bold")


def level(nights: tuple[Night, ...]) -> str | None:
    """How the last nights compare with the first ones; None when there are too few to say."""
    seconds = [n.cost.seconds for n in nights if n.touched is not None]
    if len(seconds) < 2 * LEVEL:
        return None
    first, last = mean(seconds[:LEVEL]), mean(seconds[-LEVEL:])
    return f"the last {LEVEL} nights took {last:.1f} s each, the first {LEVEL} {first:.1f} s: {last / first:.2f} ×"
