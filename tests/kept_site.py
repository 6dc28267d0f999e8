"""Nights of a ledger measured by the battery, with made-up figures, and findings tracked over them: for pages."""

from __future__ import annotations

import random
from datetime import date

import sqlalchemy as sa

from etl.cdm.spec import tables
from etl.quality.battery.checks import Check
from etl.quality.battery.kept import Published, keep
from etl.quality.battery.measure import Measured
from etl.quality.battery.nights import checks_by_id
from etl.quality.battery.schema import Schema
from etl.quality.findings.track import track
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN

#: The hospitals of the made-up ledger by their numbers.
NUMBERS = {"snuh": 1, "dsmc": 7, "cnuh": 5}
_ROWS = 40_000


class Made:
    """A hospital's figures, night by night: most checks find nothing, a few find more every night."""

    def __init__(self, checks: list[Check], number: int) -> None:
        self.number, self.checks = number, checks
        self.draw = random.Random(number)
        fields = {n: {f.name: f.duckdb_type for f in t.fields} for n, t in tables().items()}
        self.schema = Schema(fields)
        self.wrong = {c.id: self._share(c) for c in checks}

    def _share(self, check: Check) -> float:
        """Few checks find something, the same ones at most hospitals."""
        odd = random.Random(check.id).random() < 0.02
        return self.draw.choice([0.0, 0.00002, 0.02, 0.2]) if odd else 0.0

    def night(self, night: date, n: int) -> Measured:
        """What would be measured of the n-th night."""
        found = Measured(night, self.schema, [self.number], seconds=2.0)
        rows = _ROWS + 150 * n
        for table, fields in self.schema.fields.items():
            found.rows[self.number, table] = rows
            for field in fields:
                found.filled[self.number, table, field] = rows
        for check in self.checks:
            if check.table in self.schema.fields:
                share = self.wrong[check.id] * (1 + 0.4 * n)
                of = rows // 50 if check.type.level == "CONCEPT" else rows
                found.violated[self.number, check.id] = min(of, round(of * share))
                found.of[self.number, check.id] = of
        return found


def measured_nights(settings: Settings, ledger: Ledger | None = None) -> None:
    """Keep made-up figures of every published run, then track what gates and battery say."""
    ledger = ledger or Ledger(settings.ledger_url)
    checks = list(checks_by_id(settings).values())
    made = {hospital: Made(checks, number) for hospital, number in NUMBERS.items()}
    runs = ledger.read(sa.select(RUN).where(RUN.c.state == "published").order_by(RUN.c.night, RUN.c.number))
    for n, run in enumerate(runs):
        measured = made[run["hospital"]].night(run["night"], n // 3)
        published = Published(run["hospital"], NUMBERS[run["hospital"]], run["night"], run["run_id"], run["number"])
        keep(ledger, measured, published, checks, "basis")
    track(settings, ledger)
