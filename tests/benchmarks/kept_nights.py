"""`python tests/benchmarks/kept_nights.py [--nights N]`: how much the ledger grows by what the battery measures.

One hospital whose tables grow by a few rows in a thousand every night, with all 2,374 checks: most fields are filled
throughout or empty, some in part; most checks find nothing, a few find more every night. It measures nothing: figures
are made, written down as after every night, and one night in a hundred is read again and must be what it was.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from etl.cdm.spec import hospital_tables
from etl.quality.battery.checks import Check, load_checks
from etl.quality.battery.judge import judge
from etl.quality.battery.kept import Published, history, keep, load
from etl.quality.battery.measure import Measured
from etl.quality.battery.schema import Schema
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger

_HOSPITAL = 5
_FIRST = date(2026, 1, 1)


class Growing:
    """A hospital's figures, night by night."""

    def __init__(self, checks: list[Check], seed: int) -> None:
        self.draw = random.Random(seed)
        self.checks = checks
        fields = {n: {f.name: f.duckdb_type for f in t.fields} for n, t in hospital_tables().items()}
        self.schema = Schema(fields)
        self.rows = {table: self.draw.choice([20_000, 400_000, 3_000_000]) for table in fields}
        parts = [1.0] * 6 + [0.0] * 3 + [0.7]
        self.filled = {(t, f): self.draw.choice(parts) for t, named in fields.items() for f in named}
        self.wrong = {c.id: self.draw.choice([0.0] * 9 + [0.01]) for c in checks}

    def night(self, night: date) -> Measured:
        """What would be measured of the next night."""
        found = Measured(night, self.schema, [_HOSPITAL], seconds=2.0)
        for table, rows in self.rows.items():
            self.rows[table] = rows + round(rows * self.draw.choice([0, 0.001, 0.003]))
            found.rows[_HOSPITAL, table] = self.rows[table]
        for (table, field), part in self.filled.items():
            found.filled[_HOSPITAL, table, field] = round(self.rows[table] * part)
        for check in self.checks:
            if check.table in self.rows:
                self._answer(check, found)
        return found

    def _answer(self, check: Check, found: Measured) -> None:
        key, rows = (_HOSPITAL, check.id), self.rows[check.table]
        filled = found.filled.get((_HOSPITAL, check.table, check.field), rows)
        if check.type.name in ("isRequired", "measureValueCompleteness"):
            found.violated[key], found.of[key] = rows - filled, rows
        elif check.type.level == "CONCEPT":
            found.violated[key], found.of[key] = round(rows * self.wrong[check.id] / 50), rows // 50
        else:
            found.violated[key], found.of[key] = round(filled * self.wrong[check.id]), filled


def main() -> None:
    """Write nights down and tell what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=1000)
    asked = parser.parse_args()
    checks = load_checks(PROJECT / "expectations" / "dqd")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.sqlite"
        ledger, growing, expected = Ledger(f"sqlite:///{file}"), Growing(checks, 1), {}
        empty, began = file.stat().st_size, time.perf_counter()
        for n in range(asked.nights):
            night = _FIRST + timedelta(days=n)
            measured = growing.night(night)
            keep(ledger, measured, Published("tiny", _HOSPITAL, night, f"r{n}", n), checks, "basis")
            if n % 100 == 0:
                expected[night] = judge(checks, measured, _HOSPITAL)
        written = (time.perf_counter() - began) / asked.nights
        began = time.perf_counter()
        for look in (look for look in history(ledger) if look["night"] in expected):
            if judge(checks, load(ledger, look, checks), _HOSPITAL) != expected[look["night"]]:
                raise SystemExit(f"the night {look['night']} is not what it was")
        read = (time.perf_counter() - began) / len(expected)
        ledger.engine.dispose()
        grown = sum(f.stat().st_size for f in Path(folder).iterdir())
    table = Table(box=None, header_style="bold")
    for name in ("nights", "MB", "kB a night", "8 hospitals, a year", "written in", "read in"):
        table.add_column(name, justify="right")
    night_kb = (grown - empty) / asked.nights / 1e3
    table.add_row(
        f"{asked.nights:,}", f"{(grown - empty) / 1e6:.1f}", f"{night_kb:.1f}", f"{night_kb * 365 * 8 / 1e3:.0f} MB",
        f"{1000 * written:.0f} ms", f"{1000 * read:.0f} ms",
    )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
