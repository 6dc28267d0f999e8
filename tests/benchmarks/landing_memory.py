"""`python tests/benchmarks/landing_memory.py [CASE …]`: peaks of memory of processes that land bad or big files.

Each case is landed by a process of its own, with ETL_MEMORY=500MB and two threads; its peak may exceed ETL_MEMORY by
400 MB. Files are made below TMPDIR and removed again.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tiny
from pydantic import SecretStr

from etl.engine import open_engine
from etl.errors import EtlError
from etl.mapping.load import load_mappings
from etl.night.delivery import open_delivery
from etl.night.land.land import land
from etl.settings import Settings
from etl.store.keys.keystore import open_key_store

LAB = b"PT_NO,ADM_NO,EXM_CD,EXM_DTM,RESULT,UNIT"
ROW = b"70001,A01,L001,2026-06-01 09:10,11.2,g/dL\n"
LIMIT = 500 + 400


def _wide_header(out: BinaryIO) -> None:
    """67 MB whose header has a column more than every line."""
    out.write(LAB + b",MORE\n")
    for _ in range(160):
        out.write(ROW * 10_000)


def _line_ends(size: int) -> Callable[[BinaryIO], None]:
    def write(out: BinaryIO) -> None:
        out.write(LAB + b"\n" + ROW * 1_000 + ROW[:-5] + b'"')
        for _ in range(size >> 20):
            out.write(b"\n" * (1 << 20))
        out.write(b'"\n' + ROW * 1_000)

    return write


def _fields_of_line_ends(out: BinaryIO) -> None:
    """16 MB in a few fields that hold nothing but line ends, each short enough to be read."""
    out.write(LAB + b"\n" + ROW * 1_000)
    for _ in range(9):
        out.write(ROW[:-5] + b'"' + b"\n" * 1_900_000 + b'"\n')
    out.write(ROW * 1_000)


def _letters(size: int) -> Callable[[BinaryIO], None]:
    def write(out: BinaryIO) -> None:
        out.write(LAB + b"\n" + ROW * 1_000 + ROW[:-5] + b'"')
        for _ in range(size >> 20):
            out.write(b"x" * (1 << 20))
        out.write(b'"\n' + ROW * 1_000)

    return write


def _rejects(out: BinaryIO) -> None:
    """A million lines that cannot be read among as many good ones, which the contract allows."""
    out.write(LAB + b"\n")
    for _ in range(100):
        out.write((ROW + b"70001,A01,L001\n") * 10_000)


def _patient(i: int) -> str:
    rrn, phone = f"{i % 900_000 + 100_000}-1{i % 1_000_000:06}", f"010-{i % 10_000:04}-7001"
    return f"{10_000_000 + i},N{i:08},{rrn},{phone},M,1945-01-01,\n"


def _patients(count: int) -> Callable[[BinaryIO], None]:
    def write(out: BinaryIO) -> None:
        out.write(b"PT_NO,NM,RRN,TEL,SEX,BIRTH,DEATH\n")
        for n in range(0, count, 10_000):
            out.write("".join(map(_patient, range(n, n + 10_000))).encode("ascii"))

    return write


CASES: dict[str, tuple[str, Callable[[BinaryIO], None]]] = {
    "wide-header": ("LAB", _wide_header),
    "line-ends-16": ("LAB", _line_ends(16 << 20)),
    "line-end-fields": ("LAB", _fields_of_line_ends),
    "line-ends-200": ("LAB", _line_ends(200 << 20)),
    "letters-200": ("LAB", _letters(200 << 20)),
    "rejects": ("LAB", _rejects),
    "patients-2m": ("PAT", _patients(2_000_000)),
    "patients-5m": ("PAT", _patients(5_000_000)),
}


def _land(case: str, home: Path) -> None:
    """Land one case in this process; prints what became of it as JSON."""
    file, write = CASES[case]
    hospital = tiny.make(home, home / "no_vocabulary")
    if case == "rejects":
        hospital.rewrite("sources.yaml", "file: LAB.csv", "file: LAB.csv\n    max_rejected: 0.9")
    folder = hospital.deliver()
    with (folder / f"{file}.csv").open("wb") as out:
        write(out)
    settings = Settings(
        home=home,
        mappings=home / "mappings",
        threads=2,
        memory="500MB",
        key_secret=SecretStr(tiny.SECRET),
        _env_file=None,
    )
    mapping = load_mappings(settings.mappings, ["tiny"])["tiny"]
    keys = open_key_store(settings, "tiny", mapping.hospital.number)
    began = time.perf_counter()
    (home / "landed").mkdir()
    try:
        delivery = open_delivery("tiny", folder)
        with open_engine(settings, delivery.night, identifiers=True) as con:
            land(con, mapping, delivery, keys, home / "landed", 0)
        said = "landed"
    except EtlError as error:
        said = f"{error.exit_code}: {error.message}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"said": said[:150], "peak": peak, "seconds": time.perf_counter() - began}))


def main() -> int:
    """Land every case and print its peak (MB) and time (s); 1 when one exceeds what is allowed."""
    asked = argparse.ArgumentParser()
    asked.add_argument("cases", nargs="*", default=list(CASES))
    asked.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.here:
        _land(given.cases[0], given.here)
        return 0
    worst = 0
    for case in given.cases:
        with tempfile.TemporaryDirectory() as place:
            done = subprocess.run(
                [sys.executable, __file__, case, "--here", str(Path(place) / "home")], capture_output=True, text=True,
                check=False, env=os.environ,
            )  # fmt: skip
        if done.returncode:
            print(f"{case:<16} died: {done.stderr.strip().splitlines()[-1:]}")
            worst = 1 << 20
            continue
        said = json.loads(done.stdout.splitlines()[-1])
        worst = max(worst, said["peak"])
        print(
            f"{case:<16}{said['peak']:>7,} MB {said['seconds']:>7.1f} s  {said['said']}",
            flush=True,
        )
    return worst > LIMIT


if __name__ == "__main__":
    sys.exit(main())
