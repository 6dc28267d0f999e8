"""The same nights in the clear and encrypted at rest, one beside the other: `python tests/benchmarks/at_rest.py`.

A whole night and nights of changes of the scaled Synthea export, of each kind in turn, so that a busy moment of the
machine falls on both. It ends with 1 where the median whole night costs more than `--limit` times one in the clear.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import DATA, export_of
from delta_nights import make_mappings, make_night
from measure import ETL, ROOT, Cost, compile_once, environment, timed
from rich.console import Console
from rich.table import Table
from whole_night import FIRST, run_night, stages, warm_up

KINDS = ("in the clear", "encrypted")


@dataclass
class Measured:
    """The nights of one kind: whole ones, those of changes, seconds of the last whole one's stages, bytes it left."""

    whole: list[Cost] = field(default_factory=list)
    changes: list[Cost] = field(default_factory=list)
    by_stage: dict[str, list[float]] = field(default_factory=dict)
    size: int = 0


def measure(export: Path, work: Path, times: int, changes: int) -> dict[str, Measured]:
    """Run the nights, `times` homes of each kind."""
    found = {kind: Measured() for kind in KINDS}
    key = work / "at-rest.keys"
    key.unlink(missing_ok=True)
    timed([ETL, "keys", "at-rest", "new", str(key)], environment(work / "home"))
    mappings = make_mappings(ROOT / "mappings", work / "mappings")
    nights = [make_night(export, work / "nights", i) for i in range(1, changes + 1)]
    for i in range(times):
        for kind in KINDS if i % 2 == 0 else reversed(KINDS):
            home = work / f"home-{KINDS.index(kind)}"
            shutil.rmtree(home, ignore_errors=True)
            more = {"ETL_AT_REST_KEY_FILE": str(key)} if kind == "encrypted" else {}
            env = environment(home, ETL_MAPPINGS=str(mappings), **more)
            timed([ETL, "vocabulary", "load", str(DATA / "vocabulary")], env)
            _run(found[kind], home, export, [folder for folder, _ in nights], env)
    return found


def _run(into: Measured, home: Path, export: Path, changes: list[Path], env: dict[str, str]) -> None:
    into.whole.append(timed(run_night(export, FIRST), env))
    for stage in stages(home):
        into.by_stage.setdefault(stage.name, []).append(stage.seconds)
    places = (home / "lake", home / "warehouse" / "data" / "main", home / "warehouse" / "data" / "synthea")
    files = {f.stat().st_ino: f.stat().st_size for place in places for f in place.rglob("*") if f.is_file()}
    into.size = sum(files.values())
    into.changes += [timed(run_night(folder, folder.name), env) for folder in changes]


def table_of(found: dict[str, Measured]) -> tuple[Table, float]:
    """What was measured, and the ratio of the whole nights' medians."""
    plain, encrypted = (found[kind] for kind in KINDS)
    table = Table("", *KINDS, "ratio", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    rows = {
        "whole night, seconds": _medians(plain.whole, encrypted.whole),
        "  of the processors": _medians(plain.whole, encrypted.whole, "processor"),
        **{f"  {n}": (median(s), median(encrypted.by_stage[n])) for n, s in plain.by_stage.items()},
        "night of changes, seconds": _medians(plain.changes, encrypted.changes),
        "  of the processors ": _medians(plain.changes, encrypted.changes, "processor"),
        "GB on the disk": (plain.size / 1e9, encrypted.size / 1e9),
    }
    for name, (left, right) in rows.items():
        table.add_row(name, f"{left:.2f}", f"{right:.2f}", f"{right / left:.2f}" if left else "")
    left, right = rows["whole night, seconds"]
    return table, right / left


def _medians(left: list[Cost], right: list[Cost], what: str = "seconds") -> tuple[float, float]:
    return tuple(median(getattr(c, what) for c in costs) if costs else 0.0 for costs in (left, right))  # type: ignore[return-value]


def main() -> None:
    """Make the input, measure, print the table, and hold it against the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int, default=100, help="copies of the 27-patient export (default 100)")
    parser.add_argument("--times", type=int, default=3, help="homes of each kind (default 3)")
    parser.add_argument("--nights", type=int, default=1, help="nights of changes a home (default 1)")
    parser.add_argument("--limit", type=float, default=1.15, help="what encryption may cost (default 1.15)")
    parser.add_argument("--folder", type=Path, help="where to work; default a temporary folder")
    options = parser.parse_args()
    work = options.folder or Path(tempfile.mkdtemp(prefix="etl-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, width=100)
    try:
        compile_once()
        export = export_of(work, options.scale)
        warm_up(DATA / "synthea-27", DATA / "vocabulary", work)
        table, ratio = table_of(measure(export, work, options.times, options.nights))
        console.print(table, f"load of the machine afterwards: {os.getloadavg()[1]:.1f}")
    finally:
        if options.folder is None:
            shutil.rmtree(work)
    if ratio > options.limit:
        sys.exit(1)


if __name__ == "__main__":
    main()
