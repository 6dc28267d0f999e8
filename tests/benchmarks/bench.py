"""Measures a whole `etl run` with all gates beside the floor, one after the other, on one input.

With --vocabulary it measures instead the load of a vocabulary of full size, and a small night mapped with it.

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

READ_VOCABULARY = """
import sys, pathlib, duckdb
con = duckdb.connect(config={'threads': int(sys.argv[2])})
for f in sorted(pathlib.Path(sys.argv[1]).glob('*.csv')):
    with f.open() as stream:
        names = stream.readline().rstrip().split('\\t')
    columns = ', '.join(f"'{n}': 'VARCHAR'" for n in names)
    counted = ', '.join(f'count({n})' for n in names)
    con.execute(f"select {counted} from read_csv('{f}', auto_detect = false, header = true, delim = '\\t', quote = '', "
                f"escape = '', columns = {{{columns}}})").fetchall()
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
    parser.add_argument("--vocabulary", action="store_true", help="measure a vocabulary instead of a big night")
    parser.add_argument("--vocabulary-scale", type=float, default=1, help="times the full size of 7.5 million concepts")
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
    if options.vocabulary:
        vocabulary(work, etl, env, options.vocabulary_scale)
        if options.folder is None:
            shutil.rmtree(work)
        return
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


def vocabulary(work: Path, etl: str, env: dict[str, str], scale: float) -> None:
    """Load a bundle of full size beside a bare read of it, and map a small night with it and with the small one."""
    bundle, base = work / f"vocabulary-{scale}", DATA / "vocabulary"
    if not bundle.exists():
        writer = str(Path(__file__).with_name("vocabulary_bundle.py"))
        timed([sys.executable, writer, str(bundle), "--base", str(base), "--scale", str(scale)], env)
    floor = [sys.executable, "-c", READ_VOCABULARY, str(bundle), env.get("ETL_THREADS", str(os.cpu_count() or 2))]
    console = Console(highlight=False)
    table = Table(title=f"{sum(f.stat().st_size for f in bundle.glob('*.csv')) / 1e9:.1f} GB of vocabulary",
                  box=None, header_style="bold")  # fmt: skip
    for column in ("", "seconds", "peak GiB"):
        table.add_column(column, justify="left" if not column else "right")
    before, _ = timed(floor, env)
    nights: dict[str, Path] = {}
    for name, folder in (("full", bundle), ("small", base)):
        home = nights[name] = work / f"home-{name}"
        shutil.rmtree(home, ignore_errors=True)
        seconds, memory = timed([etl, "vocabulary", "load", str(folder)], {**env, "ETL_HOME": str(home)})
        table.add_row(f"etl vocabulary load, {name}", f"{seconds:.1f}", f"{memory:.2f}")
    after, memory = timed(floor, env)
    table.add_row("DuckDB reads the full one and drops it", f"{(before + after) / 2:.1f}", f"{memory:.2f}")
    for name, home in nights.items():
        run = [etl, "run", "synthea", str(DATA / "synthea-27"), "--night", "2026-01-01"]
        seconds, memory = timed(run, {**env, "ETL_HOME": str(home)})
        table.add_row(f"a night of 27 patients with the {name} one", f"{seconds:.1f}", f"{memory:.2f}")
        for stage, _, took in stages(home):
            table.add_row(f"  {stage}", f"{took:.1f}", "")
    console.print(table)


def stages(home: Path) -> list[tuple[str, int, float]]:
    """Name, rows and seconds of the stages of the one run in a home."""
    with sqlite3.connect(home / "ledger.sqlite") as ledger:
        return list(ledger.execute("select stage, rows, seconds from stage order by started_at, rowid"))


def show(work: Path, export: Path, floor: float, run: float, memory: float) -> None:
    """Print the stages with rows per second, and the whole run as a multiple of the floor."""
    size = sum(f.stat().st_size for f in export.glob("*.csv")) / 1e9
    took = stages(work / "home")
    console = Console(highlight=False)
    table = Table(title=f"{size:.1f} GB, {took[0][1]:,} rows in", box=None, header_style="bold")
    for column, side in (
        ("", "left"),
        ("rows", "right"),
        ("seconds", "right"),
        ("rows/s", "right"),
        ("× floor", "right"),
    ):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    table.add_row("floor: read and write only", f"{took[0][1]:,}", f"{floor:.1f}", f"{took[0][1] / floor:,.0f}", "1.0")
    for stage, rows, seconds in took:
        table.add_row(f"  {stage}", f"{rows:,}", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{seconds / floor:.1f}")
    table.add_row(
        "the whole etl run", f"{took[0][1]:,}", f"{run:.1f}", f"{took[0][1] / run:,.0f}", f"{run / floor:.1f}"
    )
    console.print(table)
    console.print(f"peak memory {memory:.1f} GiB")


if __name__ == "__main__":
    main()
