"""`python tests/benchmarks/faults.py`: every fault of the catalogue made on purpose, and what the product says of each.

All faults at their realistic size, then smaller shares of each until one is not seen; writes docs/faults.md. A run that
was broken off goes on; when program, mappings, expectations or catalogue have changed since, it begins anew (--keep: it
goes on all the same). With names of faults or hospitals only these, as a list.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fault_catalogue import catalogue
from fault_nights import Verdict, findings_of
from fault_runs import Seen, judge_all
from long_runs import FOLDER, processes, same_program

import etl
from etl.quality.battery.battery import load_battery
from etl.quality.battery.checks import Check
from etl.settings import PROJECT

PAGE = PROJECT / "docs" / "faults.md"
_HEAD = """# Faults on purpose

Written by `make faults` on {day} in one run, program {version} (state {state}); the catalogue is
`tests/data/faults/`. A hospital of the sample (250 patients) publishes four clean nights, over a weekend. Into the
delivery of the fifth one fault is put, the real stages run, and what the product says is held against what it says
of the clean delivery of the same seed.

*Size* is the share of rows that is struck (of the rows that the fault is about), *smallest* the least of the shares
tried that was seen (-: no other was tried). *First seen* is the stage that told it, *so grave* the gravest of what is
new: blocked (a gate closed or the files were refused), held (waits for a person),
warned (a finding). *Checks* failed that did not fail on the clean night, the battery's among them where the night
was published; *findings* are what `etl findings` makes of them. *Leads* means that one new finding names the table,
and the column or the kind of fault.

The rules were written beside this catalogue: there is no set of faults that they had not seen.

"""


def _page(seen: Sequence[Seen], state: str, checks: dict[str, Check]) -> str:
    firsts = [s.realistic for s in seen]
    stages = Counter(v.stage or "not seen" for v in firsts)
    asked, made = sum(len(v.signs) for v in firsts), sum(findings_of(v.signs, checks) for v in firsts)
    tried = [v for s in seen for v in s.verdicts[1:]]
    head = _HEAD.format(day=date.today(), version=etl.__version__, state=state) + (
        f"**{sum(v.seen for v in firsts)} of {len(firsts)} seen** at their realistic size, "
        f"{sum(v.led for v in firsts)} led to the cause. First seen by: "
        f"{', '.join(f'{stage} {n}' for stage, n in stages.most_common())}. {_smaller(tried)}"
        f"{asked:,} checks failed that did not before: {made:,} findings, "
        f"{made / len(firsts):.1f} a fault.\n\n"
    )
    unseen = [f"`{s.fault.id}` at {v.share:g}" for s in seen for v in s.verdicts if not v.seen]
    if unseen:
        head += f"Not seen: {', '.join(unseen)}.\n\n"
    head += (
        "| fault | hospital | size | smallest | first seen | so grave | checks | findings | leads | what is said |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(_line(s, checks) for s in seen) + "\n"


def _smaller(tried: Sequence[Verdict]) -> str:
    return f"Of {len(tried)} smaller sizes {sum(v.seen for v in tried)} were seen. " if tried else ""


def _line(seen: Seen, checks: dict[str, Check]) -> str:
    first, fault = seen.realistic, seen.fault
    says = (first.leads or first.says).replace("\n", " ").replace("|", "/")
    columns = (
        f"`{fault.id}`<br>{fault.en} · {fault.ko}", fault.hospital, f"{first.share:g}",
        f"{seen.smallest:g}" if seen.smallest is not None and seen.tried else "-", first.stage or "not seen",
        first.severity or "-",
        str(len(first.signs)), str(findings_of(first.signs, checks)), "yes" if first.led else "no", says[:200],
    )  # fmt: skip
    return f"| {' | '.join(columns)} |"


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="faults, or hospitals; without any all, and the page is written")
    parser.add_argument("--keep", action="store_true", help="go on though the program has changed")
    parser.add_argument("--realistic", action="store_true", help="no smaller shares")
    said = parser.parse_args()
    folder = FOLDER / "faults"
    state = (folder / "program").read_text() if said.keep else same_program(folder)
    faults = [f for f in catalogue() if not said.names or {f.id, f.hospital} & set(said.names)]
    seen = judge_all(folder, faults, processes(), smaller=not said.realistic)
    if not said.names:
        checks = {check.id: check for check in load_battery(PROJECT / "expectations")}
        PAGE.write_text(_page(seen, state, checks), encoding="utf-8")
    for each in seen:
        for v in each.verdicts:
            print(f"{v.fault:32} {v.share:<5g} {v.stage or 'not seen':12} {v.severity or '-':8} {len(v.signs):3} "
                  f"{'leads' if v.led else '-'}")  # fmt: skip


if __name__ == "__main__":
    _main()
