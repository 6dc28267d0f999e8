"""Hospitals side by side over their last nights: volumes, mapping, lost rows, nights, findings, battery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from etl.quality.battery.newest import Judged
from etl.quality.findings.actions import today
from etl.quality.findings.read import Tracked, list_findings
from etl.quality.report.figures import RunSummary
from etl.quality.report.read import TREND_NIGHTS, last_deliveries, summaries
from etl.quality.report.tonight import newest_runs
from etl.store.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Side:
    """One hospital beside the others; shares are 0 to 1, `moved` in percentage points, `seconds` the median.

    `run` is its newest night whose rows have an outcome; nights are the last that came, at most `TREND_NIGHTS`.
    """

    hospital: str
    run: RunSummary | None
    nights: int
    published: int
    rows: float | None
    moved: float | None
    lost: float | None
    filtered: float | None
    seconds: float | None
    findings: int
    grave: int
    waiting: int
    late: int
    failed: int | None
    error_free: float | None

    @property
    def rate(self) -> float | None:
        """Mapping rate of the newest night."""
        return self.run.rate if self.run else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All hospitals, and of each figure what lies in the middle."""

    sides: tuple[Side, ...]
    newest: date | None
    nights: int = TREND_NIGHTS

    def middle(self, name: str) -> float | None:
        """The median of a figure over the hospitals that have it."""
        known = [value for side in self.sides if (value := getattr(side, name)) is not None]
        return median(known) if known else None

    def most(self, name: str) -> float:
        """The largest of a figure; 1 where there is none."""
        return max((float(getattr(side, name) or 0) for side in self.sides), default=1.0) or 1.0


def comparison(ledger: Ledger, judged: Sequence[Judged]) -> Comparison:
    """The hospitals' last nights, their findings that are not resolved, and their newest measured nights."""
    runs = last_deliveries(summaries(ledger, newest_runs(ledger)))
    own: dict[str, list[RunSummary]] = {}
    for run in runs:
        own.setdefault(run.hospital, []).append(run)
    tracked: dict[str, list[Tracked]] = {}
    for finding in list_findings(ledger):
        if finding.state != "resolved":
            tracked.setdefault(finding.hospital, []).append(finding)
    measured = {night.hospital: night for night in judged}
    sides = (_side(hospital, nights, tracked.get(hospital, []), measured) for hospital, nights in sorted(own.items()))
    return Comparison(tuple(sides), max((run.night for run in runs), default=None))


def _side(
    hospital: str, runs: Sequence[RunSummary], tracked: Sequence[Tracked], measured: Mapping[str, Judged]
) -> Side:  # fmt: skip
    mapped = [run for run in runs if run.rate is not None]
    known = [run for run in runs if run.quarantined is not None and run.rows_in]
    newest = known[-1] if known else None
    day, night = today(), measured.get(hospital)
    return Side(
        hospital, newest, len(runs), sum(run.state == "published" for run in runs),
        _median([run.rows_in for run in runs]),
        100 * ((mapped[-1].rate or 0) - (mapped[0].rate or 0)) if len(mapped) > 1 else None,
        _share(newest, (newest.quarantined or 0) + (newest.rejected or 0)) if newest else None,
        _share(newest, newest.filtered or 0) if newest else None,
        _median([run.seconds for run in runs]),
        len(tracked), sum(f.severity == "fatal" for f in tracked), sum(f.needs_a_person for f in tracked),
        sum(f.is_late(day) for f in tracked),
        night.all.statuses["failed"] if night else None, night.error_free.held if night else None,
    )  # fmt: skip


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _share(run: RunSummary, rows: int) -> float | None:
    return rows / run.rows_in if run.rows_in else None
