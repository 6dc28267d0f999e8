"""OHDSI's phenotypes, all at once, one by one, and by Circe's own SQL: what differs, and how long each takes.

    python tests/benchmarks/phenotypes.py [--every N] [--persons N] [--cdm FILE.duckdb]

Without a CDM (`etl export FILE.duckdb`; it is copied) invented persons have records of the very concepts that the
definitions ask for.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parents[1]))
import phenotype_judge
import phenotype_rows


def main() -> None:
    """Compare and measure."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--every", type=int, default=1, help="only each so-manieth definition")
    arguments.add_argument("--persons", type=int, default=20, help="invented persons of each definition")
    arguments.add_argument("--cdm", type=Path, help="an exported warehouse instead of invented persons")
    given = arguments.parse_args()
    asked = phenotype_judge.definitions(given.every)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cdm.duckdb"
        if given.cdm:
            shutil.copy(given.cdm, file)
        else:
            phenotype_rows.write(file, asked, persons=given.persons)
        official = sum(phenotype_judge.judge(file, asked).values())
        cohorts = phenotype_judge.read(asked)
        with duckdb.connect(str(file), read_only=True) as con:
            single = phenotype_judge.find(con, cohorts, at_once=False)
            once = phenotype_judge.find(con, cohorts, at_once=True)
            differ = phenotype_judge.differences(con)
            rows, filled = con.execute("select count(*), count(distinct cohort_definition_id) from ours").fetchone()
    unsaid = [number for number, cohort in cohorts if cohort.official]
    print(f"{len(cohorts)} definitions, {filled} with somebody, {rows:,} rows; {len(differ)} differ: {differ}")
    print(f"only Circe's SQL says {len(unsaid)}: {unsaid}")
    for name, seconds in (("official, one by one", official), ("ours, one by one", single), ("ours, at once", once)):
        print(f"{name:22} {seconds:8.1f} s  {seconds / once:6.1f}")


if __name__ == "__main__":
    main()
