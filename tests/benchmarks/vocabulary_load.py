"""The load of a vocabulary of full size beside a bare read of it, and a small night mapped with it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import floor
from measure import ETL, Cost, average, environment, timed
from rich.table import Table
from whole_night import Whole, run_night, stages


def _row(name: str, cost: Cost, read: Cost, whole: Whole) -> tuple[str, ...]:
    """A command, beside reading the full bundle and beside the whole night of the big export."""
    seconds = cost.seconds
    return (name, f"{seconds:.1f}", f"{cost.memory:.2f}", f"{seconds / read.seconds:.2f}",
            f"{seconds / whole.run.seconds:.2f}")  # fmt: skip


def measure_vocabulary(data: Path, work: Path, scale: float, whole: Whole) -> Table:
    """Load a bundle of `scale` times the full size, and map 27 patients with it and with the small one."""
    bundle, base = work / f"vocabulary-{scale}", data / "vocabulary"
    env = environment(work / "home")
    if not bundle.exists():
        writer = str(Path(__file__).with_name("vocabulary_bundle.py"))
        timed([sys.executable, writer, str(bundle), "--base", str(base), "--scale", str(scale)], env)
    table = Table(title=f"{sum(f.stat().st_size for f in bundle.glob('*.csv')) / 1e9:.1f} GB of vocabulary",
                  box=None, header_style="bold")  # fmt: skip
    for column in ("", "seconds", "peak GiB", "× read", "× run"):
        table.add_column(column, justify="right" if column else "left")
    before = timed(floor.command("vocabulary", bundle), env)
    homes = {"full": (bundle, work / "home-full"), "small": (base, work / "home-small")}
    loads: dict[str, Cost] = {}
    for name, (folder, home) in homes.items():
        shutil.rmtree(home, ignore_errors=True)
        loads[name] = timed([ETL, "vocabulary", "load", str(folder)], environment(home))
    read = average(before, timed(floor.command("vocabulary", bundle), env))
    table.add_row(*_row("DuckDB reads the full one and drops it", read, read, whole))
    for name, cost in loads.items():
        table.add_row(*_row(f"etl vocabulary load, {name}", cost, read, whole))
    for name, (_, home) in homes.items():
        night = timed(run_night(data / "synthea-27"), environment(home))
        table.add_row(*_row(f"a night of 27 patients with the {name} one", night, read, whole))
        for stage in stages(home):
            table.add_row(f"  {stage.name}", f"{stage.seconds:.1f}")
    return table
