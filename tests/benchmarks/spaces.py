"""How long a space takes, how much memory, and what attackers find in it: `python tests/benchmarks/spaces.py`.

By default 50,000 of 200,000 invented persons; `--attacks` tells the shares of docs/spaces.md instead.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import made_space
import space_attacks as attacks

SHIFT = {"strict": 182, "standard": 30, "linked": 0}


def speed(persons: int, asked: int, memory: str) -> None:
    """Print the seconds of a build and the peak of the process."""
    cohort = (
        f"select person_id, date '2020-01-01' as index_date from person where person_id * 7919 % {persons} < {asked}"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "warehouse.duckdb"
        with made_space.warehouse(persons, threads=2, memory=memory, file=file):
            made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
        with made_space.opened(file, threads=2, memory=memory) as con:
            began = time.monotonic()
            measured, _ = made_space.build(
                con, made_space.definition(cohort=cohort), file=Path(folder) / "space.duckdb"
            )
            seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    print(
        f"{measured.persons:,} of {persons:,} persons: {seconds:.1f} s, peak {peak:.2f} GiB (making them: {made:.2f})"
    )


def found(persons: int) -> None:
    """Print which share of targets an attacker finds, by level and by how many records are known."""
    for level, shift in SHIFT.items():
        with made_space.warehouse(persons) as con:
            made_space.build(con, made_space.definition(level=level))
            day = attacks.by_one_day(con)
            print(f"{level}: one day and code {day:.2f}")
            for events in (3, 5, 10):
                codes = attacks.by_codes(con, events)
                coded, visits = (attacks.by_events(con, events, shift, coded=c) for c in (True, False))
                print(
                    f"  {events}: codes {codes:.2f}, codes and intervals {coded:.2f}, intervals of visits {visits:.2f}"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=200_000)
    parser.add_argument("--asked", type=int, default=50_000)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--attacks", action="store_true")
    given = parser.parse_args()
    if given.attacks:
        found(1000)
    else:
        speed(given.persons, given.asked, given.memory)
