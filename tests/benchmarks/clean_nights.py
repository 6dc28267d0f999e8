"""`python tests/benchmarks/clean_nights.py`: two hundred clean nights, and what is told of them; writes a page.

The nights are those of `tests/data/clean_nights.yaml`. A run that was broken off goes on; when program, mappings,
expectations or chains have changed since, it begins anew (--keep: it goes on all the same).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clean_nights import Chain, chains, go_on, patients
from long_runs import FOLDER, processes, same_program, work_through

import etl
from etl.settings import PROJECT

PAGE = PROJECT / "docs" / "clean-nights.md"
_HEAD = """# Clean nights

Written by `make clean-nights` on {day}, program {version} (state {state}). The chains are
`tests/data/clean_nights.yaml`: a hospital of the sample ({patients} patients, a seed of its own) publishes a first
night, then one night after the other over weekends, holidays, ends of months and a year's end; every night is the
whole hospital, with what came since. Nothing is wrong with any but what the sample's traps put in. After each night
gates and battery are asked, as `etl run` does.

*Told* is a finding that is new, came back or became worse that night. Target: no night is stopped, and at most one
false finding is told a night.

**{nights} nights of {asked}: {stopped} stopped; {told} findings, told of {with_told} nights, at most {most} a night.**
A night took {seconds:.1f} s.

"""


def _page(read: Sequence[tuple[Chain, Sequence[dict[str, Any]]]], state: str) -> str:
    nights = [night for _, chain in read for night in chain]
    told = [len(night["told"]) for night in nights]
    head = _HEAD.format(
        day=date.today(), version=etl.__version__, state=state, patients=patients(), nights=len(nights),
        asked=sum(chain.nights for chain, _ in read),
        stopped=sum(n["state"] != "published" for n in nights), told=sum(told), with_told=sum(t > 0 for t in told),
        most=max(told, default=0), seconds=sum(n["seconds"] for n in nights) / max(len(nights), 1),
    )  # fmt: skip
    lines = ["| hospital | from | nights | over | stopped | told | at most a night |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| {c.hospital} | {c.first} | {len(n)} | {c.over} | {sum(x['state'] != 'published' for x in n)} | "
        f"{sum(len(x['told']) for x in n)} | {max((len(x['told']) for x in n), default=0)} |"
        for c, n in read
    ]
    said = Counter(text.replace("|", "/") for night in nights for text in night["told"])
    lines += ["", "| what was told | times |", "|---|---|"] if said else []
    return head + "\n".join([*lines, *(f"| {text} | {n} |" for text, n in said.most_common())]) + "\n"


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="hospitals; without any all of them, and the page is written")
    parser.add_argument("--keep", action="store_true", help="go on though the program has changed")
    said = parser.parse_args()
    folder = FOLDER / "clean"
    state = (folder / "program").read_text() if said.keep else same_program(folder)
    chosen = [c for c in chains() if not said.names or c.hospital in said.names]
    notes = work_through(folder, {c.name: c.nights for c in chosen}, go_on, processes())
    read = [(c, n.lines()) for c, n in zip(chosen, notes, strict=True)]
    for chain, nights in read:
        for night in nights:
            for text in night["told"]:
                print(f"{chain.hospital:8} {night['night']} {night['state']:10} {text}")
    if not said.names:
        PAGE.write_text(_page(read, state), encoding="utf-8")


if __name__ == "__main__":
    _main()
