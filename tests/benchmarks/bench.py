"""Measures a whole `etl run` with all gates beside the floor, one after the other, on one input.

The floor is what any pipeline must do: read the same files with pyarrow and write them as zstd Parquet, nothing else.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ETL_TEST_DATA", ROOT.parent / "shared" / "data"))
FLOOR = """
import sys, pathlib, pyarrow as pa, pyarrow.csv as pc, pyarrow.parquet as pq
for f in sorted(pathlib.Path(sys.argv[1]).glob('*.csv')):
    with f.open() as stream:
        names = stream.readline().rstrip().split(',')
    reader = pc.open_csv(f, convert_options=pc.ConvertOptions(column_types={n: pa.string() for n in names}))
    with pq.ParquetWriter(pathlib.Path(sys.argv[2]) / f'{f.stem}.parquet', reader.schema, compression='zstd') as w:
        for batch in reader:
            w.write_batch(batch)
"""


def timed(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Seconds a command takes and its peak memory in GiB; its output is shown only when it fails."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
        _, code, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
        seconds = time.perf_counter() - began
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command)}\n{output.read()}")
    return seconds, used.ru_maxrss / 1024**2


def main() -> None:
    """Make the input, run floor, run, floor again, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=400, help="copies of the 27-patient export (default 400)")
    parser.add_argument("--folder", type=Path, help="where to work; default a temporary folder")
    options = parser.parse_args()
    if not (DATA / "synthea-27").exists():
        sys.exit(f"no Synthea export in {DATA}; set ETL_TEST_DATA")
    work = options.folder or Path(tempfile.mkdtemp(prefix="etl-bench-"))
    export = work / f"synthea-{options.scale}"
    env = {
        **os.environ,
        "ETL_HOME": str(work / "home"),
        "ETL_KEY_SECRET": "benchmark-secret-of-32-characters-or-more",
    }
    etl = str(Path(sys.executable).with_name("etl"))
    if not export.exists():
        timed(
            [sys.executable, str(DATA / "scale_synthea.py"), str(DATA / "synthea-27"), str(export), str(options.scale)],
            env,
        )
    shutil.rmtree(work / "home", ignore_errors=True)
    timed([etl, "vocabulary", "load", str(DATA / "vocabulary")], env)
    (work / "floor").mkdir(exist_ok=True)
    floor = [sys.executable, "-c", FLOOR, str(export), str(work / "floor")]
    before, _ = timed(floor, env)
    run, memory = timed([etl, "run", "synthea", str(export), "--night", "2026-01-01"], env)
    after, _ = timed(floor, env)
    show(work, export, (before + after) / 2, run, memory)
    if options.folder is None:
        shutil.rmtree(work)


def show(work: Path, export: Path, floor: float, run: float, memory: float) -> None:
    """Print the stages with rows per second, and the whole run as a multiple of the floor."""
    size = sum(f.stat().st_size for f in export.glob("*.csv")) / 1e9
    with sqlite3.connect(work / "home" / "ledger.sqlite") as ledger:
        stages = ledger.execute("select stage, rows, seconds from stage order by started_at, rowid").fetchall()
    console = Console(highlight=False)
    table = Table(title=f"{size:.1f} GB, {stages[0][1]:,} rows in", box=None, header_style="bold")
    for column, side in (
        ("", "left"),
        ("rows", "right"),
        ("seconds", "right"),
        ("rows/s", "right"),
        ("× floor", "right"),
    ):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    table.add_row(
        "floor: read and write only", f"{stages[0][1]:,}", f"{floor:.1f}", f"{stages[0][1] / floor:,.0f}", "1.0"
    )
    for stage, rows, seconds in stages:
        table.add_row(f"  {stage}", f"{rows:,}", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{seconds / floor:.1f}")
    table.add_row(
        "the whole etl run", f"{stages[0][1]:,}", f"{run:.1f}", f"{stages[0][1] / run:,.0f}", f"{run / floor:.1f}"
    )
    console.print(table)
    console.print(f"peak memory {memory:.1f} GiB")


if __name__ == "__main__":
    main()
