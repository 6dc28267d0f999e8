"""`python tests/benchmarks/faults.py`: every fault of the catalogue made on purpose, and what the product says of each.

--clean N runs N clean nights of other seeds, after holidays and weekends, and counts what is told of them. --smallest
goes on to smaller shares until a fault is not seen. --json prints verdicts. Without names docs/faults.md is written.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fault_catalogue import Fault, catalogue
from fault_nights import Alarms, Nights, Verdict, judge_all, realistic

from etl.settings import PROJECT

PAGE = PROJECT / "docs" / "faults.md"
_FIRST = date(2026, 9, 22)  # clean nights begin before Chuseok and go on over weekends and holidays
_OF_A_SEED = 40
_HEAD = """# Faults on purpose

Written by `make faults`; the catalogue is `tests/data/faults/`. A hospital of the sample (250 patients) publishes four
clean nights, over a weekend. Into the delivery of the fifth one fault is put, the real stages run, and what the product
says is held against what it says of the clean delivery of the same seed.

*First seen* is the stage that told it, *so grave* the gravest of what is new: blocked (a gate closed or the files were
refused), held (waits for a person), warned (a finding). *Leads* means that one new finding names the table, and the
column or the kind of fault. *Size* is the share of rows that is struck (of the rows that the fault is about),
*smallest* the least of the shares tried that was seen (`-`: no other was tried).

The rules were written beside this catalogue: there is no set of faults that they had not seen.

"""


def _line(fault: Fault, found: Sequence[Verdict]) -> str:
    first = realistic(found)
    tried = len(found) > 1 or len(fault.shares) == 1
    smallest = min((v.share for v in found if v.seen), default=None) if tried else None
    says = (first.leads or first.says).replace("\n", " ").replace("|", "/")
    columns = (
        f"`{fault.id}`<br>{fault.en} · {fault.ko}", fault.hospital, f"{first.share:g}",
        f"{smallest:g}" if smallest is not None else "-", first.stage or "not seen", first.severity or "-",
        str(first.new), "yes" if first.led else "no", says[:200],
    )  # fmt: skip
    return f"| {' | '.join(columns)} |"


def _page(faults: Sequence[Fault], found: Sequence[Verdict]) -> str:
    by_fault = {f.id: [v for v in found if v.fault == f.id] for f in faults}
    firsts = [realistic(v) for v in by_fault.values()]
    stages = Counter(v.stage or "not seen" for v in firsts)
    summary = (
        f"**{sum(v.seen for v in firsts)} of {len(firsts)} seen** at their realistic size, "
        f"{sum(v.led for v in firsts)} led to the cause. First seen by: "
        f"{', '.join(f'{stage} {n}' for stage, n in stages.most_common())}.\n\n"
    )
    head = (
        "| fault | hospital | size | smallest | first seen | so grave | new findings | leads | what is said |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    return _HEAD + summary + head + "\n".join(_line(f, by_fault[f.id]) for f in faults) + "\n"


def _clean(folder: Path, hospital: str, nights: int) -> None:
    """What is told of clean nights, of each seed some weeks one after the other: growth, weekends, holidays."""
    told: list[Alarms] = []
    began = time.perf_counter()
    for seed in range(2, 2 + -(-nights // _OF_A_SEED)):
        made = Nights(folder / str(seed), hospital, seed=seed, night=_FIRST)
        for alarms in made.one_after_the_other(min(_OF_A_SEED, nights - len(told))):
            told.append(alarms)
            print(json.dumps({"night": len(told), **asdict(alarms)}, ensure_ascii=False), flush=True)
    stopped = sum(t.state != "published" for t in told)
    seconds = (time.perf_counter() - began) / len(told)
    print(f"{len(told)} nights, {stopped} not published, {sum(t.new for t in told)} new findings, at most "
          f"{max(t.new for t in told)} a night, {seconds:.1f} s a night")  # fmt: skip


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="faults, or hospitals; without any all of them")
    parser.add_argument("--clean", type=int, metavar="N", help="clean nights instead")
    parser.add_argument("--hospital", default="boramae", help="whose clean nights")
    parser.add_argument("--smallest", action="store_true")
    parser.add_argument("--json", action="store_true")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if said.clean:
            _clean(Path(place), said.hospital, said.clean)
            return
        faults = [f for f in catalogue() if not said.names or {f.id, f.hospital} & set(said.names)]
        found = judge_all(Path(place), faults, every_share=said.smallest, tell=_tell)
    if said.json:
        print(json.dumps([asdict(v) for v in found], ensure_ascii=False, indent=1))
    if not said.names:
        PAGE.write_text(_page(faults, found), encoding="utf-8")


def _tell(fault: Fault, verdict: Verdict) -> None:
    said = f"{fault.id:32} {verdict.share:<5g} {verdict.stage or 'not seen':12} {verdict.severity or '-':8} "
    print(f"{said}{verdict.new:3} {'leads' if verdict.led else '-'}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    _main()
