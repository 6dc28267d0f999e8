"""One check over nights, hospitals side by side: its kept figures, judged by the thresholds of today."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from etl.quality.battery.checks import Check
from etl.quality.battery.encoded import Figure, decode, filled_of, rows_of
from etl.quality.battery.judge import Status, judge
from etl.quality.battery.measure import Measured
from etl.quality.battery.overrides import Override, read_overrides
from etl.quality.battery.schema import Schema
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tracking import BATTERY, BATTERY_FIGURE, BATTERY_LAYOUT, CHECK_NAME, LOOK

NIGHTS_OF_A_PAGE = 30
_ERAS = "condition_occurrence"  # what a check of condition eras is of, beside its own table


@dataclass(frozen=True, slots=True)
class Cell:
    """What a check said of a hospital's night; `threshold` in percent, `reason` why it says nothing."""

    run_id: str
    status: Status
    violated: int | None
    of: int | None
    threshold: float | None = None
    reason: str = ""
    override: Override | None = None

    @property
    def share(self) -> float | None:
        """Violated as a share of all, 0 to 1; None where nothing was counted."""
        return self.violated / self.of if self.violated is not None and self.of else None


@dataclass(frozen=True, slots=True)
class History:
    """A page of nights, the oldest first, of `pages`; what was said by hospital and night, and newest of all."""

    nights: tuple[date, ...]
    hospitals: tuple[str, ...]
    cells: Mapping[tuple[str, date], Cell]
    newest: Mapping[str, tuple[date, Cell]]
    page: int
    pages: int


def history_of(ledger: Ledger, checks: Mapping[str, Check], name: str, folder: Path, page: int = 1) -> History:
    """A page of the nights of one of the checks, the newest on the first; `folder` is where overrides are."""
    looks = _looks(ledger)
    nights = sorted({look["night"] for look in looks}, reverse=True)
    pages = max(1, -(-len(nights) // NIGHTS_OF_A_PAGE))
    page = min(max(page, 1), pages)
    shown = nights[(page - 1) * NIGHTS_OF_A_PAGE : page * NIGHTS_OF_A_PAGE]
    newest = {look["hospital"]: look for look in looks}  # in the order of nights
    chosen = [look for look in looks if look["night"] in set(shown)]
    overrides = {hospital: read_overrides(folder, hospital, checks.keys()) for hospital in newest}
    verdicts = _verdicts(ledger, checks[name], overrides, [*chosen, *newest.values()])
    cells = {(look["hospital"], look["night"]): verdicts[look["number"]] for look in chosen}
    last = {hospital: (look["night"], verdicts[look["number"]]) for hospital, look in sorted(newest.items())}
    return History(tuple(reversed(shown)), tuple(sorted(newest)), cells, last, page, pages)


def _looks(ledger: Ledger) -> list[Mapping[str, Any]]:
    """Every measurement that counts, by night; the last of a night last."""
    counts = (LOOK.c.kind == BATTERY, LOOK.c.error.is_(None), LOOK.c.withdrawn.is_(False))
    named = ("number", "hospital", "hospital_number", "night", "run_id", "layout", "failed")
    return ledger.read(
        sa.select(*(LOOK.c[name] for name in named)).where(*counts).order_by(LOOK.c.night, LOOK.c.number)
    )


def _verdicts(
    ledger: Ledger, check: Check, overrides: Mapping[str, Mapping[str, Override]], looks: Sequence[Mapping[str, Any]]
) -> dict[int, Cell]:  # fmt: skip
    schemas = {row["number"]: Schema(json.loads(row["fields"])) for row in ledger.read(sa.select(BATTERY_LAYOUT))}
    figures = _figures(ledger, check)
    found = {}
    for look in looks:
        number = look["hospital_number"]
        measured = Measured(look["night"], schemas[look["layout"]], [number])
        measured.failed = json.loads(look["failed"] or "{}")
        decode(_as_of(figures.get(number, {}), look["number"]), number, _decoded(check), measured)
        [result] = judge([check], measured, number, overrides[look["hospital"]])
        found[look["number"]] = Cell(
            look["run_id"], result.status, result.violated, result.of, result.threshold, result.reason, result.override
        )
    return found


def _decoded(check: Check) -> list[Check]:
    """The check, and one that stands for the other table whose rows it needs."""
    return [check] if check.table == _ERAS else [check, Check(check.type, _ERAS)]


def _figures(ledger: Ledger, check: Check) -> dict[int, dict[str, list[tuple[int, Figure]]]]:
    """All that is kept of a check and what it is counted of: by hospital's number and name, the newest first."""
    names = [check.id, rows_of(check.table), rows_of(_ERAS), filled_of(check.table, check.field)]
    asked = {
        row["number"]: row["name"] for row in ledger.read(sa.select(CHECK_NAME).where(CHECK_NAME.c.name.in_(names)))
    }
    numbers = [row["n"] for row in ledger.read(sa.select(LOOK.c.hospital_number.label("n")).distinct())]
    figure = BATTERY_FIGURE.c
    query = sa.select(BATTERY_FIGURE).where(figure.hospital_number.in_(numbers), figure.asked.in_(asked))
    found: dict[int, dict[str, list[tuple[int, Figure]]]] = {}
    for row in ledger.read(query.order_by(figure.look.desc())):
        kept = found.setdefault(row["hospital_number"], {}).setdefault(asked[row["asked"]], [])
        kept.append((row["look"], (row["violated"], row["total"])))
    return found


def _as_of(figures: Mapping[str, Sequence[tuple[int, Figure]]], look: int) -> dict[str, Figure]:
    """The figures as they stood at a look."""
    last = {name: next((figure for at, figure in kept if at <= look), None) for name, kept in figures.items()}
    return {name: figure for name, figure in last.items() if figure is not None}
