"""Measures on one input, one after the other: the floor, a whole `etl run` with all gates, and nights of changes.

The floor is what any pipeline must do: read the same files with pyarrow and write them as zstd Parquet, nothing else.
The nights of changes touch one person in a hundred each. With --vocabulary the load of a vocabulary of full size is
measured instead of them. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from measure import ROOT, compile_once, environment, timed
from night_of_changes import add_nights, level, measure_nights
from rich.console import Console
from vocabulary_load import measure_vocabulary
from whole_night import add_whole, measure_whole, new_table, warm_up

DATA = Path(os.environ.get("ETL_TEST_DATA", ROOT.parent / "shared" / "data"))


def _options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int, default=400, help="copies of the 27-patient export (default 400)")
    parser.add_argument("--nights", type=int, default=3, metavar="N",
                        help="nights of changes after the first (default 3, 0 for none); with six or more it says "
                             "whether they stay level as the history grows")  # fmt: skip
    parser.add_argument("--vocabulary", action="store_true", help="measure a vocabulary instead of nights of changes")
    parser.add_argument("--vocabulary-scale", type=float, default=1, help="times the full size of 7.5 million concepts")
    parser.add_argument("--folder", type=Path, help="where to work; what was generated there is used again. "
                                                    "Default a temporary folder")  # fmt: skip
    return parser.parse_args()


def export_of(work: Path, scale: int) -> Path:
    """The scaled export, made unless it is there."""
    export = work / f"synthea-{scale}"
    if not export.exists():
        made = export.with_name(f"{export.name}.part")  # a broken-off one is not taken for whole
        script = str(DATA / "scale_synthea.py")
        timed([sys.executable, script, str(DATA / "synthea-27"), str(made), str(scale)], environment(work / "home"))
        made.rename(export)
    return export


def main() -> None:
    """Make the input, measure, and print the tables."""
    options = _options()
    if not (DATA / "synthea-27").exists():
        sys.exit(f"no Synthea export in {DATA}; set ETL_TEST_DATA")
    work = options.folder or Path(tempfile.mkdtemp(prefix="etl-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, width=128)
    try:
        compile_once()
        export = export_of(work, options.scale)
        warm_up(DATA / "synthea-27", DATA / "vocabulary", work)
        whole = measure_whole(export, DATA / "vocabulary", work)
        size = sum(f.stat().st_size for f in export.glob("*.csv")) / 1e9
        table = new_table(f"{size:.1f} GB, {whole.rows:,} rows in")
        add_whole(table, whole)
        if options.vocabulary:
            console.print(table, measure_vocabulary(DATA, work, options.vocabulary_scale, whole))
            return
        nights = measure_nights(export, DATA / "vocabulary", work, options.nights) if options.nights else ()
        add_nights(table, whole, nights)
        console.print(table, *filter(None, [level(nights)]))
    finally:
        if options.folder is None:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
