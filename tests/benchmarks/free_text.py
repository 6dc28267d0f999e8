"""Measures what is found of identifiers in free text, and writes the table of docs/free-text.md.

python tests/benchmarks/free_text.py                    10,000 remarks, into the page
python tests/benchmarks/free_text.py --speed 1000000    seconds and memory of so many texts, two million names
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import planted_remarks

from etl.night.land.freetext.names import Names
from etl.night.land.freetext.numbers import Numbers
from etl.night.land.freetext.scrub import Scrubber
from etl.night.land.freetext.written import known_names

PAGE = planted_remarks.ROOT / "docs" / "free-text.md"
_PEOPLE = 200_000
_BATCH = 2_048
_EXAMPLE = planted_remarks.Person(
    "홍길동", "HONG GIL DONG", "12345678", "900101-1234567", "010-0000-1234", "02-000-1234", "M12345678",
    "hong@example.org", "서울특별시 종로구 세종대로 1",
)  # fmt: skip


def table(outcome: planted_remarks.Outcome) -> str:
    """The table of a measurement."""
    rows = ["| spelling | an example, invented | planted | found |", "|---|---|---|---|"]
    for spelling, planted in outcome.planted.items():
        shown = re.sub("[«»]", "", planted_remarks.SPELLINGS[spelling](_EXAMPLE)).replace("|", "\\|")
        rows.append(f"| {spelling} | {shown} | {planted:,} | {outcome.found[spelling] / planted:.2%} |")
    rows.append(f"| **all** | | **{outcome.planted.total():,}** | **{outcome.share:.2%}** |")
    lost = outcome.blanked.total() / outcome.words
    return "\n".join([*rows, "", f"Of {outcome.words:,} clinical words beside them, {lost:.4%} were blanked."])


def measured(remarks: int) -> planted_remarks.Outcome:
    """What becomes of so many remarks, of a hospital of 200,000 patients."""
    rng = random.Random(1)
    known = planted_remarks.people(rng, _PEOPLE)
    return planted_remarks.measure(
        planted_remarks.scrubber(known).scrub, list(planted_remarks.remarks(rng, known, remarks))
    )


def into_page(text: str) -> None:
    """Put the table between the marks of the page."""
    said = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- measured -->\n", "<!-- end -->"
    before, _, rest = said.partition(begin)
    PAGE.write_text(f"{before}{begin}\n{text}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def speed(texts: int, names: int) -> str:
    """Seconds of the processor, and memory, of many different texts, with many names."""
    rng = random.Random(2)
    syllables = [chr(c) for c in rng.sample(range(0xAC00, 0xD7A4), 160)]
    many = pa.array(["".join(rng.choices(syllables, k=3)) for _ in range(names)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    scrub = Scrubber(
        Names(known_names(many)), Numbers(np.empty(0, dtype=np.uint64), lambda n: np.zeros(len(n), np.uint64))
    )
    built, took, clinical = time.process_time() - began, 0.0, planted_remarks.clinical(rng)
    for first in range(0, texts, _BATCH):
        batch = pa.chunked_array([[f"{next(clinical)} {next(clinical)} {first + i}" for i in range(_BATCH)]])
        began = time.process_time()
        scrub(batch)
        took += time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return f"{names:,} names in {built:.1f} s; {texts:,} texts in {took:.1f} s; {grown:.0f} MB more at the peak"


def main() -> None:
    """Measure what the options say."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--remarks", type=int, default=10_000)
    options.add_argument("--speed", type=int, metavar="TEXTS", help="measure seconds and memory instead")
    options.add_argument("--names", type=int, default=2_000_000)
    given = options.parse_args()
    if given.speed:
        print(speed(given.speed, given.names))
    else:
        into_page(table(measured(given.remarks)))
        print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
