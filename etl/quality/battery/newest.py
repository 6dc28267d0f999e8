"""What the battery says of every hospital's newest measured night, judged by the thresholds of today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from etl.quality.battery.battery import states_of
from etl.quality.battery.checks import Check
from etl.quality.battery.judge import Result, judge
from etl.quality.battery.kept import load
from etl.quality.battery.overrides import FOLDER, read_overrides
from etl.quality.battery.summary import DIMENSIONS, Tally, errors, tally
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tracking import BATTERY, LOOK


@dataclass(frozen=True)
class Judged:
    """One hospital's measured night with the verdicts of all checks, in the order of the checks."""

    hospital: str
    night: date
    run_id: str
    results: tuple[Result, ...]

    @cached_property
    def all(self) -> Tally:
        """How many checks ended how."""
        return tally("all", self.results)

    @cached_property
    def error_free(self) -> Tally:
        """What is wrong by itself: its `held` stands beside the accuracy that certifications ask for."""
        return errors(self.results)

    @cached_property
    def grave(self) -> int:
        """How many checks failed whose fault is grave."""
        return sum(r.status == "failed" and r.check.type.severity == "fatal" for r in self.results)

    @cached_property
    def by_dimension(self) -> list[Tally]:
        """By the dimensions that Korean quality reports are divided into, in their order."""
        return [tally(name, (r for r in self.results if r.check.type.dimension == name)) for name in DIMENSIONS]


def newest_looks(ledger: Ledger, until: date | None = None) -> list[Mapping[str, Any]]:
    """The look at every hospital's newest measured night, or the newest up to a day, by hospital."""
    counts = [LOOK.c.kind == BATTERY, LOOK.c.error.is_(None), LOOK.c.withdrawn.is_(False)]
    if until is not None:
        counts.append(LOOK.c.night <= until)
    order = (LOOK.c.night.desc(), LOOK.c.number.desc())
    place = sa.func.row_number().over(partition_by=LOOK.c.hospital, order_by=order)
    ranked = sa.select(LOOK.c.number, place.label("place")).where(*counts).subquery()
    chosen = sa.select(ranked.c.number).where(ranked.c.place == 1)
    return ledger.read(sa.select(LOOK).where(LOOK.c.number.in_(chosen)).order_by(LOOK.c.hospital))


#: What was judged before, by the look and when what it is judged by was written.
Known = dict[tuple[int, datetime, tuple[tuple[str, int], ...]], Judged]
_MOST_KNOWN = 100  # a judged night takes half a megabyte


def judged(
    ledger: Ledger, looks: Sequence[Mapping[str, Any]], checks: Mapping[str, Check], folder: Path,
    known: Known | None = None,
) -> list[Judged]:  # fmt: skip
    """The verdicts at some looks; `folder` is where checks and overrides are written down.

    What a look counted never changes, so verdicts stay in `known` until a threshold does.
    """
    known = {} if known is None else known
    if len(known) > _MOST_KNOWN:
        known.clear()
    found = []
    for look in looks:
        key = (look["number"], look["looked_at"], _written(folder, look["hospital"]))
        if key not in known:
            known[key] = _judged(ledger, look, checks, folder)
        found.append(known[key])
    return found


def _judged(ledger: Ledger, look: Mapping[str, Any], checks: Mapping[str, Check], folder: Path) -> Judged:
    overrides = read_overrides(folder, look["hospital"], checks.keys())
    every = list(checks.values())
    results = judge(every, load(ledger, look, every), look["hospital_number"], overrides)
    return Judged(look["hospital"], look["night"], look["run_id"], tuple(results))


def _written(folder: Path, hospital: str) -> tuple[tuple[str, int], ...]:
    """When the files were written that a hospital is judged by; 0: it has none of its own."""
    own = folder / FOLDER / f"{hospital}.yaml"
    return (*states_of(folder.parent), (own.name, own.stat().st_mtime_ns if own.exists() else 0))
