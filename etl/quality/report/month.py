"""One month of the consortium for its committee: nights, rows and mapping, findings, the battery at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from etl.quality.battery.newest import Judged
from etl.quality.battery.summary import DIMENSIONS, Tally, tally
from etl.quality.report.figures import RunSummary
from etl.quality.report.read import last_deliveries, summaries
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.ledger.tracking import FINDING_ACTION, TRACKED_FINDING

_KOREA = timedelta(hours=9)
#: A night is on time when it is published by this hour of the next day in Korea.
ON_TIME = time(7)


@dataclass(frozen=True, slots=True)
class Line:
    """One hospital's month; `rate` of its last night, `moved` in points since its first, shares 0 to 1."""

    hospital: str
    nights: int
    published: int
    on_time: int
    rows: int
    rate: float | None
    moved: float | None
    lost: float | None
    opened: int
    closed: int
    open: int
    error_free: float | None
    error_free_before: float | None


@dataclass(frozen=True, slots=True)
class NightOfAll:
    """One night of all hospitals together."""

    night: date
    hospitals: int
    published: int
    rows: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Month:
    """Everything that the report shows but its texts; `dimensions` at the end of the month and before it."""

    first: date
    last: date
    lines: tuple[Line, ...]
    nights: tuple[NightOfAll, ...]
    dimensions: tuple[tuple[str, Tally, Tally | None], ...]
    earlier: date | None
    later: date | None

    @property
    def name(self) -> str:
        """As links say it: 2026-11."""
        return month_name(self.first)

    def sum(self, name: str) -> int:
        """A figure of all hospitals together."""
        return sum(getattr(line, name) for line in self.lines)


def month_name(first: date) -> str:
    """A month as links say it: 2026-11."""
    return f"{first:%Y-%m}"


def month_of(name: str) -> date | None:
    """The first day of a month as links say it; None where that is no month."""
    try:
        return date.fromisoformat(f"{name}-01")
    except ValueError:
        return None


def months(ledger: Ledger) -> list[date]:
    """The first days of the months that have nights, the oldest first."""
    nights = ledger.read(sa.select(RUN.c.night).distinct())
    return sorted({row["night"].replace(day=1) for row in nights})


def month(ledger: Ledger, first: date, measured: Callable[[date | None], Sequence[Judged]]) -> Month | None:
    """A month; `measured` gives every hospital's newest measured night up to a day. None: no night was in it."""
    there = months(ledger)
    if first not in there:
        return None
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    within = (RUN.c.night >= first, RUN.c.night <= last)
    ids = [row["run_id"] for row in ledger.read(sa.select(RUN.c.run_id).where(*within))]
    runs = last_deliveries(summaries(ledger, ids))
    after = {night.hospital: night for night in measured(last) if night.night >= first}
    before = {night.hospital: night for night in measured(first - timedelta(days=1))}
    findings = _findings(ledger, first, last)
    hospitals = sorted({run.hospital for run in runs})
    lines = (_line(h, [r for r in runs if r.hospital == h], findings, after.get(h), before.get(h)) for h in hospitals)
    place = there.index(first)
    return Month(
        first, last, tuple(lines), _nights(runs), _dimensions(list(after.values()), list(before.values())),
        there[place - 1] if place else None, there[place + 1] if place + 1 < len(there) else None,
    )  # fmt: skip


def _line(
    hospital: str, runs: Sequence[RunSummary], findings: Mapping[str, Mapping[str, int]], after: Judged | None,
    before: Judged | None,
) -> Line:  # fmt: skip
    mapped = [run for run in runs if run.rate is not None]
    rows = sum(run.rows_in or 0 for run in runs)
    lost = sum((run.quarantined or 0) + (run.rejected or 0) for run in runs)
    published = [run for run in runs if run.state == "published"]
    own = {kind: numbers.get(hospital, 0) for kind, numbers in findings.items()}
    return Line(
        hospital, len(runs), len(published), sum(_is_on_time(run) for run in published), rows,
        mapped[-1].rate if mapped else None,
        100 * ((mapped[-1].rate or 0) - (mapped[0].rate or 0)) if mapped else None,
        lost / rows if rows else None, own["opened"], own["closed"], own["open"],
        after.error_free.held if after else None, before.error_free.held if before else None,
    )  # fmt: skip


def _is_on_time(run: RunSummary) -> bool:
    by = datetime.combine(run.night + timedelta(days=1), ON_TIME) - _KOREA
    return run.ended_at is not None and run.ended_at <= by


def _nights(runs: Sequence[RunSummary]) -> tuple[NightOfAll, ...]:
    """By night, the newest first."""
    found = []
    for night in sorted({run.night for run in runs}, reverse=True):
        own = [run for run in runs if run.night == night]
        known = [run for run in own if run.records]
        records = sum(run.records or 0 for run in known)
        rate = sum(run.records_mapped or 0 for run in known) / records if records else None
        published = sum(run.state == "published" for run in own)
        found.append(NightOfAll(night, len(own), published, sum(run.rows_in or 0 for run in own), rate))
    return tuple(found)


def _dimensions(after: Sequence[Judged], before: Sequence[Judged]) -> tuple[tuple[str, Tally, Tally | None], ...]:
    def of(nights: Sequence[Judged], name: str) -> Tally:
        return tally(name, (r for night in nights for r in night.results if r.check.type.dimension == name))

    return tuple((name, of(after, name), of(before, name) if before else None) for name in DIMENSIONS) if after else ()


def _findings(ledger: Ledger, first: date, last: date) -> dict[str, dict[str, int]]:
    """By hospital, findings that were first seen in the month, that were resolved in it, that were open at its end."""
    tracked, action = TRACKED_FINDING.c, FINDING_ACTION.c
    begin, end = (datetime.combine(day, time()) - _KOREA for day in (first, last + timedelta(days=1)))
    done = sa.select(action.finding, action.after, sa.func.row_number().over(
        partition_by=action.finding, order_by=action.number.desc()).label("place"))  # fmt: skip
    newest = done.where(action.at < end).subquery()
    resolved = sa.select(newest.c.finding).where(newest.c.place == 1, newest.c.after == "resolved")
    closing = sa.select(action.finding).where(
        action.at >= begin, action.at < end, action.after == "resolved", action.before != "resolved"
    )
    asked: dict[str, tuple[Any, ...]] = {
        "opened": (tracked.first_night >= first, tracked.first_night <= last),
        "closed": (tracked.number.in_(closing),),
        "open": (tracked.first_night <= last, tracked.number.not_in(resolved)),
    }
    return {kind: _by_hospital(ledger, where) for kind, where in asked.items()}


def _by_hospital(ledger: Ledger, where: tuple[Any, ...]) -> dict[str, int]:
    hospital = TRACKED_FINDING.c.hospital
    query = sa.select(hospital, sa.func.count().label("n")).where(*where).group_by(hospital)
    return {row["hospital"]: row["n"] for row in ledger.read(query)}
